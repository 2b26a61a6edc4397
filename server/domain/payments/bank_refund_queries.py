"""What finance, auditors and the school that paid see of refunds by bank; the proofs, finance and auditors only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.payments import bank_proofs, bank_refund_transitions
from server.domain.payments.bank_proofs import ProofFile
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.people.school_scope import school_of
from server.domain.ports import Services
from server.domain.roles import Verb
from server.models import BankRefund
from server.models.database import rows

_REFUNDS = """
SELECT r.id, r.order_id, o.number AS order_number, h.name AS school, r.amount_fen, r.paid_on, r.bank_reference, r.reason,
       r.proof_kind, r.state, r.recorded_by, r.recorded_by_name, r.recorded_at, r.decided_by_name, r.decided_at
FROM bank_refund r JOIN fee_order o ON o.id = r.order_id JOIN school h ON h.id = r.school_id
"""
_LIST = SqlList(
    _REFUNDS
    + """WHERE ($1::bigint IS NULL OR r.school_id = $1) AND ($2::text IS NULL OR r.state = $2)
  AND ($3::text IS NULL OR strpos(h.name, $3) > 0)""",
    {"amount_fen": "bigint", "paid_on": "date"},
)
SORTS = {
    "-id": "新登记的在前",
    "id": "早登记的在前",
    "-paid_on": "退款晚的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}
_ONE = _REFUNDS + "WHERE r.id = $1 AND ($2::bigint IS NULL OR r.school_id = $2)"
_OF_ORDER = _REFUNDS + "WHERE r.order_id = $1 ORDER BY r.id"
_TRANSFER = """
SELECT t.id, t.amount_fen, t.received_on, t.bank_reference, o.refunded_fen
FROM fee_order o JOIN bank_transfer t ON t.order_id = o.id WHERE o.id = $1
"""


@dataclass(frozen=True, slots=True)
class BankRefundView:
    """One refund by bank."""

    id: int
    order_id: int
    order_number: str
    school: str
    amount_fen: int
    paid_on: date
    bank_reference: str
    reason: str
    proof_kind: str
    state: BankRefundState
    recorded_by: int
    recorded_by_name: str
    recorded_at: datetime
    decided_by_name: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class TransferOfOrder:
    """The transfer that paid an order; `refunded_fen`: what the school has back of it."""

    id: int
    amount_fen: int
    received_on: date
    bank_reference: str
    refunded_fen: int


async def bank_refunds_page(
    *, actor: Actor, state: str | None = None, school: str | None = None, turn: Turn = NEWEST
) -> Page[BankRefundView]:
    """Refunds by bank in any order of `SORTS`; a school's account sees its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.

    Args:
        school: a part of the name of the school that is paid back.
    """
    roles.require(actor, Verb.SEE_TRANSFERS)
    return (await _LIST.page([school_of(actor), state, school], turn)).map(_view)


async def bank_refunds_count(*, actor: Actor, state: str | None = None, school: str | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_TRANSFERS)
    return await _LIST.count([school_of(actor), state, school])


async def detail(bank_refund_id: int, *, actor: Actor) -> tuple[BankRefundView, TransferOfOrder]:
    """One, and what came; a school's account sees its own. Raises Forbidden: role_not_allowed; NotFound."""
    roles.require(actor, Verb.SEE_TRANSFERS)
    found = await rows(_ONE, bank_refund_id, school_of(actor))
    if not found:
        raise bank_refund_transitions.unknown()
    refund = _view(found[0])
    return refund, await transfer_of(refund.order_id)


async def transfer_of(order_id: int) -> TransferOfOrder:
    """What paid an order that was paid by bank, for whoever may see the order."""
    [found] = await rows(_TRANSFER, order_id)
    return TransferOfOrder(**found)


async def of_order(order_id: int) -> list[BankRefundView]:
    """Those of one order, the oldest first, for whoever may see the order."""
    return [_view(row) for row in await rows(_OF_ORDER, order_id)]


async def proof(s: Services, bank_refund_id: int, *, actor: Actor) -> ProofFile:
    """The proof as it was handed in; that it was looked at stands in the audit trail.

    Raises:
        Forbidden: role_not_allowed. NotFound: bank_refund_unknown. OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.SEE_PROOFS)
    refund = await BankRefund.filter(id=bank_refund_id).first()
    if refund is None:
        raise bank_refund_transitions.unknown()
    data = await bank_proofs.opened(s.keys, s.file_store, refund.proof_key)
    await audit_log.record(s.clock, actor, "bank_refund.proof", "bank_refund", refund.id)
    return ProofFile(data, refund.proof_kind)


def _view(row: dict[str, Any]) -> BankRefundView:
    return BankRefundView(**{**row, "state": BankRefundState(row["state"])})
