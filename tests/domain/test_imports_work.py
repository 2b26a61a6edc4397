"""How often cells, rows and places are worked on, counted: an import's time is that number times a little."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from datetime import date
from types import FrameType
from typing import Any

from server.adapters.spreadsheets import process
from server.demo_cohort import PEOPLE_HEADER, names, people, people_book, score_book
from server.domain.imports import Names, parsed_rows, scores
from server.domain.imports import people as people_topic
from server.domain.imports.import_plan import Verdict
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Column, Draft, drafts, find_table
from server.domain.imports.score_records import Records
from tests.kit.workbooks import taken

DAY = date(2026, 6, 1)


def cleaned(data: bytes, columns: tuple[Column, ...]) -> tuple[Counter[tuple[str, Any]], list[Draft]]:
    """How often each text of each column was cleaned."""
    found: Counter[tuple[str, Any]] = Counter()

    def counting(column: Column) -> Column:
        def clean(raw: Any) -> Any:
            found[column.title, raw] += 1
            return column.clean(raw)

        return replace(column, clean=clean)

    table = find_table(process.read(data), columns, {})
    return found, list(drafts(table, tuple(map(counting, columns))))


def test_a_text_that_a_column_says_many_times_is_cleaned_once() -> None:
    cohort = people(200)
    for data, topic in ((score_book(cohort), scores), (people_book(cohort), people_topic)):
        found, got = cleaned(data, topic.COLUMNS)
        assert len(got) == 200
        assert {how_often for (_, raw), how_often in found.items() if isinstance(raw, str)} == {1}


def test_what_is_kept_of_a_column_is_bounded_and_changes_no_value(monkeypatch: Any) -> None:
    data = people_book(people(60))
    _, plain = taken(data)
    monkeypatch.setattr(parsed_rows, "_MOST_KNOWN", 2)
    found, bounded = cleaned(data, people_topic.COLUMNS)
    assert [draft.values for draft in bounded] == [draft.values for draft in plain]
    assert max(found.values()) > 1  # it was let go and asked again


def test_a_text_that_cannot_be_meant_is_refused_in_every_row() -> None:
    lines = [",".join(map(str, person.people_row())) for person in people(5)]
    school = people(5)[0].people_row()[list(PEOPLE_HEADER).index("考生类型")]
    data = "\n".join([",".join(PEOPLE_HEADER), *(line.replace(str(school), "旁听生") for line in lines)])
    _, got = taken(data.encode())
    assert [[(e.row, e.column, e.code) for e in draft.errors] for draft in got] == [
        [(row, "考生类型", "kind_unknown")] for row in range(2, 7)
    ]


def judged(count: int) -> tuple[Counter[str], Verdict]:
    """How often the functions of `scores` run while a sheet of so many new marks is judged."""
    cohort = people(count)
    _, got = taken(score_book(cohort), scores)
    for draft in got:
        scores.settle(draft)
    on_record = {
        draft.values["证件号码"]: OnRecord(
            place, draft.values["姓名"], "居民身份证", "school", 1, None, *[""] * 4
        )
        for place, draft in enumerate(got)
    }
    known = Records(
        on_record,
        {draft.values["证书名称"] for draft in got},
        {draft.values["院校"] for draft in got},
        {},
        today=DAY,
    )
    calls: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == scores.__file__:
            calls[frame.f_code.co_name] += 1

    sys.setprofile(watch)
    try:
        verdict = scores.judge(None, known, got, Names.of(names(cohort)))  # type: ignore[arg-type]
    finally:
        sys.setprofile(None)
    assert verdict.new == len(got)
    return calls, verdict


def test_a_place_is_judged_once_however_many_rows_name_it() -> None:
    calls, verdict = judged(400)
    places = {(e.plan, e.certificate, e.level, e.school) for e in verdict.work.seats}
    assert calls["_judge_place"] == len(places) < 400 / 4
