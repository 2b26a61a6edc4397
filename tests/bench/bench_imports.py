"""Importing: rows a second from the file to the commit, against python-calamine reading the same bytes and no more.

Ours and the ceiling take turns in one process; the middle of the ratios counts.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from io import BytesIO

import asyncpg
from python_calamine import CalamineWorkbook

from server import demo_cohort
from server.commands.imports import exit_code
from server.composition import running
from server.domain import imports
from server.domain.ports import Services
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import make

COUNT = 20_000
ROUNDS = 3
AGAINST = "python-calamine 只读同一文件"


def run() -> list[Row]:
    with place() as settings:
        return asyncio.run(_measure(settings))


async def _measure(settings: Settings) -> list[Row]:
    people = demo_cohort.people(COUNT)
    books = {"candidates": demo_cohort.people_book(people), "scores": demo_cohort.score_book(people)}
    names = imports.Names.of(demo_cohort.names(people))
    steps = (
        ("导入考生信息", "candidates", False),
        ("试运行成绩（只检查）", "scores", True),
        ("导入成绩", "scores", False),
        ("重复导入成绩（无变化）", "scores", False),
    )
    ours: dict[str, list[float]] = {name: [] for name, _, _ in steps}
    ceiling: dict[str, list[float]] = {name: [] for name, _, _ in steps}
    async with running(settings) as s:
        for _ in range(ROUNDS):
            await _empty(settings.database_url)
            for name, kind, dry_run in steps:
                ceiling[name].append(_alone(books[kind], len(people)))
                ours[name].append(await _import(s, kind, books[kind], names, dry_run=dry_run))
    return [
        Row(
            f"{name}，{len(people):,} 行",
            statistics.median(ours[name]),
            statistics.median(ceiling[name]),
            "行/秒",
            AGAINST,
            "",
            statistics.median(a / b for a, b in zip(ours[name], ceiling[name], strict=True)),
        )
        for name, _, _ in steps
    ]


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "TRUNCATE school, candidate, certificate_kind, import_run RESTART IDENTITY CASCADE"
    )
    await connection.close()


async def _import(s: Services, kind: str, book: bytes, names: imports.Names, *, dry_run: bool) -> float:
    began = time.perf_counter()
    ended = await imports.take(
        s, kind, f"{kind}.xlsx", book, wish=imports.Wish(dry_run=dry_run, creating=names), actor=make.OPERATOR
    )
    assert exit_code(ended) == 0, ended.errors[:3]
    return ended.rows_total / (time.perf_counter() - began)


def _alone(book: bytes, count: int) -> float:
    began = time.perf_counter()
    rows = CalamineWorkbook.from_filelike(BytesIO(book)).get_sheet_by_index(0).to_python()
    assert len(rows) == count + 1
    return count / (time.perf_counter() - began)
