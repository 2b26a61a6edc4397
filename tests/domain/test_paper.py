"""纸质证书 (S91): sheets bound to certificates, spoiled ones accounted for, the parcel from hand to hand to the school."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.certificates import revocation
from server.domain.paper import paper_views, parcels, print_file, print_runs
from server.domain.paper.states import PaperState
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from server.models import AuditEntry, Certificate, Issuance, PaperHand, PaperRun, PaperSheet
from tests.kit import issuing, make, printing
from tests.kit.fakes import FakeClock, FakeSheetPrinter
from tests.kit.jobs import drained
from tests.kit.lock_waits import somebody_waits
from tests.kit.printing import COLLEAGUE, FIRST, LAST, PRINTER, WAYBILL

pytestmark = pytest.mark.rule("S91")


async def bound(run_id: int) -> list[tuple[str, str, str]]:
    """(serial, state, certificate) of each sheet, in order."""
    sheets = await PaperSheet.filter(run_id=run_id).order_by("number").prefetch_related("certificate")
    return [(one.serial, one.state, one.certificate.number) for one in sheets]


async def numbers(batch: Issuance) -> list[str]:
    return [one.number for one in await Certificate.filter(issuance_id=batch.id).order_by("number")]


async def counts(s: Services, run_id: int) -> tuple[int, int, int]:
    """used, spoiled, left: together the range."""
    run = (await paper_views.view(s.clock, run_id, actor=PRINTER)).run
    assert run.used + run.spoiled + run.left == run.sheets
    return run.used, run.spoiled, run.left


async def refusal(act: object) -> str:
    with pytest.raises(Refused) as refused:
        await act  # type: ignore[misc]  # a coroutine
    if isinstance(refused.value, Invalid):
        [error] = refused.value.errors
        return f"{error.pointer} {error.code}"
    return refused.value.code


async def test_certificates_are_bound_in_order_and_the_file_follows_it(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    first, second = await numbers(batch)
    run_id = await printing.a_run(s, batch.id)
    assert await bound(run_id) == [("A0001201", "used", first), ("A0001202", "used", second)]
    assert await counts(s, run_id) == (2, 0, 3)
    assert await printing.a_run(s, batch.id) == run_id
    assert await PaperRun.all().count() == 1
    await print_file.sheets_pdf(s, run_id, actor=PRINTER)
    assert isinstance(s.sheet_printer, FakeSheetPrinter)
    [sheets] = s.sheet_printer.printed
    files = [await s.file_store.get(one.pdf_key) for one in await Certificate.all().order_by("number")]
    assert [(one.serial, one.sealed) for one in sheets] == [("A0001201", files[0]), ("A0001202", files[1])]
    assert await AuditEntry.filter(action="paper.print").count() == 1


WHY = "卡纸，龙雯的这张"


async def test_a_spoiled_sheet_gives_its_certificate_to_the_next(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    first, second = await numbers(batch)
    run_id = await printing.a_run(s, batch.id)
    assert await print_runs.spoil(s, run_id, "a0001201", WHY, actor=COLLEAGUE) == "A0001203"
    assert await print_runs.spoil(s, run_id, "A0001201", "卡纸", actor=COLLEAGUE) == "A0001203"
    assert await bound(run_id) == [
        ("A0001201", "spoiled", first),
        ("A0001202", "used", second),
        ("A0001203", "used", first),
    ]
    assert await counts(s, run_id) == (2, 1, 2)
    spoiled = await PaperSheet.get(serial="A0001201")
    assert (spoiled.spoiled_by_name, spoiled.spoiled_reason) == (COLLEAGUE.name, WHY)
    said = (await AuditEntry.get(action="paper.spoil")).became or {}
    assert said["reason"] == "卡纸，（姓名）的这张", (
        "the entry is about a run; the holder's name is not kept in it"
    )
    await print_file.sheets_pdf(s, run_id, serial="A0001203", actor=PRINTER)
    for serial in ("A0001202", "A0001203"):
        await print_runs.spoil(s, run_id, serial, "套印偏移", actor=PRINTER)
    assert await counts(s, run_id) == (2, 3, 0)
    used_up = print_runs.spoil(s, run_id, "A0001204", "卡纸", actor=PRINTER)
    assert await refusal(used_up) == "sheets_used_up"
    await print_runs.extend(s, run_id, "A0001207", actor=PRINTER)
    await print_runs.extend(s, run_id, "A0001207", actor=PRINTER)
    assert await print_runs.spoil(s, run_id, "A0001204", "卡纸", actor=PRINTER) == "A0001206"
    assert await counts(s, run_id) == (2, 4, 1)


async def test_what_is_not_valid_is_left_out_and_what_is_revoked_meanwhile_holds_the_parcel(
    services: Services,
) -> None:
    s = services
    _, batch = await printing.issued(s, names=("龙雯", "崔子涵", "王𠮷"))
    gone, later, _ = await numbers(batch)
    await revocation.revoke(s.clock, s.faults, gone, "登记错误", actor=PRINTER)
    run_id = await printing.a_run(s, batch.id)
    seen = await paper_views.view(s.clock, run_id, actor=PRINTER)
    assert (seen.run.left_out, [one.number for one in seen.left_out]) == (1, [gone])
    assert await counts(s, run_id) == (2, 0, 3)
    await revocation.revoke(s.clock, s.faults, later, "登记错误", actor=PRINTER)
    assert await refusal(print_file.sheets_pdf(s, run_id, actor=PRINTER)) == "sheets_invalid"
    assert await refusal(print_runs.finish(s, run_id, actor=PRINTER)) == "sheets_invalid"
    assert await print_runs.spoil(s, run_id, FIRST, "证书已撤销", actor=PRINTER) is None
    assert await print_runs.finish(s, run_id, actor=PRINTER) is PaperState.PRINTED
    assert await counts(s, run_id) == (1, 1, 3)


async def test_the_parcel_goes_from_hand_to_hand_to_the_school(services: Services) -> None:
    s = services
    of, batch = await printing.issued(s)
    run, school = await printing.printed(s, batch.id), printing.school_account(of)
    typed = f" {run.slip[:5].lower()}-{run.slip[5:]}"
    assert await parcels.hand_over(s, run.id, typed, actor=COLLEAGUE) is PaperState.HANDED
    assert await parcels.hand_over(s, run.id, run.slip, actor=COLLEAGUE) is PaperState.HANDED
    assert await parcels.hand_over(s, run.id, run.slip, actor=PRINTER) is PaperState.HANDED
    assert not (await Issuance.get(id=batch.id)).paper_settled
    for _ in range(2):
        assert await parcels.send(s, run.id, *WAYBILL, actor=PRINTER) is PaperState.SENT
    assert (await Issuance.get(id=batch.id)).paper_settled
    for _ in range(2):
        assert await parcels.receive(s, run.id, run.slip, 2, actor=school) is PaperState.RECEIVED
    hands = [(one.step, one.from_name, one.to_name) for one in await PaperHand.all().order_by("id")]
    assert hands == [
        ("finish", "", PRINTER.name),
        ("hand_over", PRINTER.name, COLLEAGUE.name),
        ("hand_over", COLLEAGUE.name, PRINTER.name),
        ("send", PRINTER.name, PRINTER.name),
        ("receive", PRINTER.name, school.name),
    ]
    seen = (await paper_views.view(s.clock, run.id, actor=school)).run
    assert (seen.courier, seen.tracking_number, seen.received_count) == (*WAYBILL, 2)
    assert await refusal(parcels.receive(s, run.id, run.slip, 1, "少一张", actor=school)) == "paper_moved"
    assert await refusal(print_runs.spoil(s, run.id, FIRST, "卡纸", actor=PRINTER)) == "paper_sent"
    assert await refusal(print_file.sheets_pdf(s, run.id, actor=PRINTER)) == "paper_moved"


async def test_a_difference_is_said_and_kept(services: Services) -> None:
    s = services
    of, batch = await printing.issued(s)
    run, school = await printing.sent(s, batch.id), printing.school_account(of)
    assert await refusal(parcels.receive(s, run.id, "23456789AB", 2, actor=school)) == "/slip slip_wrong"
    short = parcels.receive(s, run.id, run.slip, 1, actor=school)
    assert await refusal(short) == "/note difference_unexplained"
    await parcels.receive(s, run.id, run.slip, 1, "缺 A0001202", actor=school)
    kept = await PaperRun.get(id=run.id)
    assert (kept.received_count, kept.difference_note, kept.state) == (1, "缺 A0001202", "received")
    entry = await AuditEntry.get(action="paper.receive")
    assert entry.became == {
        "state": "received",
        "sheets_used": 2,
        "sheets_received": 1,
        "reason": "缺 A0001202",
    }


async def test_another_schools_parcel_is_as_if_it_were_not_there(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    run, stranger = await printing.sent(s, batch.id), make.school_account(await make.school())
    with pytest.raises(NotFound):
        await parcels.receive(s, run.id, run.slip, 2, actor=stranger)
    with pytest.raises(NotFound):
        await paper_views.view(s.clock, run.id, actor=stranger)
    assert (await paper_views.listing(s.clock, actor=stranger)).items == []
    for act in (
        print_runs.begin(s, batch.id, FIRST, LAST, actor=stranger),
        print_file.slip_code(run.id, actor=stranger),
        parcels.send(s, run.id, *WAYBILL, actor=stranger),
        paper_views.late(s.clock, actor=stranger),
    ):
        with pytest.raises(Forbidden):
            await act
    with pytest.raises(Forbidden):
        await parcels.receive(s, run.id, run.slip, 2, actor=PRINTER)


async def test_what_is_refused_before_anything_is_bound(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("何晓",))
    early = await issuing.prepared(s, of)
    assert await refusal(printing.a_run(s, early.id)) == "not_issued"
    assert await refusal(printing.a_run(s, 987_654)) == "issuance_not_found"
    _, batch = await printing.issued(s)
    assert await refusal(printing.a_run(s, batch.id, FIRST, FIRST)) == "/last sheets_too_few"
    run_id = await printing.a_run(s, batch.id)
    assert await refusal(printing.a_run(s, batch.id, "B0000001", "B0000009")) == "paper_run_exists"
    assert await refusal(print_runs.spoil(s, run_id, "A0001205", "卡纸", actor=PRINTER)) == (
        "/serial serial_unknown"
    )
    assert await refusal(print_runs.spoil(s, run_id, FIRST, " ", actor=PRINTER)) == "/reason missing"
    assert await refusal(print_runs.extend(s, run_id, "A0001204", actor=PRINTER)) == "/last serials_fewer"
    await print_runs.finish(s, run_id, actor=PRINTER)
    assert await refusal(parcels.send(s, run_id, "EMS", "12", actor=PRINTER)) == (
        "/tracking_number tracking_form"
    )
    assert await refusal(parcels.send(s, run_id, " ", "EA123456789CN", actor=PRINTER)) == "/courier missing"


async def test_a_batch_without_valid_certificates_has_nothing_to_print(
    services: Services, clock: FakeClock
) -> None:
    s = services
    _, batch = await printing.issued(s, names=("龙雯",))
    [number] = await numbers(batch)
    await revocation.revoke(s.clock, s.faults, number, "登记错误", actor=PRINTER)
    assert await refusal(printing.a_run(s, batch.id)) == "nothing_to_print"
    clock.forward(days=30)
    assert await paper_views.late(s.clock, actor=PRINTER) == 0


async def test_a_sheet_is_used_once(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    of = await issuing.cohort(s, names=("何晓",))
    other = await issuing.generating(s, of)
    await drained(s)
    run_id = await printing.a_run(s, batch.id)
    for first, last in ((FIRST, LAST), ("A0001205", "A0001300"), ("A0001000", "A0001201")):
        assert await refusal(printing.a_run(s, other.id, first, last)) == "serials_taken"
    await print_runs.finish(s, run_id, actor=PRINTER)
    await parcels.send(s, run_id, *WAYBILL, actor=PRINTER)
    assert await refusal(printing.a_run(s, other.id, "A0001202", "A0001300")) == "serials_taken"
    again = await printing.a_run(s, other.id, "A0001203", "A0001205")  # what was left is stock again
    with pytest.raises(IntegrityError, match="paper_sheet_serial"):  # the database has the last word
        certificate = await Certificate.filter(issuance_id=batch.id).first()
        assert certificate is not None
        await PaperSheet.create(
            run_id=again, number=1201, serial=FIRST, certificate_id=certificate.id, state="spoiled",
            spoiled_by=1, spoiled_at=s.clock.now(), spoiled_reason="x",
        )  # fmt: skip


async def test_a_wrong_range_is_taken_back_until_something_is_printed(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    wrong = await printing.a_run(s, batch.id)
    await print_runs.cancel(s, wrong, "编号填错", actor=PRINTER)
    assert [state for _, state, _ in await bound(wrong)] == ["released", "released"]
    assert await counts(s, wrong) == (0, 0, 5)
    right = await printing.a_run(s, batch.id)
    assert right != wrong
    await print_file.sheets_pdf(s, right, actor=PRINTER)
    assert await refusal(print_runs.cancel(s, right, "编号填错", actor=PRINTER)) == "already_printed"
    assert await refusal(print_runs.cancel(s, right, " ", actor=PRINTER)) == "/reason missing"


async def test_two_at_once_bind_a_batch_once_and_spoil_a_sheet_once(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s)
    ids = await asyncio.gather(*(printing.a_run(s, batch.id) for _ in range(4)))
    assert len(set(ids)) == 1
    spoils = (print_runs.spoil(s, ids[0], FIRST, "卡纸", actor=PRINTER) for _ in range(4))
    assert set(await asyncio.gather(*spoils)) == {"A0001203"}
    assert await counts(s, ids[0]) == (2, 1, 2)


async def test_what_is_not_sent_in_five_working_days_is_late(services: Services, clock: FakeClock) -> None:
    s = services
    _, batch = await printing.issued(s)  # on Monday 23 November
    clock.forward(days=7)
    assert await paper_views.late(s.clock, actor=PRINTER) == 0
    [waiting] = await paper_views.waiting(s.clock, actor=PRINTER)
    assert (waiting.id, waiting.is_late, waiting.due_on.isoformat()) == (batch.id, False, "2026-11-30")
    clock.forward(days=1)
    assert await paper_views.late(s.clock, actor=PRINTER) == 1
    assert [one.is_late for one in await paper_views.waiting(s.clock, actor=PRINTER)] == [True]
    run = await printing.printed(s, batch.id)
    assert await paper_views.late(s.clock, actor=PRINTER) == 1
    assert await paper_views.waiting(s.clock, actor=PRINTER) == []
    assert (await paper_views.view(s.clock, run.id, actor=PRINTER)).run.is_late
    paper = await paper_views.of_batch(s.clock, batch.id, actor=PRINTER)
    assert paper is not None and paper.is_late
    await parcels.send(s, run.id, *WAYBILL, actor=PRINTER)
    assert await paper_views.late(s.clock, actor=PRINTER) == 0
    paper = await paper_views.of_batch(s.clock, batch.id, actor=PRINTER)
    assert paper is not None and not paper.is_late and paper.is_settled


async def test_sheets_and_files_come_in_parts(services: Services) -> None:
    s = services
    _, batch = await printing.issued(s, names=("龙雯", "崔子涵", "王𠮷"))
    run_id = await printing.a_run(s, batch.id)
    page = await paper_views.sheets(run_id, limit=2, actor=PRINTER)
    rest = await paper_views.sheets(run_id, cursor=int(page.next_cursor or 0), limit=2, actor=PRINTER)
    assert [one.serial for one in (*page.items, *rest.items)] == ["A0001201", "A0001202", "A0001203"]
    assert rest.next_cursor is None
    assert await refusal(print_file.sheets_pdf(s, run_id, part=2, actor=PRINTER)) == "sheets_unknown"
    with pytest.raises(Conflict):
        await parcels.send(s, run_id, *WAYBILL, actor=PRINTER)


async def test_a_run_that_there_is_not(services: Services) -> None:
    """Whoever handles paper handles every school's; to a school's account none of it is open."""
    s = services
    _, batch = await printing.issued(s)
    run_id, stranger = await printing.a_run(s, batch.id), make.school_account(await make.school())
    verbs: tuple[Callable[[int, Actor], Awaitable[object]], ...] = (
        lambda run, actor: print_file.sheets_pdf(s, run, actor=actor),
        lambda run, actor: print_file.slip_code(run, actor=actor),
        lambda run, actor: print_file.slip_qr(s, run, actor=actor),
        lambda run, actor: print_runs.extend(s, run, LAST, actor=actor),
        lambda run, actor: print_runs.spoil(s, run, FIRST, "卡纸", actor=actor),
        lambda run, actor: print_runs.finish(s, run, actor=actor),
        lambda run, actor: print_runs.cancel(s, run, "编号填错", actor=actor),
        lambda run, actor: parcels.hand_over(s, run, "23456789AB", actor=actor),
        lambda run, actor: parcels.send(s, run, *WAYBILL, actor=actor),
    )
    for verb in verbs:
        assert await refusal(verb(run_id + 99, PRINTER)) == "paper_run_unknown"
        assert await refusal(verb(run_id, stranger)) == "role_not_allowed"
    received = parcels.receive(s, run_id, "23456789AB", 2, actor=stranger)
    assert await refusal(received) == "paper_run_unknown"
    assert await refusal(paper_views.view(s.clock, run_id, actor=stranger)) == "paper_run_unknown"
    assert (await PaperRun.get(id=run_id)).state == "printing"


async def test_a_sheet_spoiled_between_two_parts_moves_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    monkeypatch.setattr(print_file, "AT_ONCE", 2)
    _, batch = await printing.issued(s, names=("龙雯", "崔子涵", "王𠮷", "何晓"))
    run_id = await printing.a_run(s, batch.id, FIRST, "A0001209")
    await print_file.sheets_pdf(s, run_id, part=1, actor=PRINTER)
    assert await print_runs.spoil(s, run_id, FIRST, "卡纸", actor=PRINTER) == "A0001205"
    run = (await paper_views.view(s.clock, run_id, actor=PRINTER)).run
    assert print_file.parts_of(run) == 3
    for part in (1, 2, 3):
        await print_file.sheets_pdf(s, run_id, part=part, actor=PRINTER)
    await print_file.sheets_pdf(s, run_id, part=3, serial="A0001202", actor=PRINTER)
    assert isinstance(s.sheet_printer, FakeSheetPrinter)
    assert [[one.serial for one in sheets] for sheets in s.sheet_printer.printed] == [
        ["A0001201", "A0001202"],
        ["A0001202"],
        ["A0001203", "A0001204"],
        ["A0001205"],
        ["A0001202"],
    ]


async def test_a_file_that_is_asked_for_while_its_run_is_taken_back_is_not_given(
    services: Services, db: str
) -> None:
    """Neither is a run taken back whose file somebody takes at that moment: the second waits for the first."""
    s = services
    _, batch = await printing.issued(s)
    run_id = await printing.a_run(s, batch.id)
    async with in_transaction():
        await print_runs.cancel(s, run_id, "编号填错", actor=PRINTER)
        asked = asyncio.create_task(print_file.sheets_pdf(s, run_id, actor=PRINTER), context=Context())
        await somebody_waits(db)
    assert await refusal(asked) == "paper_moved"
    assert (await PaperRun.get(id=run_id)).taken_at is None
    assert not await AuditEntry.filter(action="paper.print").exists()
    assert await refusal(print_file.sheets_pdf(s, run_id, actor=PRINTER)) == "paper_moved"
    again = await printing.a_run(s, batch.id)
    async with in_transaction():
        await PaperRun.filter(id=again).select_for_update().first()
        taking = asyncio.create_task(print_file.sheets_pdf(s, again, actor=PRINTER), context=Context())
        await somebody_waits(db)
        assert isinstance(s.sheet_printer, FakeSheetPrinter) and s.sheet_printer.printed == []
    assert await taking
    assert await refusal(print_runs.cancel(s, again, "编号填错", actor=PRINTER)) == "already_printed"


async def test_a_part_of_which_every_sheet_is_spoiled_says_so(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    monkeypatch.setattr(print_file, "AT_ONCE", 1)
    _, batch = await printing.issued(s)
    run_id = await printing.a_run(s, batch.id)
    await print_runs.spoil(s, run_id, "A0001201", "卡纸", actor=PRINTER)
    with pytest.raises(Conflict) as refused:
        await print_file.sheets_pdf(s, run_id, part=1, actor=PRINTER)
    assert refused.value.code == "sheets_all_spoiled"
    assert refused.value.message == "第 1 部分的纸张都已作废，没有要印的；换用的纸张在后面的部分里。"
    await print_file.sheets_pdf(s, run_id, part=3, actor=PRINTER)
    assert await refusal(print_file.sheets_pdf(s, run_id, part=4, actor=PRINTER)) == "sheets_unknown"
