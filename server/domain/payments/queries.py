"""What payers and finance see of fees, orders, refunds and alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from server.domain import roles
from server.domain.actor import Actor
from server.domain.levels import Level
from server.domain.paging import NEWEST, OLDEST, Page, SqlList, Turn
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.refund_states import RefundState
from server.domain.people.names import mask_name
from server.domain.people.school_scope import school_of
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import FeeRefund, FinanceAlarm
from server.models.database import rows

ORDERS_SHOWN = 50
_OF_CANDIDATE = """
SELECT f.id, p.name AS plan, p.exam_date, s.level, f.amount_fen, f.state, r.admission_number, c.name AS candidate,
       f.created_at
FROM fee f
JOIN registration r ON r.id = f.registration_id
JOIN plan p ON p.id = r.plan_id
JOIN site s ON s.id = r.site_id
JOIN candidate c ON c.id = f.candidate_id
WHERE f.candidate_id = $1 AND f.school_id IS NULL ORDER BY f.id DESC
"""
_ORDERS = """
SELECT o.id, o.number, o.description, o.total_fen, o.refunded_fen, o.state, o.created_at, o.expires_at, o.paid_at,
       o.transaction_id, o.account, h.name AS school, (SELECT count(*) FROM fee_order_line l WHERE l.order_id = o.id) AS fees
