"""What staff and schools see of batches: one in full, and many in pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.beijing import rfc3339
from server.domain.certificates.claims import Line
from server.domain.certificates.states import UNSEALED
from server.domain.certificates.visibility import seen_by
from server.domain.exams.results import is_released
from server.domain.issuance import facts, history, roster
from server.domain.issuance.states import BatchState, Who, list_is_current, list_is_signed, steps_from
from server.domain.issuance.transitions import VERBS
from server.domain.levels import Level
from server.domain.people import conflicts
from server.domain.people.names import mask_name
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound, Refused
from server.models import Certificate, Issuance, Receipt
from server.models.database import rows

HELD_BACK_SHOWN = 500
RECEIPTS_SHOWN = 50
_NEVER_ALONE = frozenset({"org_sign", "hand_over"})  # as `desk` asks before it takes them


async def _steps(s: Services, issuance: Issuance, actor: Actor) -> list[dict[str, Any]]:
    """What this member of staff may do next; `refusal` says why a step has to wait, as far as can be said without asking."""
    known = await facts.of_staff(s, issuance, actor=actor)
    involved = await _involved(issuance, actor)
    steps = []
    for step in steps_from(BatchState(issuance.state)):
        if step.who is Who.ORGANISATION and roles.may(actor, VERBS[step.name]):
            reason = step.refusal(known, but=(list_is_current, list_is_signed))
            said_no = reason.message if reason else involved if step.name in _NEVER_ALONE else None
            steps.append({"name": step.name, "label": step.label, "refusal": said_no})
    return steps


async def _involved(issuance: Issuance, actor: Actor) -> str | None:
    """Why this person may take no step towards a certificate of this school, if so."""
    try:
        await conflicts.require_uninvolved(issuance.site.school_id, actor=actor)
    except Refused as refused:
        return refused.message
    return None


def state_of(text: str) -> str:
    """A batch's state by its stored name. Raises Invalid."""
    try:
        return BatchState(text).value
    except ValueError:
        known = "、".join(f"{state.value}（{state.label}）" for state in BatchState)
        raise Invalid(
            errors=[FieldError("/state", "state_unknown", f"没有这个状态，请从这些里选：{known}。")]
        ) from None


def summary_of(issuance: Issuance, now: datetime) -> dict[str, Any]:
    """One batch as a row of a list at `now`; plan, site and school have been fetched."""
    state, level = BatchState(issuance.state), Level(issuance.site.level)
    digest = bytes(issuance.list_sha256 or b"").hex()
    return {
        "id": issuance.id,
        "state": state.value,
        "state_label": state.label,
        "plan": {"id": issuance.plan_id, "name": issuance.plan.name},
        "site": {"id": issuance.site_id, "name": issuance.site.name},
        "school": {"id": issuance.site.school_id, "name": issuance.site.school.name},
        "level": level.value,
        "level_label": level.label,
        "count": issuance.count,
        "results_released": is_released(issuance.plan, now),
        "revision": issuance.revision,
        "list_sha256": digest,
        "digest": digest[:8],
        "return_reason": issuance.return_reason,
        "created_at": rfc3339(issuance.created_at),
        "org_signed_at": rfc3339(issuance.org_signed_at),
        "school_signed_at": rfc3339(issuance.school_signed_at),
        "handed_over_at": rfc3339(issuance.handed_over_at),
        "issued_on": issuance.issued_on.isoformat() if issuance.issued_on else None,
        "issued_at": rfc3339(issuance.issued_at),
    }


async def progress(issuance_id: int) -> dict[str, int]:
    """How many certificates of a batch are sealed, and how many failed at the last try."""
    [row] = await rows(
        "SELECT count(*) FILTER (WHERE state <> 'void') AS total,"
        " count(*) FILTER (WHERE pdf_sha256 IS NOT NULL AND state <> 'void') AS sealed,"
        " count(*) FILTER (WHERE state IN ('reserved', 'drawing') AND attempts > 0) AS failed"
        " FROM certificate WHERE issuance_id = $1",
        issuance_id,
    )
    return {name: int(value) for name, value in row.items()}


async def view(s: Services, issuance_id: int, *, actor: Actor) -> dict[str, Any]:
    """One batch in full: its facts, what this actor may do next, progress, who is held back, the last errors.

    `not_listed_count` are people of this site who could have a certificate and are in no batch yet.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found"), also for another school's batch.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    issuance = await Issuance.get_or_none(id=issuance_id).prefetch_related("plan", "site__school")
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(s.clock, issuance, actor)
    state, in_full = BatchState(issuance.state), roles.may(actor, Verb.CHECK_LIST)
    _, waiting, held = await roster.drawn_up(
        s, Issuance(id=0, plan_id=issuance.plan_id, site_id=issuance.site_id)
    )
    return {
        **summary_of(issuance, s.clock.now()),
        "steps": await _steps(s, issuance, actor),
        "can_show_ticket": state is BatchState.SITE_PENDING
        and is_released(issuance.plan, s.clock.now())
        and roles.may(actor, Verb.SHOW_TICKET),
        "progress": await progress(issuance_id),
        "errors": await _errors(issuance_id, in_full=in_full),
        "held_back": [
            {
                "name": one.name if in_full else None,
                "name_masked": mask_name(one.name),
                "code": one.code,
                "reason": one.reason,
            }
            for one in held[:HELD_BACK_SHOWN]
        ],
        "held_back_count": len(held),
        "not_listed_count": len(waiting),
        "history": await history.of(issuance_id),
        "receipts": (kept := await _receipts(issuance_id)),
        "has_receipt": bool(kept),
    }


async def _receipts(issuance_id: int) -> list[dict[str, Any]]:
    """What officers have decided, newest first: the receipts of returns stay beside that of the confirmation."""
    kept = Receipt.filter(issuance_id=issuance_id).order_by("-id").prefetch_related("officer", "ticket")
    return [
        {
            "id": one.id,
            "action": one.ticket.spent_as,
            "action_label": {"confirm_scan": "院校签发", "school_return": "院校退回"}[one.ticket.spent_as],
            "revision": one.ticket.revision,
            "officer": one.officer.name,
            "at": rfc3339(one.created_at),
        }
        for one in await kept.limit(RECEIPTS_SHOWN)
    ]


async def _errors(issuance_id: int, *, in_full: bool) -> list[dict[str, Any]]:
    failed = Certificate.filter(issuance_id=issuance_id, attempts__gt=0, state__in=UNSEALED)
    return [
        {
            "number": c.number,
            "name": Line.from_bytes(bytes(c.line)).name if in_full else None,
            "attempts": c.attempts,
            "last_error": c.last_error,
        }
        for c in await failed.order_by("number").limit(20)
    ]


async def receipt(s: Services, issuance_id: int, *, receipt_id: int | None = None, actor: Actor) -> bytes:
    """A signed receipt of the batch: of the latest confirmation or return, or the one that is named.

    Raises:
        Forbidden("role_not_allowed") · NotFound("receipt_not_found").
    """
    roles.require(actor, Verb.SEE_RECEIPT)
    issuance = await Issuance.get_or_none(id=issuance_id)
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(s.clock, issuance, actor)
    found = Receipt.filter(issuance_id=issuance_id)
    if receipt_id is not None:
        found = found.filter(id=receipt_id)
    kept = await found.order_by("-id").first()
    if kept is None:
        raise NotFound("receipt_not_found", "院校还没有签发这个批次，签发后才有凭据。")
    return bytes(kept.document)
