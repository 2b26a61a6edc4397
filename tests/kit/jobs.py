"""The jobs that verbs put, worked off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from server.domain import imports
from server.domain.corrections import completion
from server.domain.go_live import doctor_runs
from server.domain.issuance import announcements, generation, preparing
from server.domain.portal_lists import comparison, keeping
from server.domain.ports import Services
from server.domain.privacy import erasing
from tests.kit import issuing
from tests.kit.fakes import ListQueue

Jobs = dict[str, Callable[..., Awaitable[Any]]]
TABLE: Jobs = {
    preparing.JOB: preparing.work,
    "issuance.generate": generation.generate,
    "issuance.complete": generation.finish,
    "issuance.announce": announcements.announce,
    generation.CORRECTED: completion.complete,
    "notices.send": issuing.nothing,
    "exams.announce": issuing.nothing,
    "imports.run": imports.run,
    keeping.JOB: comparison.compare,
    doctor_runs.JOB: doctor_runs.examine,
    erasing.JOB: erasing.delete_files,
}


def waiting(s: Services, name: str) -> list[dict[str, Any]]:
    """What the jobs of this name were given."""
    assert isinstance(s.queue, ListQueue)
    return [given for task, given in s.queue.jobs if task == name]


async def drained(s: Services) -> None:
    """Do every job that waits, and those that these put."""
    assert isinstance(s.queue, ListQueue)
    await s.queue.drain(s, TABLE)
