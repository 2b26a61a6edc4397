"""Candidates as staff and schools find them to undo a binding that somebody else made, or that stands in the way."""

from __future__ import annotations

import re
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.freshness import changed, scope_of
from server.domain.people import bindings, ended_sessions
from server.domain.people.candidates import id_masked
from server.domain.people.free_text import clean_reason
from server.domain.people.names import clean_name, tidy
from server.domain.people.school_scope import school_of
from server.domain.ports import Keys, Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound, Refused
from server.models import Binding, Candidate
from server.models.database import rows

REASON_LENGTH = 200
ACCOUNTS = {"oa": "公众号", "mp": "小程序"}
_ADMISSION = re.compile(r"[0-9A-Za-z-]{6,40}")
_IDENTITY = re.compile(r"[0-9]{17}[0-9Xx]")
# $2: a school's id, or NULL for staff, who see all.
_BY_NAME = """
SELECT c.id FROM candidate c WHERE c.name = $1 AND ($2::bigint IS NULL OR c.school_id = $2 OR EXISTS (
    SELECT 1 FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = c.id AND t.school_id = $2))
ORDER BY c.id LIMIT 50
"""
_BY_ADMISSION = """
SELECT DISTINCT r.candidate_id AS id FROM registration r JOIN site t ON t.id = r.site_id
WHERE r.admission_number = $1 AND ($2::bigint IS NULL OR t.school_id = $2) LIMIT 50
"""
_ONE = """
SELECT 1 FROM candidate c WHERE c.id = $1 AND ($2::bigint IS NULL OR c.school_id = $2 OR EXISTS (
    SELECT 1 FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = c.id AND t.school_id = $2))
FOR SHARE
"""


async def find(s: Services, wanted: str, *, actor: Actor) -> list[dict[str, Any]]:
    """Candidates by their whole name or by an admission number, with their living bindings; a school has its own.

    Identity numbers are not taken: what is searched for stands in an address.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /q search_form, search_identity.
    """
    roles.require(actor, Verb.SEE_PEOPLE)
    text = "".join(tidy(wanted).split())
    if _IDENTITY.fullmatch(text):
        raise _poor("search_identity", "请不要在这里输入证件号码，请改用姓名或准考证号查找。")
    if _ADMISSION.fullmatch(text):
        found = await rows(_BY_ADMISSION, text, school_of(actor))
    else:
        try:
            found = await rows(_BY_NAME, clean_name(wanted), school_of(actor))
        except Refused:
            raise _poor("search_form", "请输入完整的姓名，或准考证号。") from None
    people = (
        await Candidate.filter(id__in=[row["id"] for row in found]).order_by("id").prefetch_related("school")
    )
    await incidents.viewed(s, actor, "candidates", "candidate", "-")
    return [await _row(s.keys, one) for one in people]


def _poor(code: str, detail: str) -> Invalid:
    return Invalid(errors=[FieldError("/q", code, detail)])


async def _row(keys: Keys, candidate: Candidate) -> dict[str, Any]:
    bound = await Binding.filter(candidate_id=candidate.id, unbound_at=None).order_by("account")
    return {
        "id": candidate.id,
        "name": candidate.name,
        "id_masked": id_masked(keys, candidate),
        "school": candidate.school.name if candidate.school else None,
        "bindings": [
            {"account": one.account, "account_label": ACCOUNTS[one.account], "bound_at": one.bound_at}
            for one in bound
        ],
    }


async def release(
    s: Services, candidate_id: int, reason: str, *, account: str | None = None, actor: Actor
) -> int:
    """Undo a candidate's bindings for a reason, so that the rightful person can bind; they are told where possible.

    Args:
        account: oa or mp; both when absent.

    Returns: how many ended.

    Raises:
        Forbidden("role_not_allowed") · NotFound("candidate_not_found"), also for another school's ·
        Invalid: /reason · Conflict("not_bound").
    """
    roles.require(actor, Verb.UNBIND)
    reason = clean_reason(reason)
    if not 2 <= len(reason) <= REASON_LENGTH:
        detail = f"请写明解除的原因（如“本人持身份证到校申请”），最多{REASON_LENGTH}个字。"
        raise Invalid(errors=[FieldError("/reason", "reason_form", detail)])
    ends: list[int] = []
    async with in_transaction():
        await _seen_by(candidate_id, actor)
        living = Binding.filter(candidate_id=candidate_id, unbound_at=None)
        found = await (living if account is None else living.filter(account=account)).select_for_update()
        if not found:
            raise Conflict("not_bound", "这位考生现在没有绑定，不需要解除；请刷新页面。")
        for one in found:
            await Binding.filter(id=one.id).update(unbound_at=s.clock.now())
            await audit_log.record(
                s.clock,
                actor,
                "binding.released",
                "candidate",
                candidate_id,
                was={"account": one.account},
                became={"reason": reason},
            )
            ends.append(await ended_sessions.write(s.clock, s.keys, WeChatIdentity(one.account, one.openid)))
            await changed(s, scope_of(one.account, one.openid))
            await s.queue.put("people.tell_bound", binding_id=one.id, what="released")
    for one, moment in zip(found, ends, strict=True):
        ended_sessions.remember(s.keys, s.session_memory, WeChatIdentity(one.account, one.openid), moment)
        bindings.forget(s.lookup_watch, WeChatIdentity(one.account, one.openid))
    return len(found)


async def _seen_by(candidate_id: int, actor: Actor) -> None:
    if not await rows(_ONE, candidate_id, school_of(actor)):
        raise NotFound("candidate_not_found", "没有找到这位考生，请核对后重新查找。")
