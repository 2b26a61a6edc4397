"""Spreadsheets in, end to end on a real database: the clean and the messy cohort."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from server import demo_cohort
from server.domain import imports
from server.domain.ports import Services
from server.records import AuditEntry, Candidate, Plan, PlanSlot, Registration, School, Score, Site
from tests import make
from tests.cohort import messy_scores


async def take(s: Services, kind: str, data: bytes, **more: Any) -> imports.Summary:
    return await imports.take(s, kind, f"{kind}.xlsx", data, actor=make.OPERATOR, **more)


async def test_clean_cohort_is_taken_whole(services: Services) -> None:
    people = demo_cohort.people(60)
    first = await take(services, "candidates", demo_cohort.people_book(people))
    assert (first.rows_total, first.rows_taken, first.rows_refused, first.errors) == (60, 60, 0, [])
    assert await Candidate.all().count() == 60
    assert sorted(await School.all().values_list("name", flat=True)) == sorted({p.school for p in people})
    second = await take(services, "scores", demo_cohort.score_book(people))
    assert (second.rows_taken, second.rows_refused, second.exit_code) == (60, 0, 0)
    outcomes = {
        row["admission_number"]: row["outcome"]
        for row in await Registration.all().values("admission_number", "outcome")
    }
    assert outcomes == {
        p.admission_number: "absent" if p.score is None else ("passed" if p.passed else "failed")
        for p in people
    }
    assert {site.name for site in await Site.all()} == {p.site for p in people}
    assert {(p.name, p.exam_date) for p in await Plan.all()} == {(p.plan, p.exam_date) for p in people}


async def test_messy_cohort_meets_the_expected_errors_exactly(services: Services) -> None:
    people = demo_cohort.people(60)
    rows, refused, cleaned = messy_scores(people)
    await take(services, "candidates", demo_cohort.people_book(people))
    book = demo_cohort.book(demo_cohort.SCORE_HEADER, rows + [p.score_row() for p in people[20:]])
    ended = await take(services, "scores", book)
    assert [(e["row"], e["column"]) for e in ended.errors] == [
        (row + 2, column) for row, column, _ in refused
    ]
    assert [e["code"] for e in ended.errors] == [code for _, _, code in refused]
    assert (ended.rows_total, ended.rows_refused, ended.exit_code) == (57, 12, 3)
    assert ended.rows_taken == 45
    for admission, score in cleaned:
        assert (await Score.get(registration__admission_number=admission)).score == score
