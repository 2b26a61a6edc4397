"""Refunds by bank when two act at once, when a process dies, and what the database itself refuses."""

from __future__ import annotations

import asyncio
from contextvars import Context

import pytest
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from server.domain.payments import bank_refunds
from server.domain.ports import Services
from server.errors import Conflict, Invalid, Refused
from server.models import BankRefund, FeeOrder, LedgerPosting
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.lock_waits import somebody_waits
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.kit.transferring import files, given_back, owing, paid_by_bank, recorded_back

APPROVING = (  # every fault point of an approval, and the state of the refund for whoever dies there
    ("bank_refunds.approve: the refund is approved", "recorded"),
    ("bank_refunds.approve: the order is given back", "recorded"),
    ("bank_refunds.approve: before the commit", "recorded"),
    ("bank_refunds.approve: after the commit", "approved"),
)
RECORDING = (
    ("bank_refunds.record: the proof is kept", 0),
    ("bank_refunds.record: before the commit", 0),
    ("bank_refunds.record: after the commit", 1),
)


async def test_of_two_who_approve_at_once_one_does(services: Services) -> None:
    s = services
    refund = await recorded_back(s, await paid_by_bank(s, *await owing(s)), amount_fen=5_000)
    many = [
        bank_refunds.approve(s.clock, s.faults, refund.id, actor=who)
        for who in (OTHER_FINANCE, make.ADMIN, OTHER_FINANCE)
    ]
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert sorted(one.code for one in answers if isinstance(one, Conflict)) == ["bank_refund_moved"] * 2
    assert (await FeeOrder.get()).refunded_fen == 5_000
    assert await LedgerPosting.all().count() == 2
    await paying.check_books()


