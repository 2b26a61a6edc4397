"""What an officer signed or returned: from the receipts, which say it for ever, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from server.domain.issuance.receipts import CONFIRMED
from server.errors import NotFound
from server.models import Receipt

AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReceipt:
    """One receipt as its officer reads it. `digest`: what stood on both screens; `reason`: of a return."""

    id: int
    at: datetime
    is_signed: bool
    plan: str
    level: str
    school: str
    count: int
    issuance: int
    revision: int
    digest: str
    list_sha256: str
    ticket: str
    officer: str
    reason: str


@dataclass(frozen=True, slots=True)
class OwnReceipts:
    """Some of them; `older`: the number to ask with for those before, None when there are none."""

    items: tuple[OwnReceipt, ...]
    older: int | None


async def listing(officer_id: int, before: int | None = None) -> OwnReceipts:
    """The receipts of this officer, `AT_ONCE` of them.

    Args:
        before: only those older than this receipt.
    """
    query = Receipt.filter(officer_id=officer_id)
    if before is not None:
        query = query.filter(id__lt=before)
    found = await query.order_by("-id").limit(AT_ONCE + 1)
    shown = found[:AT_ONCE]
    return OwnReceipts(tuple(map(_view, shown)), shown[-1].id if len(found) > AT_ONCE else None)


async def one(officer_id: int, receipt_id: int) -> tuple[OwnReceipt, bytes]:
    """One of this officer's receipts and its signed document. Raises NotFound("receipt_not_found")."""
    receipt = await Receipt.get_or_none(id=receipt_id, officer_id=officer_id)
    if receipt is None:
        raise NotFound("receipt_not_found", "在您的签发记录中没有这份凭据，请从“我签发过的”进入。")
    return _view(receipt), bytes(receipt.document)


def _view(receipt: Receipt) -> OwnReceipt:
    said = json.loads(bytes(receipt.document))
    return OwnReceipt(
        id=receipt.id,
        at=datetime.fromisoformat(said["at"]),
        is_signed=said["action"] == CONFIRMED,
        plan=said["plan"],
        level=said["level"],
        school=said["school_name"],
        count=said["count"],
        issuance=said["issuance"],
        revision=said["revision"],
        digest=said["list_sha256"][:8],
        list_sha256=said["list_sha256"],
        ticket=said["ticket"],
        officer=said["officer_name"],
        reason=said.get("reason", ""),
    )
