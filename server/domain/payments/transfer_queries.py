"""What finance and auditors see of bank transfers, and their proofs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import Page
from server.domain.payments import transfer_proofs
from server.domain.payments.transfer_states import TransferState
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import BankTransfer
from server.models.database import rows

_PAGE = """
SELECT t.id, h.name AS school, t.amount_fen, t.received_on, t.bank_reference, t.proof_kind, t.state, t.recorded_by,
       t.recorded_by_name, t.recorded_at, t.decided_by_name, t.decided_at, o.number AS order_number,
       (SELECT array_agg(l.fee_id ORDER BY l.fee_id) FROM bank_transfer_line l WHERE l.transfer_id = t.id) AS fees
FROM bank_transfer t JOIN school h ON h.id = t.school_id LEFT JOIN fee_order o ON o.id = t.order_id
WHERE ($1::bigint = 0 OR t.id < $1) AND ($2::text IS NULL OR t.state = $2) ORDER BY t.id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class TransferView:
    """One transfer; `fees` by number, `order_number` once it is approved."""

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
    order_number: str | None
    fees: list[int]


@dataclass(frozen=True, slots=True)
class ProofFile:
    data: bytes
    kind: str


async def transfers_page(
    *, actor: Actor, state: str | None = None, after: int = 0, size: int = 50
) -> Page[TransferView]:
    """Transfers, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_TRANSFERS)
    found = [
        TransferView(**{**row, "state": TransferState(row["state"])})
        for row in await rows(_PAGE, after, state, size + 1)
    ]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


async def proof(s: Services, transfer_id: int, *, actor: Actor) -> ProofFile:
    """The proof as it was handed in; that it was looked at stands in the audit trail.

    Raises:
        Forbidden: role_not_allowed. NotFound: transfer_unknown. OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.SEE_TRANSFERS)
    transfer = await BankTransfer.filter(id=transfer_id).first()
    if transfer is None:
        raise NotFound("transfer_unknown", "没有这笔转账，请刷新后重试。")
    data = await transfer_proofs.opened(s.keys, s.file_store, transfer.proof_key)
    await audit_log.record(s.clock, actor, "transfer.proof", "bank_transfer", transfer.id)
    return ProofFile(data, transfer.proof_kind)
