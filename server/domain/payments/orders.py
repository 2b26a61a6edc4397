"""Orders: what somebody is asked to pay at once, and opening WeChat's cashier for it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments import open_orders, order_limits, payment_polling
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.settlement import Cashbox
from server.domain.ports import Clock, PayGateway
from server.domain.ports.payments import Cashier, PayOrder
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound, OutsideFailure, PayRefused
from server.models import Fee, FeeOrder, FeeOrderLine
from server.models.database import rows

LIFETIME = timedelta(hours=2)  # as long as WeChat Pay's prepay_id (wechat.md §7.4)
LEAST_LEFT = timedelta(minutes=5)  # an older order is not taken up again
FIRST_QUERY = timedelta(seconds=30)
MOST_FEES = 500
HANDLE_LIVES = timedelta(hours=2) - timedelta(
    minutes=1
)  # prepay_id and code_url, from when they were asked for
OPENING = timedelta(
    seconds=20
)  # longer than WeChat Pay may take to answer; who has died by then hinders nobody
_OPENING = """
UPDATE fee_order SET opening_until = $4
WHERE id = $1 AND state = $2 AND (handle_until IS NULL OR handle_until <= $3)
  AND (opening_until IS NULL OR opening_until <= $3 OR opening_until > $4) RETURNING id
"""
_OPENED = """
UPDATE fee_order SET handle = $3, handle_until = $4, opening_until = NULL WHERE id = $1 AND state = $2 RETURNING id
"""
_SAME = """
SELECT o.id FROM fee_order o
WHERE o.state = $1 AND o.expires_at > $2 AND o.account = $3 AND o.way = $4 AND o.openid = $5
  AND o.candidate_id IS NOT DISTINCT FROM $6 AND o.school_id IS NOT DISTINCT FROM $7
  AND o.id IN (SELECT l.order_id FROM fee_order_line l WHERE l.fee_id = ANY($8::bigint[]))
  AND (SELECT array_agg(l.fee_id ORDER BY l.fee_id) FROM fee_order_line l WHERE l.order_id = o.id) = $8::bigint[]
