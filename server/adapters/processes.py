"""Children that die with their parent, and processes left over in a folder by a parent that was killed (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PAUSE = 0.02


def die_with_parent(sign: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `sign` to the child when the thread that started it ends.

    Start such children from the main thread only. It works after a change of user too, because subprocess
    changes the user first.
    """
    parent = os.getpid()

    def arrange() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and here
            os._exit(1)

    return arrange


def alive(pid: int) -> bool:
    """Whether a process of this number runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def working_in(folder: Path, program: str) -> list[int]:
    """The numbers of all processes called `program` whose working directory is `folder`."""
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() != program:
                continue
            if (entry / "cwd").readlink() == folder:
                pids.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or somebody else's
    return sorted(pids)


def end(pids: Sequence[int], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Ask ever more firmly: each step is a signal and the seconds it is given to work."""
    living = [pid for pid in pids if alive(pid)]
    for sign, seconds in steps:
        for pid in living:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue
        until = time.monotonic() + seconds
        while living and time.monotonic() < until:
            living = [pid for pid in living if alive(pid)]
            if living:
                time.sleep(_PAUSE)
        if not living:
            return


def end_child(child: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """The same for a child of ours; returns its exit code."""
    for sign, seconds in steps:
        if child.poll() is not None:
            break
        child.send_signal(sign)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    return child.wait()
