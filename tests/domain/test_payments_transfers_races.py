"""Bank transfers when two act at once, when a process dies, and what the database itself refuses."""

from __future__ import annotations

import asyncio
from contextvars import Context

import pytest
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from server.domain.payments import (
    transfers,
)
from server.domain.ports import Services
from server.errors import Conflict
from server.models import (
    BankTransfer,
    FeeOrder,
    LedgerPosting,
)
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.lock_waits import somebody_waits
from tests.kit.paying import OTHER_FINANCE
from tests.kit.transferring import files, owing, recorded


async def test_of_two_who_approve_at_once_one_does(services: Services) -> None:
    s = services
    transfer = await recorded(s, *await owing(s))
    many = [
        transfers.approve(paying.box(s), transfer.id, actor=who)
        for who in (OTHER_FINANCE, make.ADMIN, OTHER_FINANCE)
    ]
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert sorted(one.code for one in answers if isinstance(one, Conflict)) == ["transfer_moved"] * 2
    assert await paying.states() == (["settled"] * 2, ["paid"])
    assert await LedgerPosting.all().count() == 1
    await paying.check_books()


async def test_of_two_transfers_over_one_fee_one_is_approved(services: Services) -> None:
    s = services
    fees = await owing(s)
    made = [await recorded(s, *fees, bank_reference=f"AB-000{n}") for n in range(2)]
    many = [transfers.approve(paying.box(s), one.id, actor=OTHER_FINANCE) for one in made]
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert [one.code for one in answers if isinstance(one, Conflict)] == ["fee_not_owed"]
    assert await paying.states() == (["settled"] * 2, ["paid"])
    await paying.check_books()


async def test_a_transfer_and_a_payment_at_once_leave_books_that_add_up(
    services: Services, pay: FakePay
) -> None:
    """Whichever comes first: the payment goes back by itself, or the transfer is refused."""
    s, school = services, await make.school()
    for turn in range(3):
        fees = await owing(s, 2, school)
        transfer = await recorded(s, *fees, bank_reference=f"AB-000{turn}")
        order = await paying.ordered(s, pay, *fees)
        assert pay._pay(order.number)
        answers = await asyncio.gather(
            transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE),
            paying.notify(s, pay, order.number),
            return_exceptions=True,
        )
        lost = [one.code for one in answers if isinstance(one, Conflict)]
        order, transfer = await FeeOrder.get(id=order.id), await BankTransfer.get(id=transfer.id)
        assert (order.state, transfer.state, lost) in (
            ("refunding", "approved", []),
            ("paid", "recorded", ["fee_not_owed"]),
        )
        await paying.check_books()


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("transfers.approve: the transfer is approved", "recorded"),
        ("settlement.settle: the books are written", "recorded"),
        ("transfers.approve: before the commit", "recorded"),
        ("transfers.approve: after the commit", "approved"),
    ],
)
async def test_a_process_that_dies_while_approving_has_done_all_or_nothing(
    services: Services, place: str, after: str
) -> None:
    s = services
    transfer = await recorded(s, *await owing(s))
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    assert (await BankTransfer.get()).state == after
    await paying.check_books()
    if after == "recorded":
        assert await paying.states() == (["owed"] * 2, [])
        await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["settled"] * 2, ["paid"])
    assert await LedgerPosting.all().count() == 1
    await paying.check_books()


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("transfers.record: the proof is kept", 0),
        ("transfers.record: before the commit", 0),
        ("transfers.record: after the commit", 1),
    ],
)
async def test_a_process_that_dies_while_recording_leaves_at_most_a_file(
    services: Services, place: str, count: int
) -> None:
    s = services
    fees = await owing(s)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await recorded(s, *fees)
    assert await BankTransfer.all().count() == count
    assert len(files(s)) == 1
    if count == 0:
        await recorded(s, *fees)
    assert await BankTransfer.all().count() == 1


async def test_what_the_database_cannot_keep_leaves_no_proof(services: Services) -> None:
    s = services
    fees = await owing(s)
    await rows("ALTER TABLE audit_entry RENAME TO audit_entry_away")
    with pytest.raises(BaseORMException):
        await recorded(s, *fees)
    assert files(s) == [] and await BankTransfer.all().count() == 0


async def test_who_goes_away_while_recording_leaves_no_proof(services: Services, db: str) -> None:
    """The connection ends, and with it the work, while another holds the fees."""
    s = services
    fees = await owing(s)
    async with in_transaction():
        await rows("SELECT 1 FROM fee FOR UPDATE")
        recording = asyncio.create_task(recorded(s, *fees), context=Context())
        await somebody_waits(db)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording
    assert files(s) == [] and await BankTransfer.all().count() == 0


async def test_the_database_refuses_what_the_rules_forbid(services: Services, pay: FakePay) -> None:
    s = services
    waiting, done, other = await owing(s, 3)
    await recorded(s, waiting, bank_reference="AB-0001")
    await paying.paid(s, pay, other)
    transfer = await recorded(s, done, bank_reference="AB-0002")
    await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    for statement in (
        "UPDATE bank_transfer SET state = 'declined', decided_by = recorded_by WHERE state = 'recorded'",
        "UPDATE bank_transfer SET state = 'approved', decided_by = 12 WHERE state = 'recorded'",
        "UPDATE bank_transfer SET bank_reference = 'AB-0001'",
        "UPDATE fee_order SET state = 'refunding' WHERE way = 'transfer'",
        "UPDATE fee_order SET way = 'transfer' WHERE way = 'native'",
        "UPDATE fee_order SET account = 'oa' WHERE way = 'transfer'",
    ):
        with pytest.raises(BaseORMException):
            await rows(statement)
