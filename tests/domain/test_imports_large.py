"""Twenty thousand rows once: all taken, the event loop alive meanwhile, and again without a change. XCERT_ROWS: more."""

from __future__ import annotations

import asyncio
import os

import pytest

from server import demo_cohort
from server.domain import imports
from server.domain.ports import Services
from server.models import AuditEntry, Candidate, Registration, Score
from tests.kit import make

COUNT = int(os.environ.get("XCERT_ROWS", "20000"))


class Pulse:
    """Counts how often the event loop came round while something else ran."""

    def __init__(self) -> None:
        self.beats = 0

    async def __aenter__(self) -> Pulse:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            self.beats += 1


@pytest.mark.slow
@pytest.mark.timeout(400)  # some 20 s alone on a machine, several times that beside others
async def test_many_rows(services: Services) -> None:
    people = demo_cohort.people(COUNT)
    books = {"candidates": demo_cohort.people_book(people), "scores": demo_cohort.score_book(people)}
    names = imports.Names.of(demo_cohort.names(people))
    for kind, book in books.items():
        async with Pulse() as pulse:
            ended = await imports.take(
                services, kind, f"{kind}.xlsx", book, wish=imports.Wish(creating=names), actor=make.OPERATOR
            )
        assert (ended.rows_total, ended.rows_taken, ended.rows_refused) == (len(people), len(people), 0)
        assert pulse.beats > 20  # the validator works in threads
    assert await Candidate.all().count() == len(people)
    assert await Score.all().count() == len(people)
    passed = sum(person.passed for person in people)
    assert await Registration.filter(outcome="passed").count() == passed
    again = await imports.take(services, "scores", "scores.xlsx", books["scores"], actor=make.OPERATOR)
    assert (again.rows_taken, again.rows_unchanged) == (0, len(people))
    assert await AuditEntry.filter(action="score.change").count() == 0
