"""A check and what is written out of it: later, once, as it was checked; and whose eyes its files are for."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest
from openpyxl import load_workbook

from server.domain import imports
from server.domain.actor import Actor
from server.domain.imports import runs
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, NotFound
from server.models import AuditEntry, ImportRun, Plan, Score
from server.web.console.import_answers import summary
from tests.kit import importing, make
from tests.kit.cohort import changed
from tests.kit.import_rules import ONE, TWO, scores
from tests.kit.importing import book, check
from tests.kit.jobs import drained

AUDITOR = Actor("staff", 4, "审计员", "auditor")


# a check, and what is written out of it


async def test_a_check_is_written_later_by_whoever_may_and_once(known: Services) -> None:
    data = book(ONE.score_row(), changed(TWO, 成绩=101))
    run = await check(known, data, creating=importing.names_in(data))
    with pytest.raises(Forbidden):
        await imports.take_in(known.clock, known.queue, run.id, actor=AUDITOR)
    first = await imports.take_in(known.clock, known.queue, run.id, actor=make.ADMIN)
    again = await imports.take_in(known.clock, known.queue, run.id, actor=make.OPERATOR)
    assert first == again
    await drained(known)
    assert await Score.all().count() == 1
    done = await imports.view(first, actor=make.OPERATOR)
    assert (done.check_id, done.rows_new, done.all_or_nothing) == (run.id, 1, False)
    after = await imports.view(run.id, actor=make.OPERATOR)
    assert (after.can_take, after.taken_by) == (False, first)
    listed = await imports.listing(open_only=True, actor=make.OPERATOR)
    assert [one.id for one in listed.items if one.kind == "scores"] == [first]
    assert run.id in [one.id for one in (await imports.listing(actor=make.OPERATOR)).items]


async def test_a_check_is_written_with_the_settings_it_was_checked_with(known: Services) -> None:
    data = book(ONE.score_row(), changed(TWO, 成绩=101))
    run = await check(known, data, creating=importing.names_in(data), all_or_nothing=True)
    assert (run.rows_taken, run.can_take) == (0, False)
    with pytest.raises(Conflict) as refused:
        await imports.take_in(known.clock, known.queue, run.id, actor=make.OPERATOR)
    assert refused.value.code == "nothing_to_take"
    checked = await imports.check_again(
        known.clock, known.queue, run.id, imports.Names(), actor=make.OPERATOR
    )
    again = await imports.view(checked, actor=make.OPERATOR)
    assert (again.all_or_nothing, again.kind, again.creating) == (True, "scores", run.creating)
    assert not await Score.all().exists()


async def test_what_a_check_did_not_show_is_not_written(known: Services) -> None:
    """Somebody else changed the score meanwhile: old → new is no longer what was looked at."""
    await scores(known, changed(ONE, 成绩=60))
    run = await check(known, book(changed(ONE, 成绩=70)))
    await scores(known, changed(ONE, 成绩=80))
    taken = await imports.take_in(known.clock, known.queue, run.id, actor=make.OPERATOR)
    await drained(known)
    view = await imports.view(taken, actor=make.OPERATOR)
    assert (summary(view).state_label, view.refusal_code) == ("没有写入", "moved_since_check")
    assert (await Score.get()).score == Decimal(80)
    fresh = await imports.check_again(known.clock, known.queue, run.id, imports.Names(), actor=make.OPERATOR)
    await drained(known)
    await imports.take_in(known.clock, known.queue, fresh, actor=make.OPERATOR)
    await drained(known)
    assert (await Score.get()).score == Decimal(70)


async def test_a_plan_released_between_check_and_write_is_left_alone(known: Services) -> None:
    await scores(known, changed(ONE, 成绩=60))
    run = await check(known, book(changed(ONE, 成绩=12)))
    await Plan.all().update(release_at=known.clock.now())
    taken = await imports.take_in(known.clock, known.queue, run.id, actor=make.OPERATOR)
    await drained(known)
    assert (await imports.view(taken, actor=make.OPERATOR)).refusal_code == "moved_since_check"
    assert (await Score.get()).score == Decimal(60)


async def test_an_import_is_no_check_and_a_running_check_not_done(known: Services) -> None:
    done = await scores(known, ONE.score_row())
    running = await imports.submit(
        known, "scores", "a.xlsx", book(ONE.score_row()), wish=imports.Wish(dry_run=True), actor=make.OPERATOR
    )
    for import_id, code in ((done.id, "not_a_check"), (running, "import_running")):
        with pytest.raises(Conflict) as refused:
            await imports.take_in(known.clock, known.queue, import_id, actor=make.OPERATOR)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        await imports.take_in(known.clock, known.queue, 404, actor=make.OPERATOR)


# whose eyes


async def test_a_checks_file_and_report_are_kept_a_day(known: Services) -> None:
    run = await check(known, book(changed(ONE, 成绩=101)))
    taken = await scores(known, ONE.score_row())
    assert run.has_report is True
    keys = {row.id: (row.file_key, row.report_key) for row in await ImportRun.all()}
    assert all(key in known.file_store.files for key in keys[run.id])  # type: ignore[attr-defined]
    known.clock.forward(days=runs.CHECK_KEPT_DAYS, minutes=1)  # type: ignore[attr-defined]
    await imports.sweep(known)
    assert not any(key in known.file_store.files for key in keys[run.id])  # type: ignore[attr-defined]
    assert keys[taken.id][0] in known.file_store.files  # type: ignore[attr-defined]
    with pytest.raises(NotFound) as gone:
        await imports.report(known, run.id, actor=make.OPERATOR)
    assert gone.value.code == "import_file_cleared"
    with pytest.raises(Conflict) as refused:
        await imports.check_again(known.clock, known.queue, run.id, imports.Names(), actor=make.OPERATOR)
    assert refused.value.code == "check_cleared"
    assert (await imports.view(run.id, actor=make.OPERATOR)).errors[0]["value"] == "101"


async def test_the_file_of_a_written_check_stays_with_the_import(known: Services) -> None:
    data = book(ONE.score_row())
    run = await check(known, data, creating=importing.names_in(data))
    taken = await imports.take_in(known.clock, known.queue, run.id, actor=make.OPERATOR)
    await drained(known)
    known.clock.forward(days=2)  # type: ignore[attr-defined]
    await imports.sweep(known)
    assert load_workbook(BytesIO(await imports.report(known, taken, actor=make.OPERATOR))).sheetnames == [
        "有错误的行",
        "改动",
        "小结",
    ]


async def test_a_report_holds_the_bad_rows_alone_and_its_download_is_on_record(known: Services) -> None:
    data = book(ONE.score_row(), changed(TWO, 成绩=101))
    run = await check(known, data, creating=importing.names_in(data))
    with pytest.raises(Forbidden):
        await imports.report(known, run.id, actor=AUDITOR)
    who = make.OPERATOR.at("192.0.2.7", "r-1")
    found = load_workbook(BytesIO(await imports.report(known, run.id, actor=who)))
    said = {str(cell.value) for sheet in found for row in sheet.iter_rows() for cell in row}
    assert TWO.id_number in said
    assert ONE.id_number not in said
    entry = await AuditEntry.get(action="import.download_report")
    assert (entry.subject_kind, entry.subject_id, entry.actor_id, entry.address) == (
        "import",
        str(run.id),
        make.OPERATOR.id,
        "192.0.2.7",
    )


async def test_who_may_not_import_hands_nothing_in(services: Services) -> None:
    with pytest.raises(Forbidden) as refused:
        await imports.submit(
            services, "scores", "a.xlsx", book(), wish=imports.Wish(dry_run=True), actor=AUDITOR
        )
    assert refused.value.code == "role_not_allowed"


async def test_bad_values_are_shown_and_numbers_of_persons_masked(known: Services) -> None:
    number = ONE.id_number[:-1]
    ended = await scores(
        known, changed(ONE, 证件号码=number, 成绩=101, 备注=f"见 {TWO.id_number}" + "长" * 200)
    )
    shown = {error["column"]: error["value"] for error in ended.errors}
    assert shown["成绩"] == "101"
    assert shown["证件号码"] == f"99***********{number[-4:]}"
    assert TWO.id_number not in shown["备注"]
