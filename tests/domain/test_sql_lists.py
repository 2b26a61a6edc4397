"""Lists that one statement reads: every order is walked on and back without losing or doubling a row."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from server.domain.paging import COUNTED, SqlList, Turn
from server.domain.ports import Services
from tests.kit.refusals import code_of

ROWS = """
SELECT * FROM (VALUES
    (1::bigint, 700::bigint, date '2026-11-01', timestamptz '2026-11-01 01:00:00.000001+00', '乙学院'),
    (2, 300, date '2026-10-01', timestamptz '2026-11-01 01:00:00.000002+00', '甲学院'),
    (3, 700, date '2026-11-01', timestamptz '2026-11-01 01:00:00.000001+00', '甲学院'),
    (4, 100, date '2026-12-01', timestamptz '2026-01-01 01:00:00+00', '丙 ~ 学院'),
    (5, 700, date '2026-10-01', timestamptz '2027-01-01 01:00:00+00', 'A')
) AS row(id, amount, day, at, name) WHERE amount >= $1
"""
KINDS = {"amount": "bigint", "day": "date", "at": "timestamptz", "name": "text"}
LIST = SqlList(ROWS, KINDS)


async def walked(sort: str, *, limit: int) -> tuple[list[int], list[int]]:
    """The ids on to the last page, and back from it to the first."""
    seen: list[int] = []
    cursor, page = None, None
    while page is None or cursor is not None:
        page = await LIST.page([0], Turn(sort, cursor, limit=limit))
        seen += [row["id"] for row in page.items]
        cursor = page.next_cursor
    back = [row["id"] for row in page.items]
    while page.before is not None:
        page = await LIST.page([0], Turn(sort, before=page.before, limit=limit))
        back = [row["id"] for row in page.items] + back
    return seen, back


@pytest.mark.parametrize("column", ["id", *KINDS])
async def test_every_order_is_walked_on_and_back(services: Services, column: str) -> None:
    every = (await LIST.page([0], Turn(column))).items
    assert [row["id"] for row in every] == [
        row["id"] for row in (await LIST.page([0], Turn(f"-{column}"))).items[::-1]
    ]
    if column != "name":  # names stand as the database's collation has them
        assert every == sorted(every, key=lambda row: (row[column], row["id"]))
    for sort, ids in (
        (column, [row["id"] for row in every]),
        (f"-{column}", [row["id"] for row in every[::-1]]),
    ):
        for limit in (1, 2, 5):
            assert await walked(sort, limit=limit) == (ids, ids), (sort, limit)


async def test_the_values_narrow_it_down_and_it_is_counted(services: Services) -> None:
    found = await LIST.page([500], Turn("-id", limit=2))
    assert ([row["id"] for row in found.items], found.next_cursor) == ([5, 3], "3")
    assert await LIST.count([500]) == 3
    assert (
        await SqlList(f"SELECT id FROM generate_series(1, {COUNTED + 50}) AS of(id)").count([]) == COUNTED + 1
    )
    assert (await LIST.page([9999], Turn())).items == []


CODED = base64.urlsafe_b64encode("甲\0".encode()).decode()


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("id", "3~4"), ("id", "x"), ("amount", "4"), ("amount", "x~4"), ("amount", "~4"), ("amount", "9" * 19 + "~1"),
        ("day", "2026-13-01~1"), ("day", "700~1"), ("at", "2026-11-01T01:00:00~1"), ("at", "x~1"),
        ("name", "甲~1"), ("name", "!~1"), ("name", f"{CODED}~1"), ("name", "_w==~1"),
    ],
)  # fmt: skip
async def test_a_cursor_of_another_order_is_refused(services: Services, sort: str, cursor: str) -> None:
    turns: tuple[Any, ...] = (Turn(sort, cursor), Turn(sort, before=cursor))
    assert [await code_of(LIST.page([0], turn)) for turn in turns] == ["cursor_unknown"] * 2