FROM fee_order o LEFT JOIN school h ON h.id = o.school_id
"""
_ORDERS_OF = _ORDERS + "WHERE o.candidate_id = $1 ORDER BY o.id DESC LIMIT $2"
_ONE_ORDER = _ORDERS + "WHERE o.id = $1 AND ($2::bigint IS NULL OR o.candidate_id = $2)"
_LIST_OF_ORDERS = SqlList(
    _ORDERS
    + """WHERE ($1::bigint IS NULL OR o.school_id = $1) AND ($2::text IS NULL OR o.state = $2)
  AND ($3::text IS NULL OR strpos(h.name, $3) > 0) AND ($4::text IS NULL OR o.number = $4)
  AND ($5::date IS NULL OR o.created_at >= $5::date::timestamp AT TIME ZONE 'Asia/Shanghai')
  AND ($6::date IS NULL OR o.created_at < ($6::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')""",
    {"total_fen": "bigint"},
)
_REFUNDS = SqlList(
    """
SELECT r.id, r.number, r.order_id, o.number AS order_number, r.amount_fen, r.reason, r.state, r.is_automatic, r.asked_by,
       r.asked_by_name, r.asked_at, r.decided_by_name, r.decided_at, r.settled_at, r.trouble,
       CASE WHEN r.state IN ('sending', 'abnormal') THEN r.wish ELSE '' END AS wish, r.wished_by, r.wished_by_name
FROM fee_refund r JOIN fee_order o ON o.id = r.order_id
WHERE ($1::text IS NULL OR r.state = $1)
""",
    {"amount_fen": "bigint"},
)
_PRICES = SqlList(
    """
SELECT p.id, p.plan_id, n.name AS plan, p.level, p.candidate_kind, p.amount_fen, p.from_on, p.to_on, p.set_by_name, p.set_at,
       p.to_on IS NULL AND (SELECT f.id FROM fee f WHERE f.price_id = p.id ORDER BY f.school_id LIMIT 1) IS NULL AS is_unused
FROM price p JOIN plan n ON n.id = p.plan_id
WHERE ($1::bigint IS NULL OR p.plan_id = $1)
""",
    {"amount_fen": "bigint", "from_on": "date"},
)
_ALARMS = """
SELECT a.id, a.kind, a.order_id, o.number AS order_number, a.content, a.raised_at, a.settled_at,
       a.settled_by_name, a.note
FROM finance_alarm a LEFT JOIN fee_order o ON o.id = a.order_id
"""
_ALARM_LIST = SqlList(_ALARMS + "WHERE (a.settled_at IS NOT NULL) = $1 AND ($2::text IS NULL OR a.kind = $2)")


ORDER_SORTS = {
    "-id": "新下的在前",
    "id": "早下的在前",
    "-total_fen": "金额大的在前",
    "total_fen": "金额小的在前",
}
REFUND_SORTS = {
    "-id": "新提出的在前",
    "id": "早提出的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}
PRICE_SORTS = {
    "-id": "新设定的在前",
    "-from_on": "起算日晚的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders; None leaves a thing open.

    Args:
        school: a part of the name of the school that pays.
        number: of the order, whole.
        since, until: Beijing days on which it was begun; `until` is included.
    """

    state: str | None = None
    school: str | None = None
    number: str | None = None
    since: date | None = None
    until: date | None = None

    def values(self, actor: Actor) -> list[Any]:
        """For the statement: a school's account sees its own."""
        return [school_of(actor), self.state, self.school, self.number, self.since, self.until]


EVERY_ORDER = OrderFilter()


@dataclass(frozen=True, slots=True)
class FeeView:
    """One thing that a candidate pays; `candidate` is masked. What courses cost, schools pay."""

    id: int
    plan: str
    exam_date: date
    level: Level
    amount_fen: int
    state: FeeState
    admission_number: str
    candidate: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OrderView:
    id: int
    number: str
    description: str
    total_fen: int
    refunded_fen: int
    state: OrderState
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    transaction_id: str | None
    account: str  # oa | mp: where it was begun; empty: paid by bank
    school: str | None
    fees: int

    @property
    def is_by_bank(self) -> bool:
        return self.account == ""


@dataclass(frozen=True, slots=True)
class RefundView:
    id: int
    number: str
    order_id: int
    order_number: str
    amount_fen: int
    reason: str
    state: RefundState
    is_automatic: bool
    asked_by: int | None
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str
    decided_at: datetime | None
    settled_at: datetime | None
    trouble: str
    wish: str  # give_up | redirect: asked for by one, to be confirmed by another
    wished_by: int | None
    wished_by_name: str


@dataclass(frozen=True, slots=True)
class PriceView:
    """`is_unused`: the last of its kind, and no fee was made of it yet: it may be withdrawn."""

    id: int
    plan_id: int
    plan: str
    level: Level
    candidate_kind: str
    amount_fen: int
    from_on: date
    to_on: date | None
    set_by_name: str
    set_at: datetime
    is_unused: bool


@dataclass(frozen=True, slots=True)
class AlarmView:
    id: int
    kind: str
    order_id: int | None
    order_number: str | None
    content: dict[str, Any]
    raised_at: datetime
    settled_at: datetime | None
    settled_by_name: str
    note: str


async def owed_by(candidate_id: int) -> list[FeeView]:
    """What a candidate pays, or has paid, without a school (S57); the newest first."""
    return [_fee(row) for row in await rows(_OF_CANDIDATE, candidate_id)]


async def orders_of(candidate_id: int) -> list[OrderView]:
    """The candidate's newest orders."""
    return [_order(row) for row in await rows(_ORDERS_OF, candidate_id, ORDERS_SHOWN)]


async def order(order_id: int, *, candidate_id: int | None = None) -> OrderView:
    """One order.

    Args:
        candidate_id: whose it has to be; None: the caller has seen to that.

    Raises:
        NotFound: order_unknown.
    """
    found = await rows(_ONE_ORDER, order_id, candidate_id)
    if not found:
        raise NotFound("order_unknown", "没有这个订单，请刷新后重试。")
    return _order(found[0])


async def orders_page(
    wanted: OrderFilter = EVERY_ORDER, *, actor: Actor, turn: Turn = NEWEST
) -> Page[OrderView]:
    """Orders in any order of `ORDER_SORTS`; a school's account sees its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_MONEY)
    return (await _LIST_OF_ORDERS.page(wanted.values(actor), turn)).map(_order)


async def orders_count(wanted: OrderFilter = EVERY_ORDER, *, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_MONEY)
    return await _LIST_OF_ORDERS.count(wanted.values(actor))


async def refunds_page(*, actor: Actor, state: str | None = None, turn: Turn = NEWEST) -> Page[RefundView]:
    """Refunds in any order of `REFUND_SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.APPROVE_REFUND)
    found = await _REFUNDS.page([state], turn)
    return found.map(lambda row: RefundView(**{**row, "state": RefundState(row["state"])}))


async def refunds_count(*, actor: Actor, state: str | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.APPROVE_REFUND)
    return await _REFUNDS.count([state])


async def prices_page(*, actor: Actor, plan_id: int | None = None, turn: Turn = NEWEST) -> Page[PriceView]:
    """Prices in any order of `PRICE_SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.SEE_MONEY)
    found = await _PRICES.page([plan_id], turn)
    return found.map(lambda row: PriceView(**{**row, "level": Level(row["level"])}))


async def prices_count(*, actor: Actor, plan_id: int | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_MONEY)
    return await _PRICES.count([plan_id])


async def open_alarms(*, actor: Actor, kind: str | None = None, turn: Turn = OLDEST) -> Page[AlarmView]:
    """What finance has to look at, the oldest first. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    return await _alarms(actor, turn, kind, settled=False)


async def settled_alarms(*, actor: Actor, kind: str | None = None, turn: Turn = NEWEST) -> Page[AlarmView]:
    """What finance has looked at, the newest first. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    return await _alarms(actor, turn, kind, settled=True)


async def _alarms(actor: Actor, turn: Turn, kind: str | None, *, settled: bool) -> Page[AlarmView]:
    roles.require(actor, Verb.SETTLE_ALARMS)
    found = await _ALARM_LIST.page([settled, kind], turn)
    return found.map(lambda row: AlarmView(**{**row, "content": orjson.loads(row["content"])}))


async def count_open_alarms(*, actor: Actor) -> int:
    """How many things finance has to look at. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_ALARMS)
    return await FinanceAlarm.filter(settled_at=None).count()


async def count_to_approve(*, actor: Actor) -> int:
    """How many refunds wait for this person: asked for by somebody else. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.APPROVE_REFUND)
    return await FeeRefund.filter(state=RefundState.ASKED.value).exclude(asked_by=actor.id).count()


def _fee(row: dict[str, Any]) -> FeeView:
    return FeeView(
        **{
            **row,
            "level": Level(row["level"]),
            "state": FeeState(row["state"]),
            "candidate": mask_name(row["candidate"]),
        }
    )


def _order(row: dict[str, Any]) -> OrderView:
    return OrderView(**{**row, "state": OrderState(row["state"])})