ORDER BY o.id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, and where.

    Attributes:
        candidate_id, school_id: exactly one.
        account: oa or mp; whose appid the order has.
        openid: of whoever pays inside WeChat; empty where a QR is scanned.
    """

    candidate_id: int | None = None
    school_id: int | None = None
    account: str = "oa"
    openid: str = ""

    @property
    def way(self) -> str:
        return "jsapi" if self.openid else "native"

    @property
    def who(self) -> tuple[int | None, int | None]:
        """The person or the school, through whatever door."""
        return self.candidate_id, self.school_id


async def create(clock: Clock, fee_ids: Collection[int], payer: Payer, *, actor: Actor) -> FeeOrder:
    """An order over these fees. The same again, while the first is open, is the same order.

    Raises:
        Forbidden: role_not_allowed, of staff.
        Invalid: /fees — none or too many.
        NotFound: fee_unknown — not there, or not this payer's.
        Conflict: fee_settled, fee_waived — one of them is paid or need not be; orders_open — too many; nothing is
            ordered then.
    """
    if actor.kind == "staff":  # a candidate pays what is his own, and needs no role for it
        roles.require(actor, Verb.PAY_FOR_SCHOOL)
    wanted = sorted(set(fee_ids))
    if not 0 < len(wanted) <= MOST_FEES:
        message = f"请选择要缴的费用，一次最多 {MOST_FEES} 项。"
        raise Invalid(errors=[FieldError("/fees", "fees_count", message)])
    async with in_transaction():
        await order_limits.hold(payer.who)
        fees = await Fee.filter(id__in=wanted).order_by("id").select_for_update()
        _refuse(fees, wanted, payer)
        if (same := await _same(clock, wanted, payer)) is not None:
            return same
        now = clock.now()
        await order_limits.require_room(now, payer.who)
        order = await FeeOrder.create(
            number=f"xc{beijing.day(now):%Y%m%d}{secrets.token_hex(5)}",
            candidate_id=payer.candidate_id,
            school_id=payer.school_id,
            account=payer.account,
            way=payer.way,
            openid=payer.openid,
            description=description(fees),
            total_fen=sum(fee.amount_fen for fee in fees),
            expires_at=now + LIFETIME,
            next_query_at=now + FIRST_QUERY,
            created_at=now,
        )
        await FeeOrderLine.bulk_create(
            [FeeOrderLine(order_id=order.id, fee_id=fee.id, amount_fen=fee.amount_fen) for fee in fees]
        )
        became = {"number": order.number, "fees": len(fees), "total_fen": order.total_fen}
        await audit_log.record(clock, actor, "order.create", "fee_order", order.id, became=became)
    return order


def _refuse(fees: list[Fee], wanted: list[int], payer: Payer) -> None:
    theirs = [
        fee
        for fee in fees
        if (fee.school_id, fee.candidate_id if fee.school_id is None else None)
        == (payer.school_id, payer.candidate_id)
    ]
    if len(theirs) != len(wanted):
        raise NotFound("fee_unknown", "没有这项费用，或它不由您缴纳；请刷新后重试。")
    if any(FeeState(fee.state) is FeeState.WAIVED for fee in fees):
        raise Conflict("fee_waived", "其中有费用已经减免，不用付；请刷新后再看。")
    if any(FeeState(fee.state) is not FeeState.OWED for fee in fees):
        raise Conflict("fee_settled", "其中有费用已经缴清，不用再付；请刷新后再看。")


async def _same(clock: Clock, wanted: list[int], payer: Payer) -> FeeOrder | None:
    found = await rows(
        _SAME,
        OrderState.PENDING.value,
        clock.now() + LEAST_LEFT,
        payer.account,
        payer.way,
        payer.openid,
        payer.candidate_id,
        payer.school_id,
        wanted,
    )
    return await FeeOrder.get(id=found[0]["id"]) if found else None


def description(fees: Sequence[Fee]) -> str:
    """What the payer reads that he pays."""
    of_courses = sum(fee.enrolment_id is not None for fee in fees)
    words = [word for word, count in (("考试费", len(fees) - of_courses), ("培训费", of_courses)) if count]
    counted = "人" if len(words) == 1 else "项"  # one person may sit an examination and take part in a course
    said = "社会心理服务证书" + "和".join(words)
    return said + (f"（{len(fees)} {counted}）" if len(fees) > 1 else "")


async def open_cashier(
    box: Cashbox, pay: PayGateway, order_id: int, payer: Payer, cashier: Cashier
) -> dict[str, str]:
    """What the payer's page hands to WeChat. Nothing is paid by it: only WeChat Pay says that something was.

    Raises:
        NotFound: order_unknown. PayRefused, OutsideFailure: try again.
        Conflict: order_moved — paid or closed; fee_waived, fee_settled — need not be paid any more, it is closed;
            order_elsewhere — begun in the other account or by another person's WeChat; cashier_opening.
    """

    async def ordered(order: FeeOrder) -> str:
        return await pay.order_jsapi(_asked(order), openid=order.openid)

    return pay.pay_parameters(await _ordered(box, pay, order_id, payer, ordered), cashier)


async def native_code(box: Cashbox, pay: PayGateway, order_id: int, payer: Payer) -> str:
    """What the QR on the school's desktop says; to be scanned by WeChat. Raises as `open_cashier`."""

    async def ordered(order: FeeOrder) -> str:
        return await pay.order_native(_asked(order))

    return await _ordered(box, pay, order_id, payer, ordered)


