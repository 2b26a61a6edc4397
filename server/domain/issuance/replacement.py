"""A batch of one (S68): in the place of a certificate of before, through the same life, beside the plan's own batch."""

from __future__ import annotations

from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.issuance import facts, numbering, roster
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.issuance.transitions import advance, locked, tell_state
from server.domain.ports import Services
from server.errors import Refused
from server.models import Certificate, Issuance, Registration


async def begin(s: Services, old: Certificate, word: str, *, actor: Actor) -> Issuance:
    """Prepare the batch whose certificate is to stand in the place of `old`, in the caller's transaction.

    Args:
        old: valid or revoked, locked by the caller.
        word: why, as anybody may read it on the old one afterwards.

    Raises:
        Refused: not_certifiable, its holder cannot be certified now: the sentence says why.
    """
    registration = await Registration.get(id=old.registration_id)
    issuance = await Issuance.create(
        plan_id=registration.plan_id,
        site_id=registration.site_id,
        corrects_id=old.id,
        correction_word=word,
        created_at=s.clock.now(),
    )
    await s.faults.reach("replacement.begin: the batch is begun")
    became = {"state": issuance.state, "revision": 1, "corrects": old.number}
    await audit_log.record(s.clock, actor, "issuance.prepare", "issuance", issuance.id, became=became)
    refreshed = await numbering.refresh(s, issuance, actor=actor)
    if not refreshed.added:
        raise await _refusal(s, issuance)
    return issuance


async def void(s: Services, issuance_id: int) -> None:
    """End a prepared batch of one whose old certificate was revoked after it was begun; otherwise nothing happens.

    One that a school has before it is withdrawn by a person first.
    """
    async with transaction(s.faults, "replacement.void"):
        issuance = await locked(issuance_id)
        step, known = BY_NAME["void"], await facts.of_replacement(issuance)
        if BatchState(issuance.state) is not step.source or step.refusal(known) is not None:
            return
        await end(s, issuance)
    await tell_state(s.event_bus, issuance)


async def end(s: Services, issuance: Issuance) -> None:
    """The same in the caller's transaction.

    Raises:
        Conflict: a school has it, or its old certificate is not revoked.
    """
    await numbering.refresh(s, issuance, actor=SYSTEM)
    await advance(s, issuance, "void", await facts.of_replacement(issuance), actor=SYSTEM)


async def _refusal(s: Services, issuance: Issuance) -> Refused:
    _, _, held_back = await roster.drawn_up(s.settings, s.keys, s.pdf_renderer, issuance)
    why = held_back[0].reason if held_back else "考生现在的成绩没有通过。"
    return Refused("not_certifiable", f"更正以后不能换发证书：{why}")
