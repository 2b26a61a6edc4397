"""A batch as the console's API shows it, whole."""

from __future__ import annotations

from typing import Any

from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from tests.kit import issuing
from tests.kit.console_desk import seated

App = Sanic[Any, Any]


async def test_a_batch_as_the_api_shows_it(app: App, services: Services) -> None:
    of = await issuing.cohort(services, names=("崔子涵", "王〓"))
    batch = await issuing.pending(services, of)
    digest = bytes(batch.list_sha256 or b"").hex()
    at = "2026-11-23T12:00:00+08:00"
    row = {
        "id": batch.id,
        "state": "site_pending",
        "state_label": "考核站点待签发",
        "plan": {"id": of.plan.id, "name": of.plan.name},
        "site": {"id": of.site.id, "name": of.site.name},
        "school": {"id": of.school.id, "name": of.school.name},
        "level": "primary",
        "level_label": "初级",
        "count": 1,
        "results_released": True,
        "revision": 1,
        "list_sha256": digest,
        "digest": digest[:8],
        "return_reason": "",
        "created_at": at,
        "org_signed_at": at,
        "school_signed_at": None,
        "handed_over_at": None,
        "issued_on": None,
        "issued_at": None,
        "corrects": None,
        "correction_word": "",
    }
    begun = {"at": at, "who": "签发员", "kind": "staff", "revision": 1, "reason": None}
    why = "证书字体缺少字符“〓”，请联系管理员补充字体。"
    who = await seated(app, services, Role.ISSUER)
    assert (await who("GET", "/issuances")).json == {
        "items": [row],
        "next_cursor": None,
        "before": None,
        "batches": 1,
        "people": 1,
    }
    assert (await who("GET", f"/issuances/{batch.id}")).json == {
        **row,
        "steps": [{"name": "withdraw", "label": "评价组织撤回", "refusal": None}],
        "can_show_ticket": True,
        "progress": {"total": 1, "sealed": 0, "failed": 0},
        "errors": [],
        "held_back": [{"name": "王〓", "name_masked": "王*", "code": "glyph_missing", "reason": why}],
        "held_back_count": 1,
        "not_listed_count": 0,
        "history": [
            {**begun, "action": "prepare", "action_label": "建立批次"},
            {**begun, "action": "org_sign", "action_label": "评价组织签发"},
        ],
        "receipts": [],
        "has_receipt": False,
    }
