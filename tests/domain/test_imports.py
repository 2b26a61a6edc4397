"""Spreadsheets in, end to end on a real database: the clean and the messy cohort, dry and real, and the answer."""

from __future__ import annotations

import dataclasses
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from server import demo_cohort
from server.commands.imports import exit_code
from server.domain import imports
from server.domain.actor import Actor
from server.domain.imports.states import ImportState
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, NotFound, Refused
from server.models import (
    AuditEntry,
    Candidate,
    LookupChange,
    Plan,
    Registration,
    School,
    Score,
    Site,
)
from tests.kit import importing, make
from tests.kit.cohort import messy_scores
from tests.kit.columns import column
from tests.kit.fakes import ListQueue, MemoryFileStore
from tests.kit.importing import everything


async def take(s: Services, kind: str, data: bytes, **more: Any) -> imports.ImportView:
    return await importing.take(s, kind, f"{kind}.xlsx", data, **more)


PEOPLE = demo_cohort.people(60)


async def test_clean_cohort_is_taken_whole(services: Services) -> None:
    first = await take(services, "candidates", demo_cohort.people_book(PEOPLE))
    assert (first.rows_total, first.rows_taken, first.rows_refused, first.errors) == (60, 60, 0, [])
    assert await Candidate.all().count() == 60
    assert set(await column(School.all(), "name")) == {p.school for p in PEOPLE}
    second = await take(services, "scores", demo_cohort.score_book(PEOPLE))
    assert (second.rows_taken, second.rows_refused, exit_code(second)) == (60, 0, 0)
    outcomes = dict(await Registration.all().values_list("admission_number", "outcome"))
    assert outcomes == {
        p.admission_number: "absent" if p.score is None else ("passed" if p.passed else "failed")
        for p in PEOPLE
    }
    assert {(p.name, p.exam_date) for p in await Plan.all()} == {(p.plan, p.exam_date) for p in PEOPLE}


@pytest.mark.rule("S52")
async def test_sites_are_named_by_school_certificate_and_level(services: Services) -> None:
    await take(services, "candidates", demo_cohort.people_book(PEOPLE))
    await take(services, "scores", demo_cohort.score_book(PEOPLE))
    assert {site.name for site in await Site.all()} == {p.site for p in PEOPLE}


async def test_nothing_personal_is_kept_in_the_open(services: Services) -> None:
    await take(services, "candidates", demo_cohort.people_book(PEOPLE[:3]))
    assert isinstance(services.file_store, MemoryFileStore)
    kept = [*services.file_store.files.values()]
    kept += [repr(row).encode() for row in await Candidate.all().values()]
    kept += [repr(row).encode() for row in await AuditEntry.all().values()]
    for person in PEOPLE[:3]:
        assert not any(person.id_number.encode() in data or person.mobile.encode() in data for data in kept)
    row = await Candidate.get(name=PEOPLE[0].name)
    assert services.keys.decrypt(row.id_sealed, about="candidate.id_number") == PEOPLE[0].id_number
    assert row.mobile_sealed is not None
    assert services.keys.decrypt(row.mobile_sealed, about="candidate.mobile") == PEOPLE[0].mobile


async def test_messy_cohort_meets_the_expected_errors_exactly(services: Services) -> None:
    rows, refused, cleaned = messy_scores(PEOPLE)
    await take(services, "candidates", demo_cohort.people_book(PEOPLE))
    book = demo_cohort.book(demo_cohort.SCORE_HEADER, rows + [p.score_row() for p in PEOPLE[20:]])
    dry = await take(services, "scores", book, dry_run=True)
    assert not await Registration.all().exists()
    ended = await take(services, "scores", book)
    assert [(e["row"], e["column"], e["code"]) for e in ended.errors] == [
        (n + 2, c, code) for n, c, code in refused
    ]
    assert (ended.rows_total, ended.rows_taken, ended.rows_refused, exit_code(ended)) == (57, 44, 13, 3)
    assert (dry.errors, dry.rows_taken, dry.rows_refused) == (ended.errors, 44, 13)
    for admission, score in cleaned:
        assert (await Score.get(registration__admission_number=admission)).score == score


