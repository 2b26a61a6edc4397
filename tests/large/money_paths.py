"""Every list, page, sweep and query of the payments room, over a small living till."""

from __future__ import annotations

from datetime import date, timedelta

from server.domain import beijing
from server.domain.actor import Actor
from server.domain.paging import Turn
from server.domain.payments import (
    alarms,
    bank_refund_queries,
    bank_refunds,
    fee_overview,
    fee_receipts,
    fees,
    finance_desk,
    ledger,
    notifications,
    order_detail,
    pay_health,
    payment_polling,
    queries,
    reconciliation,
    reconciliation_queries,
    refund_sending,
    refunds,
    transfer_queries,
    transfers,
    waiver_queries,
    waivers,
)
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.payments.fee_overview import FeeFilter
from server.domain.payments.fee_receipts import ReceiptDesk
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.refund_states import RefundState
from server.domain.payments.transfer_states import TransferState
from server.domain.payments.waiver_states import WaiverState
from server.domain.ports import Services
from server.domain.training import queries as training_queries
from server.models import Fee, FeeRefund, FinanceAlarm, School
from tests.kit import make, money_desk, paying, training, transferring
from tests.kit.money_desk import Till
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.large.plans import Spy

MIDDLE = 930_000  # a cursor among the years
TURNS = (Turn(), Turn(cursor=str(MIDDLE)))
_FEW = ("fee_waiver w", "bank_transfer t", "bank_refund r")
_TOTALS = "SELECT f.state, count(*)"
_AT_DAYS_END = "SELECT (\n    COALESCE((SELECT sum(e.amount_fen) FROM fee_order o JOIN ledger_posting p"
_BOOKS = "SELECT COALESCE(sum(amount_fen), 0)::bigint AS fen, count(*)::bigint AS entries"


def counted(part: str, statement: str) -> str:
    """The table that a statement may read from end to end.

    What all fees come to stands above their list: it is a sum over them, so it reads them all, or those of one plan by
    an index; kept sums would be a second truth about money. What the books have at WeChat Pay at the end of a day is
    summed once a day by a job, and that they add up is looked at by `xcert doctor`: both read all of them on purpose,
    since a sum that left some out would prove nothing. Waivers, transfers and what goes back by bank are one for
    many fees: the 20,000 of these years are so few that those of one school or plan are picked out of all.
    """
    text = statement.strip()
    for few in _FEW:
        if f"FROM {few}" in text:
            return few.partition(" ")[0]
    if text.startswith(_TOTALS):
        return "fee"
    return "ledger_entry" if text.startswith((_BOOKS, _AT_DAYS_END)) else ""


async def walk(s: Services, spy: Spy) -> None:
    school = await make.school()
    clerk = Actor("staff", 9, "院校", role="school", school_id=school.id)
    spy.part = "the till"
    till = await money_desk.a_busy_till(s, school)
    course = await training.course(s)
    await training.owing(s, course, school)
    await fees.raise_fees(s.clock)
    for actor in (FINANCE, clerk):
        spy.part = f"fees for {actor.role}"
        await _fees(till, course.id, actor)
        spy.part = f"orders for {actor.role}"
        for state in (None, *OrderState):
            for turn in TURNS:
                await queries.orders_page(
                    queries.OrderFilter(state=state and state.value), actor=actor, turn=turn
                )
        for sort in queries.ORDER_SORTS:
            await queries.orders_page(actor=actor, turn=Turn(sort))
        await order_detail.detail(till.open_order.id, actor=actor)
        await queries.prices_page(actor=actor)
    spy.part = "lists of finance"
    await _lists()
    spy.part = "the payer"
    candidate = till.paid_order.candidate_id
    assert candidate is not None
    await queries.owed_by(candidate)
    await queries.orders_of(candidate)
    await queries.order(till.paid_order.id, candidate_id=candidate)
    await ledger.balances(till.paid_order.id)
    desk = ReceiptDesk(s.clock, s.faults, s.receipt_printer, s.settings.issuer)
    await fee_receipts.own(desk, till.paid_order.id, candidate, actor=FINANCE)
    spy.part = "the desk"
    await _decide(s, till, course.id, school)
    spy.part = "sweeps"
    await _sweep(s, till)
    spy.part = ""


