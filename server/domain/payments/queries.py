"""What payers and finance see of fees, orders, refunds and alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from server.domain import roles
from server.domain.actor import Actor
from server.domain.levels import Level
from server.domain.paging import Page
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
_PAGE_OF_ORDERS = (
    _ORDERS
    + """WHERE ($1::bigint = 0 OR o.id < $1) AND ($2::bigint IS NULL OR o.school_id = $2)
  AND ($3::text IS NULL OR o.state = $3) ORDER BY o.id DESC LIMIT $4"""
)
_REFUNDS = """
SELECT r.id, r.number, r.order_id, o.number AS order_number, r.amount_fen, r.reason, r.state, r.is_automatic, r.asked_by,
       r.asked_by_name, r.asked_at, r.decided_by_name, r.decided_at, r.settled_at, r.trouble,
       CASE WHEN r.state IN ('sending', 'abnormal') THEN r.wish ELSE '' END AS wish, r.wished_by, r.wished_by_name
FROM fee_refund r JOIN fee_order o ON o.id = r.order_id
WHERE ($1::bigint = 0 OR r.id < $1) AND ($2::text IS NULL OR r.state = $2) ORDER BY r.id DESC LIMIT $3
"""
_PRICES = """
SELECT p.id, p.plan_id, n.name AS plan, p.level, p.candidate_kind, p.amount_fen, p.from_on, p.to_on, p.set_by_name, p.set_at,
       p.to_on IS NULL AND (SELECT f.id FROM fee f WHERE f.price_id = p.id ORDER BY f.school_id LIMIT 1) IS NULL AS is_unused
FROM price p JOIN plan n ON n.id = p.plan_id
WHERE ($1::bigint IS NULL OR p.plan_id = $1) AND ($2::bigint = 0 OR p.id < $2) ORDER BY p.id DESC LIMIT $3
"""
_ALARMS = """
SELECT a.id, a.kind, a.order_id, o.number AS order_number, a.content, a.raised_at, a.settled_at,
       a.settled_by_name, a.note
FROM finance_alarm a LEFT JOIN fee_order o ON o.id = a.order_id
"""
_OPEN_ALARMS = _ALARMS + "WHERE a.settled_at IS NULL AND a.id > $1 ORDER BY a.id LIMIT $2"
_SETTLED_ALARMS = (
    _ALARMS + "WHERE a.settled_at IS NOT NULL AND ($1::bigint = 0 OR a.id < $1) ORDER BY a.id DESC LIMIT $2"
)


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
    *, actor: Actor, state: str | None = None, after: int = 0, size: int = 50
) -> Page[OrderView]:
    """Orders, the newest first; a school's account sees its own. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_MONEY)
    found = [_order(row) for row in await rows(_PAGE_OF_ORDERS, after, school_of(actor), state, size + 1)]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


async def refunds_page(
    *, actor: Actor, state: str | None = None, after: int = 0, size: int = 50
) -> Page[RefundView]:
    """Refunds, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.APPROVE_REFUND)
    found = [
        RefundView(**{**row, "state": RefundState(row["state"])})
        for row in await rows(_REFUNDS, after, state, size + 1)
    ]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


async def prices_page(
    *, actor: Actor, plan_id: int | None = None, after: int = 0, size: int = 50
) -> Page[PriceView]:
    """Prices, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_MONEY)
    found = [
        PriceView(**{**row, "level": Level(row["level"])})
        for row in await rows(_PRICES, plan_id, after, size + 1)
    ]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


async def open_alarms(*, actor: Actor, after: int = 0, size: int = 50) -> Page[AlarmView]:
    """What finance has to look at, the oldest first. Raises Forbidden: role_not_allowed."""
    return await _alarms(_OPEN_ALARMS, actor, after, size)


async def settled_alarms(*, actor: Actor, after: int = 0, size: int = 50) -> Page[AlarmView]:
    """What finance has looked at, the newest first. Raises Forbidden: role_not_allowed."""
    return await _alarms(_SETTLED_ALARMS, actor, after, size)


async def _alarms(statement: str, actor: Actor, after: int, size: int) -> Page[AlarmView]:
    roles.require(actor, Verb.SETTLE_ALARMS)
    found = [
        AlarmView(**{**row, "content": orjson.loads(row["content"])})
        for row in await rows(statement, after, size + 1)
    ]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


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
