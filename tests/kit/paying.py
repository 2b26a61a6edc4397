"""A plan with a price, people who owe, and orders over what they owe."""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.levels import Level
from server.domain.payments import fees, notifications, orders, payment_polling, prices, refund_sending
from server.domain.payments.orders import Payer
from server.domain.payments.prices import NewPrice
from server.domain.payments.settlement import Cashbox
from server.domain.ports import Services
from server.models import Candidate, Fee, FeeOrder, Plan, School
from server.models.database import rows
from tests.kit import make
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import FakeClock

FINANCE = Actor("staff", 11, "财务甲", role="finance", address="127.0.0.1", request_id="test")
OTHER_FINANCE = Actor("staff", 12, "财务乙", role="finance", address="127.0.0.1", request_id="test")
PRICE_FEN = 12_050


def forward(s: Services, **span: float) -> None:
    assert isinstance(s.clock, FakeClock)
    s.clock.forward(**span)


def box(s: Services) -> Cashbox:
    return Cashbox.of(s.settings, s.clock, s.queue, s.faults)


async def priced(s: Services, *, kind: str = "social", fen: int = PRICE_FEN, on: Plan | None = None) -> Plan:
    """A plan with a price for everybody, whenever registered."""
    plan = on or await make.plan()
    await prices.set_price(s.clock, s.queue, NewPrice(plan.id, Level.PRIMARY, kind, fen), actor=FINANCE)
    return plan


async def owing(s: Services, plan: Plan, *, school: School | None = None) -> Fee:
    """A 社会考生 (or, with `school`, a 本校考生) who is registered and owes."""
    who = await make.candidate(s, at=school)
    if school is None:
        await Candidate.filter(id=who.id).update(kind="social")
    made = await make.registration(s, who, on=plan, outcome="pending")
    await fees.raise_fees(s.clock)
    return await Fee.get(registration_id=made.id)


def payer(fee: Fee, *, account: str = "oa") -> Payer:
    if fee.school_id is not None:
        return Payer(school_id=fee.school_id)
    return Payer(candidate_id=fee.candidate_id, account=account, openid=f"openid-{account}")


async def ordered(s: Services, pay: FakePay, *owed: Fee, by: Payer | None = None) -> FeeOrder:
    """An order over these fees that WeChat Pay knows."""
    who = by or payer(owed[0])
    order = await orders.create(s.clock, [fee.id for fee in owed], who, actor=make.ADMIN)
    if who.openid:
        await orders.open_cashier(box(s), pay, order.id, who, "getBrandWCPayRequest")
    else:
        await orders.native_code(box(s), pay, order.id, who)
    return order


async def paid(s: Services, pay: FakePay, *owed: Fee, by: Payer | None = None) -> FeeOrder:
    """An order that was paid, and heard of by a notification."""
    order = await ordered(s, pay, *owed, by=by)
    assert pay._pay(order.number)
    await notify(s, pay, order.number)
    return await FeeOrder.get(id=order.id)


async def notify(s: Services, pay: FakePay, number: str) -> None:
    notification = pay._notification(number)
    await notifications.receive(s.clock, s.queue, notification)
    await notifications.apply(box(s), notification.id)


async def sweep(s: Services, pay: FakePay) -> None:
    await notifications.sweep(box(s))
    await payment_polling.sweep(box(s), pay)
    await refund_sending.sweep(box(s), pay)


async def states() -> tuple[list[str], list[str]]:
    """Of fees and of orders."""
    return (
        [fee.state for fee in await Fee.all().order_by("id")],
        [order.state for order in await FeeOrder.all().order_by("id")],
    )