async def _fees(till: Till, course_id: int, actor: Actor) -> None:
    plan = (await Fee.get(id=till.owed[0].id).prefetch_related("registration")).registration
    assert plan is not None
    for wanted in (
        FeeFilter(),
        FeeFilter(plan_id=plan.plan_id),
        FeeFilter(plan_id=900_003),
        FeeFilter(course_id=course_id),
        FeeFilter(school="第77学院"),
        FeeFilter(school="没有的学校"),
        FeeFilter(plan_id=900_003, school="第77学院"),
    ):
        for state in (None, *FeeState):
            for turn in (Turn("id"), Turn("id", str(MIDDLE))):
                await fee_overview.fees_page(wanted, actor=actor, state=state and state.value, turn=turn)
        await fee_overview.totals(wanted, actor=actor)
    for sort in fee_overview.SORTS:
        await fee_overview.fees_page(FeeFilter(), actor=actor, turn=Turn(sort))
    await fee_overview.plans_with_fees(actor=actor)
    await fee_overview.courses_with_fees(actor=actor)


async def _lists() -> None:
    for turn in TURNS:
        for refund in (None, *RefundState):
            await queries.refunds_page(actor=FINANCE, state=refund and refund.value, turn=turn)
        for waiver in (None, *WaiverState):
            await waiver_queries.waivers_page(actor=FINANCE, state=waiver and waiver.value, turn=turn)
        for transfer in (None, *TransferState):
            await transfer_queries.transfers_page(actor=FINANCE, state=transfer and transfer.value, turn=turn)
        for back in (None, *BankRefundState):
            await bank_refund_queries.bank_refunds_page(actor=FINANCE, state=back and back.value, turn=turn)
        await queries.open_alarms(actor=FINANCE, turn=Turn("id", turn.cursor))
        await queries.settled_alarms(actor=FINANCE, turn=turn)
    await waiver_queries.waivers_page(actor=FINANCE, plan_id=900_003)
    await waiver_queries.waivers_page(actor=FINANCE, school="第77学院")
    await transfer_queries.transfers_page(actor=FINANCE, school="第77学院")
    await transfer_queries.schools_owing(actor=FINANCE)
    await bank_refund_queries.bank_refunds_page(actor=FINANCE, school="第77学院")
    await queries.count_open_alarms(actor=FINANCE)
    await queries.count_to_approve(actor=FINANCE)
    await finance_desk.waiting(actor=FINANCE)


async def _decide(s: Services, till: Till, course_id: int, school: School) -> None:
    await training_queries.courses_page(s.clock, actor=make.OPERATOR)
    await training_queries.enrolments_page(s.clock, s.keys, course_id, actor=make.OPERATOR)
    asked = await waivers.ask(s.clock, till.owed[0].id, money_desk.WAIVED, actor=FINANCE)
    await waiver_queries.asked_among([till.owed[0].id], actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    made = await transferring.recorded(s, till.owed[1])
    order = await transfers.approve(paying.box(s), made.id, actor=OTHER_FINANCE)
    await transfer_queries.detail(made.id, actor=FINANCE)
    back = await transferring.recorded_back(s, order)
    await bank_refunds.approve(s.clock, s.faults, back.id, actor=OTHER_FINANCE)
    await bank_refund_queries.detail(back.id, actor=FINANCE)
    await order_detail.detail(order.id, actor=FINANCE)
    alarm = await FinanceAlarm.filter(settled_at=None).first()
    assert alarm is not None
    await alarms.settle(s.clock, alarm.id, "已联系付款人核实", actor=FINANCE)
    clerk = Actor("staff", 9, "院校", role="school", school_id=school.id)
    await transfer_queries.transfers_page(actor=clerk)
    await bank_refund_queries.bank_refunds_page(actor=clerk)


async def _sweep(s: Services, till: Till) -> None:
    box = paying.box(s)
    paying.forward(s, minutes=1)
    assert till.pay._pay(till.open_order.number)
    await notifications.receive(s.clock, s.queue, till.pay._notification(till.open_order.number))
    await notifications.sweep(box)
    await payment_polling.sweep(box, till.pay)
    await refund_sending.sweep(box, till.pay)
    asked = await FeeRefund.filter(state="asked").first()
    assert asked is not None
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    await refund_sending.send(box, till.pay, asked.id)
    paying.forward(s, days=1)
    yesterday = beijing.day(s.clock.now()) - timedelta(days=1)
    await reconciliation.sweep(s.clock, s.faults, till.pay)
    await reconciliation.reconcile(s.clock, s.faults, till.pay, yesterday, actor=FINANCE)
    for day in (yesterday, date(2021, 6, 1)):
        await reconciliation_queries.of_day(day, actor=FINANCE)
    await pay_health.late(s.clock)
    await pay_health.books()
