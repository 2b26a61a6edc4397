"""Candidates as staff and schools find them to undo a binding that somebody else made, or that stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.freshness import changed, scope_of
from server.domain.people import bindings, candidate_search, ended_sessions, queries
from server.domain.people.bound_people import LivingBinding
from server.domain.people.candidates import id_masked
from server.domain.people.free_text import clean_reason
from server.domain.people.school_scope import school_of
from server.domain.ports import Keys, Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Binding, Candidate

REASON_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """A candidate as staff find one; `school` is a name."""

    id: int
    name: str
    id_masked: str
    school: str | None
    bindings: tuple[LivingBinding, ...]


async def find(s: Services, search: str, *, actor: Actor) -> list[CandidateView]:
    """Candidates by their whole name or by an admission number, with their living bindings; a school has its own.

    Identity numbers are not taken: what is searched for stands in an address.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /q search_form, search_identity.
    """
    roles.require(actor, Verb.SEE_PEOPLE)
    ids = await candidate_search.ids_found(search, school_of(actor))
    people = await Candidate.filter(id__in=ids).order_by("id").prefetch_related("school")
    await incidents.viewed(s, actor, "candidates", "candidate", "-")
    return [await _view(s.keys, one) for one in people]


async def _view(keys: Keys, candidate: Candidate) -> CandidateView:
    bound = await Binding.filter(candidate_id=candidate.id, unbound_at=None).order_by("account")
    return CandidateView(
        id=candidate.id,
        name=candidate.name,
        id_masked=id_masked(keys, candidate),
        school=candidate.school.name if candidate.school else None,
        bindings=tuple(LivingBinding(one.account, one.bound_at) for one in bound),
    )


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
        ended = await (living if account is None else living.filter(account=account)).select_for_update()
        if not ended:
            raise Conflict("not_bound", "这位考生现在没有绑定，不需要解除；请刷新页面。")
        for one in ended:
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
            await changed(scope_of(one.account, one.openid))
            await s.queue.put("people.tell_bound", binding_id=one.id, what="released")
    for one, moment in zip(ended, ends, strict=True):
        ended_sessions.remember(s.keys, s.session_memory, WeChatIdentity(one.account, one.openid), moment)
        bindings.forget(s.lookup_watch, WeChatIdentity(one.account, one.openid))
    return len(ended)


async def _seen_by(candidate_id: int, actor: Actor) -> None:
    if not await queries.is_seen(candidate_id, school_of(actor)):
        raise NotFound("candidate_not_found", "没有找到这位考生，请核对后重新查找。")
