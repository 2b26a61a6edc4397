"""Who did what with a batch, from the audit trail."""

from __future__ import annotations

from typing import Any

from server.domain.beijing import local
from server.models import AuditEntry

# What an entry is called on the batch's page; what is not here is no step of its life.
TOLD = {
    "issuance.prepare": "建立批次",
    "issuance.org_sign": "评价组织签发",
    "issuance.withdraw": "评价组织撤回",
    "issuance.revise": "重新准备",
    "issuance.confirm_scan": "院校扫码签发",
    "issuance.school_return": "院校退回",
    "issuance.hand_over": "发放",
    "issuance.complete": "全部生成",
}
MOST = 200


async def of(issuance_id: int) -> list[dict[str, Any]]:
    """The steps of a batch's life, oldest first: `{at, who, kind, action, action_label, revision, reason}`.

    `who` is the name at that time, `kind` staff, officer or system.
    """
    entries = AuditEntry.filter(subject_kind="issuance", subject_id=str(issuance_id), action__in=list(TOLD))
    return [
        {
            "at": local(entry.at).isoformat(timespec="seconds"),
            "who": entry.actor_name,
            "kind": entry.actor_kind,
            "action": entry.action.removeprefix("issuance."),
            "action_label": TOLD[entry.action],
            "revision": (entry.became or {}).get("revision"),
            "reason": (entry.became or {}).get("reason"),
        }
        for entry in await entries.order_by("id").limit(MOST)
    ]
