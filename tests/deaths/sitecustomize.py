"""Loaded by every Python of a service that a journey kills: the process ends itself, as by SIGKILL, at a named fault point.

The file `place` in the folder DIES_IN says where; it is taken away by the process that dies there, so that it dies once.
With DIES_AS=host its supervisor and all that this one started die with it, as when a machine loses its power.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from server.domain import ports

FOLDER = Path(os.environ["DIES_IN"])


async def _reach(_: ports.NoFaultInjector, place: str) -> None:
    try:
        if (FOLDER / "place").read_text("utf-8") != place:
            return
        (FOLDER / "place").rename(FOLDER / "died")
    except FileNotFoundError:
        return
    for pid in _with_it():
        os.kill(pid, signal.SIGKILL)


def _with_it() -> list[int]:
    """Who dies, this process last."""
    me, parent = os.getpid(), os.getppid()
    if os.environ.get("DIES_AS") != "host":
        return [me]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [*(pid for pid in map(int, children) if pid != me), parent, me]


ports.NoFaultInjector.reach = _reach  # type: ignore[method-assign, assignment]
