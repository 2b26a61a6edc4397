"""What finance, auditors and the school that paid see of bank transfers; the proofs, finance and auditors only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.payments import bank_proofs
from server.domain.payments.bank_proofs import ProofFile
from server.domain.payments.fee_states import FeeState
from server.domain.payments.fee_subjects import COLUMNS, JOINS, FeeSubject, with_subject
from server.domain.payments.transfer_states import TransferState
from server.domain.people.school_scope import school_of
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import BankTransfer
from server.models.database import rows

_TRANSFERS = """
SELECT t.id, h.name AS school, t.amount_fen, t.received_on, t.bank_reference, t.proof_kind, t.state, t.recorded_by,
       t.recorded_by_name, t.recorded_at, t.decided_by_name, t.decided_at, t.order_id, o.number AS order_number,
       (SELECT array_agg(l.fee_id ORDER BY l.fee_id) FROM bank_transfer_line l WHERE l.transfer_id = t.id) AS fees
FROM bank_transfer t JOIN school h ON h.id = t.school_id LEFT JOIN fee_order o ON o.id = t.order_id
"""
_LIST = SqlList(
    _TRANSFERS
    + """WHERE ($1::bigint IS NULL OR t.school_id = $1) AND ($2::text IS NULL OR t.state = $2)
  AND ($3::text IS NULL OR strpos(h.name, $3) > 0)""",
    {"amount_fen": "bigint", "received_on": "date"},
)
SORTS = {
    "-id": "新登记的在前",
    "id": "早登记的在前",
    "-received_on": "到账晚的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}
_ONE = _TRANSFERS + "WHERE t.id = $1 AND ($2::bigint IS NULL OR t.school_id = $2)"
_LINES = f"""
SELECT f.id, {COLUMNS}, l.amount_fen, f.state
FROM bank_transfer_line l
JOIN fee f ON f.id = l.fee_id
{JOINS}
WHERE l.transfer_id = $1 ORDER BY r.admission_number, f.id
"""  # noqa: S608 -- constants
_SCHOOLS = """
SELECT h.id, h.name, count(*)::int AS fees, sum(f.amount_fen)::bigint AS fen
FROM fee f JOIN school h ON h.id = f.school_id WHERE f.state = 'owed' GROUP BY h.id ORDER BY h.name, h.id
"""


@dataclass(frozen=True, slots=True)
class TransferView:
    """One transfer; `fees` by number, `order_id` and `order_number` once it is approved."""

    id: int
    school: str
    amount_fen: int
    received_on: date
    bank_reference: str
    proof_kind: str
    state: TransferState
    recorded_by: int
    recorded_by_name: str
    recorded_at: datetime
    decided_by_name: str
    decided_at: datetime | None
    order_id: int | None
    order_number: str | None
    fees: list[int]


@dataclass(frozen=True, slots=True)
class TransferLine:
    """One fee that a transfer is to pay, and how it stands now."""

    id: int
    subject: FeeSubject
    amount_fen: int
    state: FeeState


@dataclass(frozen=True, slots=True)
class SchoolOwing:
    """A school whose people's fees are owed: how many, and how much."""

    id: int
    name: str
    fees: int
    fen: int


async def transfers_page(
    *, actor: Actor, state: str | None = None, school: str | None = None, turn: Turn = NEWEST
) -> Page[TransferView]:
    """Transfers in any order of `SORTS`; a school's account sees its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.

    Args:
        school: a part of the name of the school that paid.
    """
    roles.require(actor, Verb.SEE_TRANSFERS)
    return (await _LIST.page([school_of(actor), state, school], turn)).map(_transfer)


async def transfers_count(*, actor: Actor, state: str | None = None, school: str | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_TRANSFERS)
    return await _LIST.count([school_of(actor), state, school])


async def detail(transfer_id: int, *, actor: Actor) -> tuple[TransferView, list[TransferLine]]:
    """One transfer and its fees; a school's account sees its own. Raises Forbidden: role_not_allowed; NotFound."""
    roles.require(actor, Verb.SEE_TRANSFERS)
    found = await rows(_ONE, transfer_id, school_of(actor))
    if not found:
        raise _unknown()
    lines = [
        TransferLine(**{**with_subject(row), "state": FeeState(row["state"])})
        for row in await rows(_LINES, transfer_id)
    ]
    return _transfer(found[0]), lines


async def schools_owing(*, actor: Actor) -> list[SchoolOwing]:
    """Schools that a transfer can be recorded for. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.RECORD_TRANSFER)
    return [SchoolOwing(**{**row, "fen": int(row["fen"])}) for row in await rows(_SCHOOLS)]


def _transfer(row: dict[str, Any]) -> TransferView:
    return TransferView(**{**row, "state": TransferState(row["state"])})


def _unknown() -> NotFound:
    return NotFound("transfer_unknown", "没有这笔转账，请刷新后重试。")


async def proof(s: Services, transfer_id: int, *, actor: Actor) -> ProofFile:
    """The proof as it was handed in; that it was looked at stands in the audit trail.

    Raises:
        Forbidden: role_not_allowed. NotFound: transfer_unknown. OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.SEE_PROOFS)
    transfer = await BankTransfer.filter(id=transfer_id).first()
    if transfer is None:
        raise _unknown()
    data = await bank_proofs.opened(s.keys, s.file_store, transfer.proof_key)
    await audit_log.record(s.clock, actor, "transfer.proof", "bank_transfer", transfer.id)
    return ProofFile(data, transfer.proof_kind)
