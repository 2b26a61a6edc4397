"""Whatever becomes of the process that reads a foreign file, it is one sentence within seconds, and harms nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.spreadsheets import process
from server.commands.imports import exit_code
from server.demo_cohort import PEOPLE_HEADER, book, people
from server.domain import imports
from server.domain.actor import SYSTEM
from server.domain.imports import people as people_topic
from server.domain.imports.parsed_rows import drafts, find_table
from server.domain.ports import Services
from server.errors import Refused
from server.models import ImportRun
from tests.kit import make
from tests.kit.fakes import ListQueue
from tests.kit.old_workbook import row, xls, xlsx

HEADER = list(PEOPLE_HEADER)
PEOPLE = [person.people_row() for person in people(5)]
WORKBOOK, OLD = book(HEADER, PEOPLE), xls([HEADER, *PEOPLE])
DURATIONS = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/>'
    "</cellXfs></styleSheet>"
)
# a duration of a hundred million years: Python's own has no room for it
OVERFLOWING = xlsx(
    row(1, *HEADER) + '<row r="2"><c r="A2" s="1"><v>1000000000000</v></c></row>',
    parts={"xl/styles.xml": DURATIONS},
)


def remembered(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started from now on."""
    started: list[subprocess.Popen[bytes]] = []
    genuine = subprocess.Popen

    def popen(*args: Any, **more: Any) -> Any:
        started.append(genuine(*args, **more))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    return started


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as refused:
        list(process.read(data))
    return refused.value.code


@pytest.mark.parametrize(
    "what",
    [
        "abort",
        "silence",
        "half a frame",
        "no JSON",
        "a frame of four gigabytes",
        "sheets without end",
        "rows that were never told of",
    ],
)
def test_whatever_the_reader_does_the_file_is_damaged(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(process, "_READER", "tests.kit.broken_reader")
    monkeypatch.setattr(process, "_MOST_ANSWER", 5_000_000)
    assert refusal(what.encode()) == "file_damaged"


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_READER", "tests.kit.broken_reader")
    monkeypatch.setattr(process, "SECONDS", 1)
    started = remembered(monkeypatch)
    assert refusal(b"hang") == "file_damaged"
    [child] = started
    assert child.returncode == -9


def test_too_much_memory_ends_the_reader_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MEMORY", 100_000_000)
    cells = "".join(row(n, *(f"{n}-{c}" for c in range(20))) for n in range(1, 20_000))
    assert refusal(xlsx(row(1, *HEADER) + cells)) == "file_damaged"


def test_the_reader_learns_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    genuine = subprocess.Popen

    def popen(*args: Any, **more: Any) -> Any:
        given.append(more)
        return genuine(*args, **more)

    monkeypatch.setattr(subprocess, "Popen", popen)
    [sheet] = process.read(WORKBOOK)
    assert len(sheet.rows) == 6
    assert given[0]["env"].keys() == {"PYTHONPATH"}
    assert given[0]["stderr"] == subprocess.DEVNULL


def test_the_reader_is_started_light() -> None:
    """It comes into being for every file: of ours it imports what it reads with, and neither settings nor ports."""
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {process._READER}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    mine = {name for name in said.stdout.split() if name.partition(".")[0] == "server"}
    assert {name for name in mine if not name.startswith("server.adapters.spreadsheets")} == {
        "server",
        "server.adapters",
        "server.domain",
        "server.domain.tables",
        "server.errors",
    }
    assert not {"subprocess", "asyncio", "openpyxl"} & set(said.stdout.split())


async def test_a_file_that_breaks_its_reader_is_refused_once(services: Services) -> None:
    import_id = await imports.submit(
        services, "candidates", "x.xlsx", OVERFLOWING, wish=imports.Wish(dry_run=False), actor=make.OPERATOR
    )
    assert isinstance(services.queue, ListQueue)
    await services.queue.drain(services, {"imports.run": imports.run})
    ended = await ImportRun.get(id=import_id)
    assert (ended.state, ended.refusal_code, ended.attempts) == ("unreadable", "file_damaged", 1)
    services.clock.forward(minutes=3)  # type: ignore[attr-defined]
    assert await imports.sweep(services) == 0


async def test_the_command_line_answers_with_its_code(services: Services) -> None:
    ended = await imports.take(services, "candidates", "x.xlsx", OVERFLOWING, actor=SYSTEM)
    assert (exit_code(ended), ended.refusal_code) == (2, "file_damaged")


async def test_what_a_terminal_began_is_not_gone_on_with_by_the_service(services: Services) -> None:
    """Somebody pressed Ctrl-C, or the machine went down: nobody asked the service for this import."""
    ended = await imports.take(
        services, "candidates", "x.xlsx", WORKBOOK, wish=imports.Wish(dry_run=True), actor=SYSTEM
    )
    await ImportRun.filter(id=ended.id).update(state="running", finished_at=None)
    services.clock.forward(minutes=3)  # type: ignore[attr-defined]
    assert await imports.sweep(services) == 0
    assert (await ImportRun.get(id=ended.id)).state == "running"
    services.clock.forward(minutes=30)  # type: ignore[attr-defined]
    assert await imports.sweep(services) == 0
    row_now = await ImportRun.get(id=ended.id)
    assert (row_now.state, row_now.refusal_code) == ("unreadable", "run_interrupted")


@settings(max_examples=40)
@given(
    st.sampled_from([WORKBOOK, OLD]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    st.floats(0.5, 1),
)
def test_damaged_files_are_read_right_or_refused(
    whole: bytes, damage: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(whole)
    for where, byte in damage:
        data[int(where * len(data))] = byte
    data = data[: max(600, int(len(data) * kept))]
    try:
        table = find_table(process.read(bytes(data)), people_topic.COLUMNS, {})
    except Refused as refused:
        assert refused.message.endswith("。")
        return
    found = list(drafts(table, people_topic.COLUMNS))
    assert len(found) + len(table.skipped) <= table.sheet.counted


def test_no_child_outlives_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    started = remembered(monkeypatch)
    reading = process.read(WORKBOOK)
    next(reading)
    assert isinstance(reading, Generator)
    reading.close()
    assert started[0].returncode is not None