async def test_the_same_file_twice_changes_nothing_and_says_so(services: Services) -> None:
    for kind, book in (
        ("candidates", demo_cohort.people_book(PEOPLE)),
        ("scores", demo_cohort.score_book(PEOPLE)),
    ):
        await take(services, kind, book)
        before, changes = await everything(), await LookupChange.all().count()
        again = await take(services, kind, book)
        assert (again.rows_taken, again.rows_unchanged, again.rows_refused, again.errors) == (0, 60, 0, [])
        assert again.notes[-1] == "所有行都与系统里的记录相同，没有任何改动。"
        assert await everything() == before
        assert await LookupChange.all().count() == changes


async def test_all_or_nothing_takes_nothing_when_one_row_is_refused(services: Services) -> None:
    rows = [p.people_row() for p in PEOPLE[:5]]
    rows[4][2] = rows[4][2][:-1]
    book = demo_cohort.book(demo_cohort.PEOPLE_HEADER, rows)
    ended = await take(services, "candidates", book, all_or_nothing=True)
    assert (ended.rows_taken, ended.rows_refused, exit_code(ended)) == (0, 1, 3)
    assert not await Candidate.all().exists()
    assert (await take(services, "candidates", book)).rows_taken == 4


async def test_the_annotated_workbook_marks_and_explains(services: Services) -> None:
    rows, refused, _ = messy_scores(PEOPLE)
    await take(services, "candidates", demo_cohort.people_book(PEOPLE))
    ended = await take(services, "scores", demo_cohort.book(demo_cohort.SCORE_HEADER, rows))
    book = load_workbook(BytesIO(await imports.report(services, ended.id, actor=make.OPERATOR)))
    sheet = book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    assert header == [*demo_cohort.SCORE_HEADER, "原行号", "导入结果"]
    bad = {n + 2: column for n, column, _ in refused}
    assert [sheet.cell(place, 13).value for place in range(2, sheet.max_row + 1)] == sorted(bad)
    for place, number in enumerate(sorted(bad), 2):
        commented = [header[(cell.column or 0) - 1] for cell in sheet[place] if cell.comment is not None]
        assert commented == [bad[number]]
        cell = sheet.cell(place, header.index(bad[number]) + 1)
        assert cell.fill.fgColor.rgb == "FFF4C7C3"
        assert cell.comment is not None
        assert sheet.cell(place, 14).value == f"未导入：【{bad[number]}】{cell.comment.text}"
    assert not any(cell.data_type == "f" for one in book for row in one.iter_rows() for cell in row)
    assert sheet.cell(sheet.max_row, 9).value == PEOPLE[16].id_number


async def test_a_column_whose_title_is_a_number_comes_back_with_the_rest(services: Services) -> None:
    rows = [[*p.people_row(), "x"] for p in PEOPLE[:2]]
    rows[0][2] = "1"
    header: list[Any] = [*demo_cohort.PEOPLE_HEADER, 2026]
    ended = await take(services, "candidates", demo_cohort.book(header, rows))
    book = load_workbook(BytesIO(await imports.report(services, ended.id, actor=make.OPERATOR)))
    titles = [cell.value for cell in book.worksheets[0][1]]
    assert titles == [*demo_cohort.PEOPLE_HEADER, 2026, "原行号", "导入结果"]


async def test_the_answer_has_counts_progress_and_every_error(services: Services) -> None:
    rows = [p.people_row() for p in PEOPLE[:3]]
    rows[1][0], rows[1][2], rows[1][3] = "", "1", "12"
    book = demo_cohort.book(demo_cohort.PEOPLE_HEADER, rows)
    ended = await importing.take(services, "candidates", "D:\\表\\考生.xlsx", book)
    view = await imports.view(ended.id, actor=make.OPERATOR)
    assert (view.kind, view.file_name, view.state, view.refusal_code) == (
        "candidates",
        "考生.xlsx",
        ImportState.DONE,
        "",
    )
    assert (view.rows_done, view.rows_total, view.rows_taken) == (3, 3, 2)
    assert view.errors == [
        {"row": 3, "column": "姓名", "code": "missing", "detail": "请填写姓名。", "value": ""},
        {
            "row": 3,
            "column": "证件号码",
            "code": "id_length",
            "detail": "证件号码应为 18 位，这里是 1 位，请按身份证填写完整。",
            "value": "*",
        },
        {
            "row": 3,
            "column": "手机号",
            "code": "mobile_invalid",
            "detail": "手机号应为 1 开头的 11 位数字，请核对。",
            "value": "**",
        },
    ]
    listed = await imports.listing(actor=make.OPERATOR)
    assert [item.id for item in listed.items] == [ended.id]
    assert not isinstance(listed.items[0], imports.ImportView), "without its errors"


