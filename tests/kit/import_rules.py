"""Rows for the rules of imports, and the codes they are answered with."""

from __future__ import annotations

from typing import Any

from server import demo_cohort
from server.demo_cohort import PEOPLE_HEADER, SCORE_HEADER, Person
from server.domain import imports
from server.domain.ports import Services
from tests.kit import importing

PEOPLE = [p for p in demo_cohort.people(60) if p.score is not None and not p.is_social]
ONE, TWO = PEOPLE[0], PEOPLE[2]  # of different schools, plans and levels
Codes = list[tuple[int, str, str]]


async def take(s: Services, kind: str, header: Any, *rows: list[Any], **more: Any) -> imports.ImportView:
    return await importing.take(s, kind, "x.xlsx", demo_cohort.book(header, rows), **more)


async def scores(s: Services, *rows: list[Any]) -> imports.ImportView:
    return await take(s, "scores", SCORE_HEADER, *rows)


def codes(ended: imports.ImportView) -> Codes:
    return [(e["row"], e["column"], e["code"]) for e in ended.errors]


def person_row(person: Person, **cells: Any) -> list[Any]:
    row = person.people_row()
    for title, value in cells.items():
        row[PEOPLE_HEADER.index(title)] = value
    return row


HOURS = ["姓名", "证件号码", "证书等级", "督导学时", "实践学时"]