async def test_two_parts_approved_at_once_are_both_given_back(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    parts = [
        await recorded_back(s, order, amount_fen=fen, bank_reference=f"BACK-{fen}")
        for fen in (4_100, 10_000, 9_999, 1)
    ]
    assert sum(one.amount_fen for one in parts) == order.total_fen
    await asyncio.gather(
        *(bank_refunds.approve(s.clock, s.faults, one.id, actor=OTHER_FINANCE) for one in parts)
    )
    assert await paying.states() == (["refunded"] * 2, ["refunded"])
    await paying.check_books()


async def test_of_many_who_record_the_whole_at_once_one_does(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    answers = await asyncio.gather(
        *(recorded_back(s, order, bank_reference=f"BACK-{n}") for n in range(4)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, Invalid)]
    assert [error.code for one in refused for error in one.errors] == ["refund_too_much"] * 3
    assert (await BankRefund.all().count(), len(files(s, "bank-refunds"))) == (1, 1)
    await paying.check_books()


async def test_the_same_number_recorded_at_once_for_two_orders_is_kept_once(services: Services) -> None:
    s, school = services, await make.school()
    orders = [
        await paid_by_bank(s, *await owing(s, 1, school), bank_reference=f"IN-000{n}") for n in range(2)
    ]
    answers = await asyncio.gather(*(recorded_back(s, order) for order in orders), return_exceptions=True)
    assert [one.code for one in answers if isinstance(one, Refused)] == ["bank_refund_known"]
    assert (await BankRefund.all().count(), len(files(s, "bank-refunds"))) == (1, 1)


async def test_approved_declined_withdrawn_and_recorded_at_once_the_books_add_up(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    for turn in range(3):
        one = await recorded_back(s, order, amount_fen=1_000, bank_reference=f"BACK-{turn}")
        answers = await asyncio.gather(
            bank_refunds.approve(s.clock, s.faults, one.id, actor=OTHER_FINANCE),
            bank_refunds.decline(s.clock, one.id, actor=make.ADMIN),
            bank_refunds.withdraw(s.clock, one.id, actor=FINANCE),
            recorded_back(s, order, amount_fen=order.total_fen, bank_reference=f"ALL-{turn}"),
            return_exceptions=True,
        )
        moved = [answer.code for answer in answers[:3] if isinstance(answer, Conflict)]
        assert moved == ["bank_refund_moved"] * 2
        for waiting in await BankRefund.filter(state="recorded"):
            await bank_refunds.decline(s.clock, waiting.id, actor=OTHER_FINANCE)
        await paying.check_books()


@pytest.mark.parametrize(("place", "after"), APPROVING)
@pytest.mark.parametrize("is_all", [True, False])
async def test_a_process_that_dies_while_approving_has_done_all_or_nothing(
    services: Services, place: str, after: str, is_all: bool
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    refund = await recorded_back(s, order, amount_fen=order.total_fen if is_all else 1)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await bank_refunds.approve(s.clock, s.faults, refund.id, actor=OTHER_FINANCE)
    assert (await BankRefund.get()).state == after
    await paying.check_books()
    if after == "recorded":
        assert await paying.states() == (["settled"] * 2, ["paid"])
        await bank_refunds.approve(s.clock, s.faults, refund.id, actor=OTHER_FINANCE)
    given = (["refunded"] * 2, ["refunded"]) if is_all else (["settled"] * 2, ["part"])
    assert await paying.states() == given
    assert await LedgerPosting.all().count() == 2
    await paying.check_books()


@pytest.mark.parametrize(("place", "count"), RECORDING)
async def test_a_process_that_dies_while_recording_leaves_at_most_a_file(
    services: Services, place: str, count: int
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await recorded_back(s, order)
    assert (await BankRefund.all().count(), len(files(s, "bank-refunds"))) == (count, 1)
    if count == 0:
        await recorded_back(s, order)
    assert await BankRefund.all().count() == 1
    await paying.check_books()


async def test_these_are_all_the_places_where_it_may_die(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.reached.clear()
    await given_back(s, order)
    assert s.faults.reached == [place for place, _ in (*RECORDING, *APPROVING)]


async def test_what_the_database_cannot_keep_leaves_no_proof(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    await rows("ALTER TABLE audit_entry RENAME TO audit_entry_away")
    with pytest.raises(BaseORMException):
        await recorded_back(s, order)
    assert files(s, "bank-refunds") == [] and await BankRefund.all().count() == 0


async def test_who_goes_away_while_recording_leaves_no_proof(services: Services, db: str) -> None:
    """The connection ends, and with it the work, while another holds the order."""
    s = services
    order = await paid_by_bank(s, *await owing(s))
    async with in_transaction():
        await rows("SELECT 1 FROM fee_order FOR UPDATE")
        recording = asyncio.create_task(recorded_back(s, order), context=Context())
        await somebody_waits(db)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording
    assert files(s, "bank-refunds") == [] and await BankRefund.all().count() == 0


async def test_the_database_refuses_what_the_rules_forbid(services: Services) -> None:
    s, school = services, await make.school()
    waiting = await paid_by_bank(s, *await owing(s, 1, school), bank_reference="IN-0001")
    back = await paid_by_bank(s, *await owing(s, 1, school), bank_reference="IN-0002")
    await recorded_back(s, waiting, bank_reference="AB-0001")
    await given_back(s, back, amount_fen=1, bank_reference="AB-0002")
    for statement in (
        "UPDATE bank_refund SET state = 'declined', decided_by = recorded_by WHERE state = 'recorded'",
        "UPDATE bank_refund SET state = 'approved', decided_by = recorded_by WHERE state = 'recorded'",
        "UPDATE bank_refund SET state = 'approved' WHERE state = 'recorded'",
        "UPDATE bank_refund SET state = 'recorded' WHERE state = 'approved'",
        "UPDATE bank_refund SET state = 'done'",
        "UPDATE bank_refund SET bank_reference = 'AB-0001'",
        "UPDATE bank_refund SET amount_fen = 0",
        "UPDATE bank_refund SET proof_kind = 'docx'",
        "UPDATE fee_order SET state = 'refunding' WHERE state = 'paid'",
        "UPDATE fee_order SET state = 'part' WHERE state = 'paid'",
        "UPDATE fee_order SET state = 'paid' WHERE state = 'part'",
        "UPDATE fee_order SET state = 'refunded' WHERE state = 'part'",
        "UPDATE fee_order SET refunded_fen = total_fen WHERE state = 'part'",
        "UPDATE fee_order SET refunded_fen = total_fen + 1, state = 'refunded' WHERE state = 'part'",
    ):
        with pytest.raises(BaseORMException):
            await rows(statement)
    await paying.check_books()
