"""公布成绩 by two people: one asks after a last look, another approves, and only then is anything visible."""

from __future__ import annotations

from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.exams import plans, queries
from server.domain.exams.plans import PlanSettings
from server.domain.exams.release_states import STEPS, ReleaseFacts, ReleaseRequestState
from server.domain.people import same_person
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import ReleaseRequest
from server.models.database import breaks

LONGEST_NOTE = 300


async def ask(clock: Clock, plan_id: int, *, at: datetime | None, actor: Actor) -> int:
    """Ask that a plan's results be visible, at once when approved (`at` is None) or from a minute to come on.

    Nothing changes until somebody else approves. Returns the request's number.

    Raises:
        Forbidden: role_not_allowed.
        NotFound: plan_unknown.
        Conflict: already_released, school_asked, release_open.
        Refused: release_in_past, nothing_to_release.
    """
    roles.require(actor, Verb.RELEASE)
    try:
        async with in_transaction():
            moment = await plans.may_be_released(clock, plan_id, at=at)
            counts = await queries.counts_of(plan_id)
            request = await ReleaseRequest.create(
                plan_id=plan_id,
                at=moment if at is not None else None,
                registered=counts.registered,
                passed=counts.passed,
                pending=counts.pending,
                requested_by=actor.id,
                requested_by_name=actor.name,
                requested_at=clock.now(),
            )
            became = {"plan_id": plan_id, "release_at": _said(request.at)}
            await _record(clock, request, "request", actor, became)
    except IntegrityError as error:
        if not breaks(error, "release_request_open"):
            raise
        raise Conflict(
            "release_open", "这个考试计划已有一项公布待批准；要改时间的，请先撤回那一项。"
        ) from error
    return int(request.id)


async def approve(s: Services, request_id: int, *, actor: Actor) -> PlanSettings:
    """Let it take effect, in one transaction with the release itself.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: release_unknown.
        Conflict: already_decided, figures_moved; and as `plans.release`, whose time may have passed meanwhile.
    """
    roles.require(actor, Verb.APPROVE_RELEASE)
    async with in_transaction():
        asked = await ReleaseRequest.get_or_none(id=request_id)
        if asked is not None:
            await plans.locked(asked.plan_id)  # first, as whoever asks does
        request = await _locked(request_id)
        await _advance(s.clock, request, "approve", "", actor)
        await s.faults.reach("release_requests.decided")
        return await plans.release(s.clock, s.queue, request.plan_id, at=request.at, actor=actor)


async def refuse(clock: Clock, request_id: int, note: str, *, actor: Actor) -> None:
    """Decide against it, and say why. Raises as `approve`; Invalid: /note note_form."""
    roles.require(actor, Verb.APPROVE_RELEASE)
    note = clean_reason(note)
    if not 2 <= len(note) <= LONGEST_NOTE:
        raise Invalid(
            errors=[FieldError("/note", "note_form", f"请写明为什么不批准，最多{LONGEST_NOTE}个字。")]
        )
    async with in_transaction():
        await _advance(clock, await _locked(request_id), "refuse", note, actor)


async def withdraw(clock: Clock, request_id: int, *, actor: Actor) -> None:
    """Take one's own request back. Raises Forbidden: role_not_allowed, not_yours; else as `approve`."""
    roles.require(actor, Verb.RELEASE)
    async with in_transaction():
        await _advance(clock, await _locked(request_id), "withdraw", "", actor)


async def _locked(request_id: int) -> ReleaseRequest:
    request = await ReleaseRequest.filter(id=request_id).select_for_update().first()
    if request is None:
        raise NotFound("release_unknown", "没有这项公布申请，请刷新后重试。")
    return request


async def _advance(clock: Clock, request: ReleaseRequest, name: str, note: str, actor: Actor) -> None:
    """The one writer of its state: guards, UPDATE … WHERE id AND state, audit row."""
    step, state = STEPS[name], ReleaseRequestState(request.state)
    if state not in step.sources:
        raise Conflict("already_decided", f"这项公布现在是“{state.label}”，不能再处理；请刷新后再看。")
    counts = await queries.counts_of(request.plan_id)
    facts = ReleaseFacts(
        is_another=await same_person.is_another(actor, request.requested_by),
        is_asker=actor.id == request.requested_by,
        is_unmoved=(counts.registered, counts.passed, counts.pending)
        == (request.registered, request.passed, request.pending),
    )
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    await ReleaseRequest.filter(id=request.id, state=state.value).update(
        state=step.target.value,
        decided_by=actor.id,
        decided_by_name=actor.name,
        decided_at=clock.now(),
        decision_note=note,
    )
    became = {
        "plan_id": request.plan_id,
        "release_at": _said(request.at),
        **({"reason": note} if note else {}),
    }
    await _record(clock, request, name, actor, became)


async def _record(
    clock: Clock, request: ReleaseRequest, name: str, actor: Actor, became: dict[str, object]
) -> None:
    action = f"release_request.{name}"
    await audit_log.record(clock, actor, action, "release_request", request.id, became=became)


def _said(moment: datetime | None) -> str:
    return "批准后立即" if moment is None else beijing.local(moment).isoformat()
