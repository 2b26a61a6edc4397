"""The statements of an officer's scan, written out: a reading before the transaction, and few inside it.

A confirmation was some eighteen statements put together by the object mapper, of which building the text cost most.
Columns are named one by one: `*` would break a kept statement while a migration adds a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.ports import WeChatIdentity
from server.errors import NotFound
from server.models import Issuance, Officer, ScanTicket
from server.models.database import model, rows

_TICKET = """t.id, t.issuance_id, t.revision, t.list_sha256, t.school_id, t.key_epoch, t.shown_by, t.created_at,
       t.expires_at, t.replaced_at, t.opened_at, t.spent_by_id, t.spent_at, t.spent_as"""
_OFFICER = """o.id AS o_id, o.school_id AS o_school_id, o.name AS o_name, o.mobile_sealed AS o_mobile_sealed,
       o.mobile_index AS o_mobile_index, o.state AS o_state, o.invitation_hash AS o_invitation_hash,
       o.invitation_expires_at AS o_invitation_expires_at, o.invitation_failures AS o_invitation_failures,
       o.oa_openid AS o_oa_openid, o.mp_openid AS o_mp_openid, o.pin_hash AS o_pin_hash,
       o.pin_failures AS o_pin_failures, o.pin_locked_until AS o_pin_locked_until, o.created_at AS o_created_at,
       o.suspended_at AS o_suspended_at, o.until AS o_until"""
# A person without a WeChat identity in this account has '' there and is never found by it.
_SCANNED = {
    account: f"""
SELECT {_TICKET}, {_OFFICER} FROM scan_ticket t
LEFT JOIN officer o ON o.{account}_openid = $2 AND o.{account}_openid <> ''
WHERE t.id = $1
"""  # noqa: S608 -- constants
    for account in ("oa", "mp")
}
_TICKET_ALONE = f"SELECT {_TICKET} FROM scan_ticket t WHERE t.id = $1"  # noqa: S608 -- constants
_LOCKED = """
SELECT id, plan_id, site_id, state, revision, list_sha256, count, return_reason, org_signed_at, org_signed_by,
       school_signed_at, handed_over_at, issued_on, issued_at, announced_at, corrects_id, correction_word, created_at
FROM issuance WHERE id = $1 FOR UPDATE
"""
# Read after the batch's row is locked, so that whoever held it before is seen. The officer is held too: a suspension
# comes before this or after it. `signer`: who signed for the organisation last.
_HELD = f"""
SELECT {_TICKET}, {_OFFICER},
       EXISTS (SELECT 1 FROM officer_backer b WHERE b.officer_id = o.id AND b.staff_id = $3) AS is_backed_by_signer,
       COALESCE((SELECT a.actor_name FROM audit_entry a
                 WHERE a.subject_kind = 'issuance' AND a.subject_id = $4 AND a.action = 'issuance.org_sign'
                 ORDER BY a.id DESC LIMIT 1), '') AS signer
FROM scan_ticket t, officer o WHERE t.id = $1 AND o.id = $2
FOR NO KEY UPDATE OF o
"""  # noqa: S608 -- constants
_SPEND = """
WITH spent AS (
    UPDATE scan_ticket SET spent_by_id = $2, spent_at = $3, spent_as = $4
    WHERE id = $1 AND spent_at IS NULL AND replaced_at IS NULL RETURNING id, issuance_id
)
INSERT INTO receipt (issuance_id, ticket_id, officer_id, document, created_at)
SELECT issuance_id, id, $2, $5, $3 FROM spent RETURNING id
"""


@dataclass(frozen=True, slots=True)
class LockedTicket:
    """Ticket and officer inside the transaction, and what else a confirmation asks of them."""

    ticket: ScanTicket
    officer: Officer
    is_backed_by_signer: bool
    signer: str


def _officer(row: Mapping[str, Any]) -> Officer:
    return model(Officer, {name[2:]: value for name, value in row.items() if name.startswith("o_")})


async def scanned(ticket_id: int, identity: WeChatIdentity) -> tuple[ScanTicket, Officer | None] | None:
    """A ticket and who scans it, if that is an officer, in whatever state; None if there is no such ticket."""
    if identity.account not in _SCANNED:
        alone = await ticket(ticket_id)
        return (alone, None) if alone is not None else None
    matches = await rows(_SCANNED[identity.account], ticket_id, identity.openid)
    if not matches:
        return None
    [row] = matches
    return model(ScanTicket, row), _officer(row) if row["o_id"] is not None else None


async def ticket(ticket_id: int) -> ScanTicket | None:
    """The ticket as it is now."""
    tickets = await rows(_TICKET_ALONE, ticket_id)
    return model(ScanTicket, tickets[0]) if tickets else None


async def locked(issuance_id: int) -> Issuance:
    """The batch, its row locked until the caller's transaction ends. Raises NotFound."""
    batches = await rows(_LOCKED, issuance_id)
    if not batches:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    return model(Issuance, batches[0])


async def lock_ticket(ticket_id: int, officer_id: int, issuance: Issuance) -> LockedTicket:
    """Ticket and officer of a batch whose row the caller has locked; the officer's row is locked too."""
    [row] = await rows(_HELD, ticket_id, officer_id, issuance.org_signed_by, str(issuance.id))
    return LockedTicket(model(ScanTicket, row), _officer(row), row["is_backed_by_signer"], row["signer"])


async def spend(ticket_id: int, officer_id: int, at: datetime, name: str, receipt: bytes) -> bool:
    """Spend the ticket and keep its receipt, in the caller's transaction. False: somebody else has spent it."""
    return bool(await rows(_SPEND, ticket_id, officer_id, at, name, receipt))