async def test_submit_queues_and_the_job_takes(services: Services) -> None:
    book = demo_cohort.people_book(PEOPLE[:3])
    names = importing.names_in(book)
    import_id = await imports.submit(
        services,
        "candidates",
        "a.xlsx",
        book,
        wish=imports.Wish(dry_run=False, creating=names),
        actor=make.OPERATOR,
    )
    assert (await imports.view(import_id, actor=make.OPERATOR)).state is ImportState.QUEUED
    with pytest.raises(Conflict) as refused:
        await imports.report(services, import_id, actor=make.OPERATOR)
    assert refused.value.code == "import_running"
    assert isinstance(services.queue, ListQueue)
    assert services.queue.jobs == [("imports.run", {"import_id": import_id})]
    await services.queue.drain(services, {"imports.run": imports.run})
    assert (await imports.view(import_id, actor=make.OPERATOR)).rows_taken == 3
    submitted, taken = await AuditEntry.filter(subject_kind="import").order_by("id")
    assert (submitted.action, submitted.actor_name) == ("import.submit", make.OPERATOR.name)
    assert (taken.action, taken.actor_id, taken.request_id) == ("import.take", make.OPERATOR.id, "test")
    assert taken.became is not None
    assert taken.became["rows_taken"] == 3


async def test_what_is_bad_at_first_sight_is_refused_at_once(services: Services) -> None:
    for kind, data, code in (("nonsense", b"x", "kind_unknown"), ("scores", b"", "file_empty")):
        with pytest.raises(Refused) as refused:
            await imports.submit(
                services, kind, "a.xlsx", data, wish=imports.Wish(dry_run=False), actor=make.OPERATOR
            )
        assert refused.value.code == code
    school = Actor("staff", 9, "院校", role="school", school_id=1)
    with pytest.raises(Forbidden) as forbidden:
        await imports.submit(
            services, "scores", "a.csv", b"x", wish=imports.Wish(dry_run=False), actor=school
        )
    assert forbidden.value.code == "not_for_schools"
    with pytest.raises(NotFound):
        await imports.view(404, actor=make.OPERATOR)


async def test_what_is_bad_inside_stands_in_the_answer(services: Services) -> None:
    book = demo_cohort.book(["甲", "乙"], [["1", "2"]])
    ended = await take(services, "candidates", book)
    assert (ended.refusal_code, exit_code(ended), ended.rows_total) == ("header_missing", 2, 0)
    view = await imports.view(ended.id, actor=make.OPERATOR)
    assert (view.state, view.refusal_code) == (ImportState.UNREADABLE, "header_missing")
    with pytest.raises(Conflict) as refused:
        await imports.report(services, ended.id, actor=make.OPERATOR)
    assert refused.value.code == "import_unreadable"


@pytest.mark.parametrize("role", ["finance", "notifier", "school"])
async def test_who_may_not_see_imports_is_refused_by_the_verb_itself(services: Services, role: str) -> None:
    seen = dataclasses.replace(make.OPERATOR, role="auditor")
    assert (await imports.listing(actor=seen)).items == []
    actor = dataclasses.replace(make.OPERATOR, role=role, school_id=1 if role == "school" else None)
    for asked in (imports.listing(actor=actor), imports.view(1, actor=actor)):
        with pytest.raises(Refused) as caught:
            await asked
        assert caught.value.code == "role_not_allowed"
