"""The books add up after every step, whatever happens in whatever order and wherever a process dies."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.exceptions import BaseORMException

from server.domain import beijing
from server.domain.payments import (
    bank_refunds,
    ledger,
    notifications,
    reconciliation,
    refunds,
    transfers,
    waivers,
)
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import BY_BANK
from server.domain.payments.orders import Payer
from server.domain.ports import Services
from server.domain.ports.payments import PayNotification, PayRefund
from server.errors import PayRefused, Refused
from server.models import (
    BankRefund,
    Fee,
    FeeOrder,
    LedgerPosting,
    ReconciliationDifference,
)
from server.models.database import rows
from tests.kit import paying, transferring
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

# The books


async def test_books_that_do_not_add_up_or_are_changed_are_refused_by_the_database(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    with pytest.raises(ValueError, match="add up"):
        await ledger.post(s.clock, "wrong", order.id, {Account.WECHAT: 1})
    for statement in (
        "UPDATE ledger_entry SET amount_fen = 1",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_posting SET source = 'x'",
        "DELETE FROM ledger_posting",
        "INSERT INTO ledger_entry (posting_id, account, amount_fen) SELECT id, 'wechat', 5 FROM ledger_posting",
    ):
        with pytest.raises(BaseORMException):
            await rows(statement)
    await paying.check_books()


@pytest.mark.parametrize(
    "place",
    [
        "settlement.settle: the order is paid",
        "settlement.settle: the books are written",
        "settlement.settle: before the commit",
        "settlement.settle: after the commit",
    ],
)
async def test_a_process_that_dies_while_booking_books_once(
    services: Services, pay: FakePay, place: str
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    notification = pay._notification(order.number)
    await notifications.receive(s.clock, s.queue, notification)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await notifications.apply(paying.box(s), notification.id)
    await paying.check_books()
    await paying.sweep(s, pay)
    assert await paying.states() == (["settled"], ["paid"])
    assert await LedgerPosting.all().count() == 1
    await paying.check_books()


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_in_whatever_order_the_books_are_right(
    services: Services, pay: FakePay, seed: int
) -> None:
    """Random lives of a few fees: two ways to order each, payments, notifications twice and late, lost answers,
    refunds by two people, refused and by hand, waivers, bank transfers and what goes back of them, wrong amounts, the clock. After every step the books are checked; at the end nothing is open.
    """
    s, dice = services, random.Random(seed)
    plan = await paying.priced(s)
    owed = [await paying.owing(s, plan) for _ in range(3)]
    of_schools = await transferring.owing(s, 3)
    late: list[PayNotification] = []

    async def order() -> None:
        await paying.ordered(
            s, pay, dice.choice(owed), by=None if dice.random() < 0.5 else _mp(dice.choice(owed))
        )

    def _mp(fee: Fee) -> Payer:
        return paying.payer(fee, account="mp")

    async def somebody_pays() -> None:
        if pay.orders:
            number = dice.choice(sorted(pay.orders))
            if pay._pay(number):
                late.append(pay._notification(number))

    async def told() -> None:
        if late:
            notification = dice.choice(late)
            await notifications.receive(s.clock, s.queue, notification)
            await notifications.apply(paying.box(s), notification.id)

    async def refund() -> None:
        order = dice.choice(await FeeOrder.all())
        asked = await refunds.ask(
            s.clock, order.id, dice.choice((1, PRICE_FEN, order.total_fen)), "退款原因", actor=FINANCE
        )
        await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)

    async def waive() -> None:
        asked = await waivers.ask(s.clock, dice.choice(owed).id, "按规定减免", actor=FINANCE)
        await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)

    async def decline_refund() -> None:
        order = dice.choice(await FeeOrder.all())
        asked = await refunds.ask(s.clock, order.id, 1, "退款原因", actor=FINANCE)
        await refunds.decline(s.clock, asked.id, actor=OTHER_FINANCE)

    async def refund_by_hand() -> None:
        """In WeChat Pay's console, of something that it has been paid and has not given back."""
        found = [n for n, one in pay.orders.items() if one.state == "SUCCESS"]
        number = dice.choice(sorted(found))
        order = await FeeOrder.get(number=number)
        if order.state != "paid":  # by hand before the payment is known: test_payments_refunds
            return
        kept = pay.orders[number]
        assert kept.transaction is not None
        kept.state, kept.refunded_fen = "REFUND", order.total_fen
        by_hand = PayRefund(
            number, kept.transaction, f"byhand{order.id}", f"5039{order.id:017d}", "SUCCESS", order.total_fen,
            order.total_fen, created_at=s.clock.now(),
        )  # fmt: skip
        pay.refunds[by_hand.out_refund_no] = by_hand
        late.append(pay._refund_notification(by_hand.out_refund_no))
        await notifications.receive(s.clock, s.queue, late[-1])
        await notifications.apply(paying.box(s), late[-1].id)

    async def told_of_another_amount() -> None:
        number = dice.choice(sorted(n for n, one in pay.orders.items() if one.transaction))
        said = pay._notification(number)
        assert said.transaction is not None and said.transaction.total_fen is not None
        wrong = replace(said.transaction, total_fen=said.transaction.total_fen + dice.choice((-1, 1)))
        was = (await FeeOrder.get(number=number)).state
        told = replace(said, id=f"EV-wrong-{number}", transaction=wrong)
        await notifications.receive(s.clock, s.queue, told)
        await notifications.apply(paying.box(s), told.id)
        assert (await FeeOrder.get(number=number)).state == was

    async def transfer() -> None:
        """By the bank, of what people of the school owe; approved, or not."""
        reference = f"20261123ICBC{dice.randrange(10_000):04d}"
        fees = dice.sample(of_schools, dice.choice((1, 1, 2)))
        made = await transferring.recorded(s, *fees, bank_reference=reference)
        if dice.random() < 0.7:
            await transfers.approve(paying.box(s), made.id, actor=OTHER_FINANCE)
        else:
            await transfers.decline(s.clock, made.id, actor=OTHER_FINANCE)

    async def bank_refund() -> None:
        """The bank has paid back all, a part or too much, of whatever order; and it waits."""
        by_bank = await FeeOrder.filter(way=BY_BANK)
        order = dice.choice(by_bank if dice.random() < 0.7 else await FeeOrder.all())
        fen = dice.choice((1, PRICE_FEN // 2, order.total_fen - order.refunded_fen, order.total_fen))
        reference = f"20261123BACK{dice.randrange(100):04d}"
        today = beijing.day(s.clock.now())
        await transferring.recorded_back(s, order, amount_fen=fen, bank_reference=reference, paid_on=today)

    async def bank_refund_decided() -> None:
        waiting = dice.choice(await BankRefund.all())
        end = dice.choice((bank_refunds.decline, bank_refunds.withdraw, None, None))
        if end is None:
            await bank_refunds.approve(s.clock, s.faults, waiting.id, actor=OTHER_FINANCE)
        else:
            await end(s.clock, waiting.id, actor=FINANCE if end is bank_refunds.withdraw else OTHER_FINANCE)

    async def school_orders() -> None:
        await paying.ordered(s, pay, dice.choice(of_schools))

    async def refund_ends() -> None:
        if pay.refunds:
            number = dice.choice(sorted(pay.refunds))
            if pay.refunds[number].status == "PROCESSING":
                pay.refund_status = dice.choice(("SUCCESS", "SUCCESS", "CLOSED", "ABNORMAL"))
                pay._end_refund(number)
                late.append(pay._refund_notification(number))

    async def time_passes() -> None:
        paying.forward(s, minutes=dice.choice((1, 5, 40, 150)))

    async def answers_get_lost() -> None:
        pay.losing = dice.choice((0, 1, 2))

    happenings = (
        order,
        order,
        somebody_pays,
        somebody_pays,
        told,
        told,
        waive,
        transfer,
        transfer,
        bank_refund,
        bank_refund,
        bank_refund_decided,
        school_orders,
        told_of_another_amount,
        refund,
        decline_refund,
        refund_by_hand,
        refund_ends,
        refund_ends,
        time_passes,
        answers_get_lost,
    )
    for _ in range(80):
        happening = dice.choice((*happenings, None))
        try:
            await (happening() if happening else paying.sweep(s, pay))
        except (Refused, PayRefused, IndexError):
            pass  # what cannot be done now is refused, and changes nothing
        except Exception as error:
            if "没有回答" not in str(error):
                raise
        await paying.check_books()
    pay.losing = 0
    for _ in range(6):
        paying.forward(s, hours=3)
        await paying.sweep(s, pay)
        await refund_ends()
        await paying.check_books()
    paying.forward(s, hours=3)
    await paying.sweep(s, pay)  # what has ended last is heard of as well
    await paying.check_books()
    assert await FeeOrder.filter(state="pending").count() == 0
    for fee in await Fee.all():
        payers = await FeeOrder.filter(
            lines__fee_id=fee.id, state__in=("paid", "part", "refunding", "refunded")
        ).count()
        assert (fee.state in ("owed", "waived")) if payers == 0 else (fee.state != "owed")
    first = beijing.day(min(order.created_at for order in await FeeOrder.all())) if pay.orders else None
    paying.forward(s, days=1)
    while first is not None and first < beijing.day(s.clock.now()):
        await reconciliation.reconcile(s.clock, s.faults, pay, first, actor=FINANCE)
        await paying.check_books()
        first += timedelta(days=1)
    assert await ReconciliationDifference.all().count() == 0  # no line of WeChat Pay's bills is unexplained