async def _ordered(
    box: Cashbox, pay: PayGateway, order_id: int, payer: Payer, ask: Callable[[FeeOrder], Awaitable[str]]
) -> str:
    """What opens WeChat's cashier: the same again as long as it lives, as a second code would kill the first."""
    order = await _payable(box, pay, order_id, payer)
    if _has_handle(box.clock, order):
        with suppress(
            OutsideFailure, PayRefused
        ):  # paid in the other tab? No answer: the cashier itself knows
            await payment_polling.look(box, pay, order.number)
        return (await _payable(box, pay, order_id, payer)).handle
    asked_at = box.clock.now()
    if not await rows(_OPENING, order.id, OrderState.PENDING.value, asked_at, asked_at + OPENING):
        if _has_handle(box.clock, again := await _payable(box, pay, order_id, payer)):
            return again.handle
        raise Conflict("cashier_opening", "这个订单正在打开付款，请过几秒再试；没有扣款。")
    try:
        handle = await ask(order)
    except PayRefused:  # it may have been paid in this moment, and nobody has told us yet
        await _gave_up(order, asked_at)
        with suppress(OutsideFailure, PayRefused):  # what WeChat Pay said first is what the caller hears
            await payment_polling.look(box, pay, order.number)
        await _payable(box, pay, order_id, payer)
        raise
    except OutsideFailure:
        await _gave_up(order, asked_at)
        raise
    wanted = (order.id, OrderState.PENDING.value, handle, asked_at + HANDLE_LIVES)
    if not await rows(_OPENED, *wanted):  # closed meanwhile, when WeChat Pay may not have known it yet
        await payment_polling.close_there(pay, order.number)
        await _payable(box, pay, order_id, payer)
        raise Conflict("order_moved", "这个订单刚刚有变化，请刷新后再看。")
    return handle


def _has_handle(clock: Clock, order: FeeOrder) -> bool:
    return order.handle_until is not None and order.handle_until > clock.now()


async def _gave_up(order: FeeOrder, asked_at: datetime) -> None:
    """Whoever comes next need not wait; a claim of somebody else is left alone."""
    await FeeOrder.filter(id=order.id, opening_until=asked_at + OPENING).update(opening_until=None)


async def _payable(box: Cashbox, pay: PayGateway, order_id: int, payer: Payer) -> FeeOrder:
    """The payer's open order, all of whose fees are owed. One that is overtaken is closed before that is said."""
    wanted = {"id": order_id, "candidate_id": payer.candidate_id, "school_id": payer.school_id}
    order = await FeeOrder.filter(**wanted).first()
    if order is None:
        raise NotFound("order_unknown", "没有这个订单，请刷新后重试。")
    if OrderState(order.state) is not OrderState.PENDING or order.expires_at <= box.clock.now():
        label = "已过期" if OrderState(order.state) is OrderState.PENDING else OrderState(order.state).label
        raise Conflict("order_moved", f"这个订单{label}，不能再付；请刷新后重新下单。")
    if (became := await open_orders.overtaken_by(order.id)) is not None:
        await _refuse_overtaken(box, pay, order, became)
    if (order.account, order.openid) != (payer.account, payer.openid):
        raise Conflict("order_elsewhere", elsewhere(order.account, order.account == payer.account))
    return order


async def _refuse_overtaken(box: Cashbox, pay: PayGateway, order: FeeOrder, became: FeeState) -> None:
    """Raises Conflict: fee_waived, fee_settled, order_moved — it was paid all the same."""
    state = OrderState.PENDING
    with suppress(OutsideFailure, PayRefused):  # closed later then: a sweep asks again
        state = await payment_polling.look(box, pay, order.number)
    if state not in (OrderState.PENDING, OrderState.CLOSED):
        raise Conflict("order_moved", f"这个订单{state.label}，不能再付；请刷新后再看。")
    why, code = ("已经减免", "fee_waived") if became is FeeState.WAIVED else ("已经缴清", "fee_settled")
    so = "订单已关闭，" if state is OrderState.CLOSED else "请不要再付这个订单，"
    raise Conflict(code, f"这个订单里有费用{why}，不用再付；{so}还有要缴的请重新下单。")


def elsewhere(account: str, is_same_account: bool) -> str:
    """Where an order has to be paid that was begun elsewhere, and what else one may do."""
    if is_same_account:
        return "这个订单是用另一个微信号下的，请在那个微信号里继续支付，或为同样的费用重新下单。"
    where = "小程序" if account == "mp" else "公众号"
    return f"这个订单是在{where}里下的，请在{where}里继续支付，或为同样的费用重新下单。"


def _asked(order: FeeOrder) -> PayOrder:
    """The order as WeChat Pay is asked for it: the same each time, or it refuses the number."""
    return PayOrder(order.account, order.number, order.description, order.total_fen, order.expires_at)
