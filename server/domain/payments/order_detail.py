"""One order as its payer and finance see it: what it is for, what was given back, and what the books say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.payments import bank_refund_queries, queries
from server.domain.payments.bank_refund_queries import BankRefundView, TransferOfOrder
from server.domain.payments.fee_states import FeeState
from server.domain.payments.fee_subjects import COLUMNS, JOINS, FeeSubject, with_subject
from server.domain.payments.ledger import Account
from server.domain.payments.queries import OrderView
from server.domain.payments.refund_states import RefundState
from server.domain.people.school_scope import may_see
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import FeeOrder
from server.models.database import rows

_LINES = f"""
SELECT f.id, {COLUMNS}, l.amount_fen, f.state, COALESCE(f.settled_by_id = l.order_id, false) AS is_settled_here
FROM fee_order_line l
JOIN fee f ON f.id = l.fee_id
{JOINS}
WHERE l.order_id = $1 ORDER BY r.admission_number, f.id
"""  # noqa: S608 -- constants
_REFUNDS = """
SELECT id, number, amount_fen, reason, state, asked_at, settled_at FROM fee_refund WHERE order_id = $1 ORDER BY id
"""
_NOT_APPROVED = (RefundState.ASKED, RefundState.DECLINED)  # among finance only
_BOOKS = """
SELECT p.id, p.source, p.at, e.account, e.amount_fen
FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.order_id = $1 ORDER BY p.id, e.id
"""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One fee in an order.

    Attributes:
        is_settled_here: this order, and no other, settled the fee.
    """

    id: int
    subject: FeeSubject
    amount_fen: int
    state: FeeState
    is_settled_here: bool


@dataclass(frozen=True, slots=True)
class OrderRefund:
    """A refund of an order, without who asked and who decided."""

    id: int
    number: str
    amount_fen: int
    reason: str
    state: RefundState
    asked_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Posting:
    """One happening in the books: fen by account, which add up to nothing."""

    source: str
    at: datetime
    entries: tuple[tuple[Account, int], ...]


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """
    Attributes:
        transfer: what paid the order, if a bank did. bank_refunds: what went back of it.
        refunds: by WeChat Pay.
        postings: for who may ask for refunds; empty for everybody else.
    """

    order: OrderView
    lines: list[OrderLine]
    refunds: list[OrderRefund]
    transfer: TransferOfOrder | None
    bank_refunds: list[BankRefundView]
    postings: list[Posting]


async def order_for(order_id: int, *, actor: Actor) -> OrderView:
    """One order; a school's account sees its own school's. Raises Forbidden: role_not_allowed. NotFound: order_unknown."""
    roles.require(actor, Verb.SEE_MONEY)
    kept = await FeeOrder.filter(id=order_id).first()
    if kept is None or not may_see(actor, kept.school_id):
        raise NotFound("order_unknown", "没有这个订单，请刷新后重试。")
    return await queries.order(order_id)


async def detail(order_id: int, *, actor: Actor) -> OrderDetail:
    """One order with everything that hangs on it. Raises as `order_for`."""
    order = await order_for(order_id, actor=actor)
    may_see_books = roles.may(actor, Verb.REFUND)
    return OrderDetail(
        order=order,
        lines=[_line(row) for row in await rows(_LINES, order_id)],
        refunds=await _refunds(order_id),
        transfer=await bank_refund_queries.transfer_of(order_id) if order.is_by_bank else None,
        bank_refunds=await bank_refund_queries.of_order(order_id) if order.is_by_bank else [],
        postings=_postings(await rows(_BOOKS, order_id)) if may_see_books else [],
    )


async def of_payer(order_id: int, candidate_id: int) -> OrderDetail:
    """A candidate's own order: what it is for, and what goes back, once that is approved; no books.

    Raises:
        NotFound: order_unknown, also when it is another's.
    """
    return OrderDetail(
        order=await queries.order(order_id, candidate_id=candidate_id),
        lines=[_line(row) for row in await rows(_LINES, order_id)],
        refunds=[one for one in await _refunds(order_id) if one.state not in _NOT_APPROVED],
        transfer=None,
        bank_refunds=[],  # candidates pay by WeChat Pay alone
        postings=[],
    )


async def _refunds(order_id: int) -> list[OrderRefund]:
    return [
        OrderRefund(**{**row, "state": RefundState(row["state"])}) for row in await rows(_REFUNDS, order_id)
    ]


def _line(row: dict[str, Any]) -> OrderLine:
    return OrderLine(**{**with_subject(row), "state": FeeState(row["state"])})


def _postings(found: list[dict[str, Any]]) -> list[Posting]:
    made = []
    for (_, source, at), entries in groupby(found, lambda row: (row["id"], row["source"], row["at"])):
        lines = tuple((Account(row["account"]), int(row["amount_fen"])) for row in entries)
        made.append(Posting(source, at, lines))
    return made
