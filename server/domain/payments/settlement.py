"""A payment comes in: the order is paid, its fees are settled, the books are written, all in one transaction.

Whoever tells of it (a notification, a query, both at once, days later), it is booked once. A fee that another order
had settled first, or that was waived, is not settled: what came too much goes back by itself, and finance is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.domain.actor import SYSTEM, Actor
from server.domain.fault_points import transaction
from server.domain.notices import overtaken
from server.domain.payments import alarms, fees, ledger, open_orders, order_transitions, refunds
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import STEPS, OrderFacts, OrderState
from server.domain.payments.payer_notices import PayerTeller, closing_notice, due_notice
from server.domain.ports import Clock, FaultInjector, Queue
from server.domain.ports.payments import PayTransaction
from server.errors import NotFound
from server.models import FeeOrder, FeeOrderLine
from server.settings import Settings

PAID = frozenset(
    {"SUCCESS", "REFUND"}
)  # REFUND: it was paid, and somebody has asked for a refund (wechat.md §7.4)


@dataclass(frozen=True, slots=True)
class Cashbox:
    """What booking a payment or a refund needs.

    Attributes:
        appids: oa and mp → our appid. mchid: our merchant number. teller: tells the payer.
    """

    clock: Clock
    queue: Queue
    faults: FaultInjector
    appids: Mapping[str, str]
    mchid: str
    teller: PayerTeller

    @classmethod
    def of(cls, settings: Settings, clock: Clock, queue: Queue, faults: FaultInjector) -> Cashbox:
        appids = {"oa": settings.oa_appid, "mp": settings.mp_appid}
        return cls(clock, queue, faults, appids, settings.pay_mchid, PayerTeller(settings, clock, queue))


async def settle(box: Cashbox, paid: PayTransaction) -> OrderState | None:
    """Book what WeChat Pay says was paid. Again, in any order and at the same time: it changes nothing more.

    What does not fit the order is never booked: it is an alarm for finance.

    Returns: the order's state afterwards; None when there is no such order.
    """
    async with transaction(box.faults, "settlement.settle"):
        try:
            order = await order_transitions.locked(number=paid.out_trade_no)
        except NotFound:
            await alarms.raise_alarm(
                box.clock,
                "payment_unknown",
                paid.transaction_id or paid.out_trade_no,
                content={"number": paid.out_trade_no, "transaction_id": paid.transaction_id},
            )
            return None
        state = OrderState(order.state)
        facts = _facts(box, order, paid)
        if state not in STEPS["pay"].sources:
            if order.transaction_id != paid.transaction_id:
                await _mismatch(box, order, paid, "order_paid_already")
            return state
        if (reason := STEPS["pay"].refusal(facts)) is not None:
            await _mismatch(box, order, paid, reason.code)
            return state
        if await FeeOrder.filter(transaction_id=paid.transaction_id).exclude(id=order.id).exists():
            await _mismatch(box, order, paid, "transaction_of_another")
            return state
        changes = {
            "transaction_id": paid.transaction_id,
            "paid_at": paid.paid_at or box.clock.now(),
            "next_query_at": None,
        }
        await order_transitions.advance(box.clock, order, "pay", facts, actor=SYSTEM, changes=changes)
        await box.faults.reach("settlement.settle: the order is paid")
        await _book(box, order, Account.WECHAT)
        return OrderState(order.state)


async def settle_by_bank(box: Cashbox, order: FeeOrder, received_fen: int, *, actor: Actor) -> None:
    """Book the transfer that two people have seen, in the caller's transaction, which has made the order for it
    and holds its fees, all of them owed: what goes back by itself goes back through WeChat Pay, and this cannot.
    """
    facts = OrderFacts(is_seen_by_two=True, paid_fen=received_fen, total_fen=order.total_fen)
    changes = {"paid_at": box.clock.now(), "next_query_at": None}
    await order_transitions.advance(box.clock, order, "receive", facts, actor=actor, changes=changes)
    await _book(box, order, Account.BANK)


def _facts(box: Cashbox, order: FeeOrder, paid: PayTransaction) -> OrderFacts:
    return OrderFacts(
        is_ours=(paid.mchid, paid.appid, paid.out_trade_no, paid.currency)
        == (box.mchid, box.appids.get(order.account), order.number, "CNY"),
        is_success=paid.state in PAID and bool(paid.transaction_id),
        paid_fen=paid.total_fen,
        total_fen=order.total_fen,
    )


async def _book(box: Cashbox, order: FeeOrder, account: Account) -> None:
    lines = await FeeOrderLine.filter(order_id=order.id)
    settled = await fees.settle([line.fee_id for line in lines], order.id)
    await open_orders.ask_to_close(box.queue, settled)
    over = [*map(due_notice, settled), closing_notice(order.number)]
    await overtaken.stop(box.clock.now(), over, "已经缴费")
    income = sum(line.amount_fen for line in lines if line.fee_id in settled)
    too_much = order.total_fen - income
    entries = {account: order.total_fen, Account.INCOME: -income, Account.OWED_BACK: -too_much}
    await ledger.post(box.clock, f"paid:{order.number}", order.id, entries)
    await box.faults.reach("settlement.settle: the books are written")
    if income:  # what another order had settled is not told as paid: it comes back, and that is told
        await box.teller.paid(order)
    if too_much:
        content = {"number": order.number, "too_much_fen": too_much}
        rest = [line.fee_id for line in lines if line.fee_id not in settled]
        waived = await fees.are_waived(rest)
        kind, reason = (
            ("paid_waived", refunds.WAIVED_REASON) if waived else ("paid_twice", refunds.AUTOMATIC_REASON)
        )
        await alarms.raise_alarm(box.clock, kind, order.number, order_id=order.id, content=content)
        await refunds.give_back_by_itself(box.clock, box.queue, order, too_much, reason=reason)


async def _mismatch(box: Cashbox, order: FeeOrder, paid: PayTransaction, code: str) -> None:
    content = {
        "number": order.number,
        "why": code,
        "transaction_id": paid.transaction_id,
        "paid_fen": paid.total_fen,
        "total_fen": order.total_fen,
        "state": paid.state,
    }
    dedup = f"{order.number}:{code}:{paid.transaction_id}"
    await alarms.raise_alarm(box.clock, "payment_mismatch", dedup, order_id=order.id, content=content)
