"""Processes of a started service."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.service import Service
from tests.kit.started import proc


class PlainService(Service):
    """Started as everybody starts it, for who looks at the processes themselves."""

    is_forked = False


class TwoProcesses(PlainService):
    """What its web processes count together is decided when the program is loaded."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"XCERT_WORKERS": "2"}


def family(root: int) -> list[int]:
    """A process and all that descend from it, whatever their group."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (status := proc(int(entry.name), "stat")):
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    pids = [root]
    for pid in pids:
        pids += [child for child, parent in parents.items() if parent == pid]
    return pids
