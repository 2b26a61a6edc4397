"""The port on which every process of the service, on every host, says that it lives; part of `ports.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

WEB, JOBS = "web", "jobs"
KINDS = (WEB, JOBS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessBeat:
    """One process as it was at `seen`. `kind`: web or jobs. `pool_used` of `pool_most` database connections are in use."""

    host: str
    pid: int
    kind: str
    version: str
    began: datetime
    seen: datetime
    pool_used: int
    pool_most: int

    @property
    def key(self) -> str:
        return f"{self.host}:{self.pid}"


class ProcessBoard(Protocol):
    """Where they stand side by side. Every verb raises OutsideFailure when it is away."""

    async def tell(self, beat: ProcessBeat) -> None:
        """Write, or write over, this process's line."""

    async def forget(self, key: str) -> None:
        """The process ends in an orderly way."""

    async def all(self) -> list[ProcessBeat]:
        """Every line that is there; one that was killed leaves its last."""