# What went back by bank: of transfers alone, what two have seen and no more, in the order, its fees and the books.
_NOT_AS_THE_BANK_SAYS = """
SELECT o.id, o.state, o.refunded_fen, b.* FROM fee_order o CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.amount_fen) FILTER (WHERE r.state = 'approved'), 0) AS back,
           coalesce(sum(r.amount_fen) FILTER (WHERE r.state IN ('recorded', 'approved')), 0) AS said,
           count(*) FILTER (WHERE r.state = 'approved') AS count, count(*) AS refunds
    FROM bank_refund r WHERE r.order_id = o.id
) b
WHERE CASE WHEN o.way <> 'transfer' THEN b.refunds > 0 ELSE
    o.refunded_fen <> b.back OR b.said > o.total_fen
    OR (SELECT count(*) FROM ledger_posting p WHERE p.order_id = o.id AND p.source LIKE 'bank_refund:%') <> b.count
    OR EXISTS (SELECT 1 FROM bank_refund r WHERE r.order_id = o.id AND r.school_id <> o.school_id)
    OR EXISTS (SELECT 1 FROM fee f WHERE f.settled_by_id = o.id AND (f.state = 'refunded') <> (b.back = o.total_fen))
END
"""


async def check_books() -> None:
    """What must hold after every step, whatever happened."""
    [total] = await rows("SELECT coalesce(sum(amount_fen), 0)::bigint AS fen FROM ledger_entry")
    assert total["fen"] == 0
    wrong = await rows(
        """
        SELECT o.number, o.state, o.total_fen, o.refunded_fen, b.* FROM fee_order o
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(e.amount_fen) FILTER (WHERE e.account = 'wechat'), 0) AS wechat,
                   coalesce(sum(e.amount_fen) FILTER (WHERE e.account = 'bank'), 0) AS bank,
                   coalesce(sum(e.amount_fen) FILTER (WHERE e.account = 'income'), 0) AS income,
                   coalesce(sum(e.amount_fen) FILTER (WHERE e.account = 'owed_back'), 0) AS owed_back
            FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.order_id = o.id
        ) b ON true
        CROSS JOIN LATERAL (
            SELECT CASE WHEN o.state IN ('pending', 'closed') THEN 0 ELSE o.total_fen - o.refunded_fen END AS fen
        ) has
        WHERE b.wechat <> CASE o.way WHEN 'transfer' THEN 0 ELSE has.fen END
           OR b.bank <> CASE o.way WHEN 'transfer' THEN has.fen ELSE 0 END
           OR b.owed_back > 0 OR b.income > 0
           OR (o.state = 'refunded') <> (o.refunded_fen = o.total_fen)
           OR (o.state IN ('pending', 'closed') AND o.transaction_id IS NOT NULL)
        """
    )
    assert wrong == []
    unsettled = await rows(
        """
        SELECT f.id FROM fee f LEFT JOIN fee_order o ON o.id = f.settled_by_id
        WHERE (f.state NOT IN ('owed', 'waived')) <> (o.id IS NOT NULL) OR o.state IN ('pending', 'closed')
           OR NOT EXISTS (SELECT 1 FROM fee_order_line l WHERE l.order_id = o.id AND l.fee_id = f.id) AND o.id IS NOT NULL
        """
    )
    assert unsettled == []
    unpaid = await rows(
        """
        SELECT t.id FROM bank_transfer t LEFT JOIN fee_order o ON o.id = t.order_id
        WHERE (t.state = 'approved') <> (o.id IS NOT NULL) OR o.state NOT IN ('paid', 'part', 'refunded')
           OR o.total_fen <> t.amount_fen
           OR o.id IS NOT NULL AND EXISTS (
               SELECT 1 FROM bank_transfer_line l JOIN fee f ON f.id = l.fee_id
               WHERE l.transfer_id = t.id AND f.settled_by_id IS DISTINCT FROM o.id
           )
        """
    )
    assert unpaid == []
    assert (
        await rows(
            """
        SELECT o.id FROM fee_order o
        WHERE o.way = 'transfer' AND NOT EXISTS (SELECT 1 FROM bank_transfer t WHERE t.order_id = o.id)
        """
        )
        == []
    )
    assert await rows(_NOT_AS_THE_BANK_SAYS) == []
