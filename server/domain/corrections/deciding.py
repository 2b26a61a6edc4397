"""Deciding a correction (S68): the second person approves or refuses, and who asked may withdraw."""

from __future__ import annotations

from dataclasses import replace

from server.domain import freshness, roles, score_changes
from server.domain.actor import SYSTEM, Actor
from server.domain.corrections import completion, effects, facts, queries, transitions
from server.domain.corrections.case_letters import unknown
from server.domain.corrections.states import CorrectionState, Standing
from server.domain.fault_points import transaction
from server.domain.people.free_text import clean_reason
from server.domain.people.school_scope import may_see
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid


async def approve(s: Services, correction_id: int, *, id_number: str = "", actor: Actor) -> CorrectionState:
    """Correct the record, and prepare a new certificate for each that has to follow, in one transaction.

    Args:
        id_number: the new identity number as the approver reads it in the letter, where the number changes.

    Returns: the new state: done, when no certificate has to be made anew.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: correction_unknown.
        Invalid: /id_number. Conflict: correction_moved, and what the guards of `states` say.
        Refused: not_certifiable.
    """
    roles.require(actor, Verb.APPROVE_CORRECTION)
    async with transaction(s.faults, "corrections.approve"):
        row = await transitions.locked(correction_id)
        transitions.require_at(row, "approve")
        case = await facts.read(s.keys, row)
        known = await facts.of_approval(s.keys, case, id_number, actor=actor)
        await transitions.advance(s.clock, row, "approve", known, actor=actor)
        await s.faults.reach("corrections.approve: the case is approved")
        olds = await effects.write(s, case, actor=actor)
        await s.faults.reach("corrections.approve: the record is corrected")
        await effects.certificates_follow(s, case, olds, actor=actor)
        known = replace(Standing(), unissued=await queries.unissued(row.id))
        if known.unissued == 0:
            await transitions.advance(s.clock, row, "complete", known, actor=SYSTEM)
            await completion.tell_holder(s, row)
        await freshness.changed()
    return CorrectionState(row.state)


async def refuse(s: Services, correction_id: int, note: str, *, actor: Actor) -> CorrectionState:
    """Do not correct anything, and say why. Raises as `approve` says; Invalid: /note."""
    roles.require(actor, Verb.APPROVE_CORRECTION)
    clean = clean_reason(note)
    if not clean:
        raise Invalid(errors=[FieldError("/note", "missing", "请写明不批准的原因。")])
    async with transaction(s.faults, "corrections.refuse"):
        row = await transitions.locked(correction_id)
        await transitions.advance(
            s.clock, row, "refuse", await facts.people(row, actor), actor=actor, note=clean
        )
        if row.score_change_id is not None:
            await score_changes.end_in_case(s.clock, row.score_change_id, "refuse", clean, actor=actor)
    return CorrectionState(row.state)


async def withdraw(s: Services, correction_id: int, *, actor: Actor) -> CorrectionState:
    """Take back what one asked for oneself.

    Raises:
        Forbidden: role_not_allowed, not_yours. NotFound: correction_unknown. Conflict: correction_moved.
    """
    roles.require(actor, Verb.ASK_CORRECTION)
    async with transaction(s.faults, "corrections.withdraw"):
        row = await transitions.locked(correction_id)
        if not may_see(actor, row.school_id):
            raise unknown()
        await transitions.advance(s.clock, row, "withdraw", await facts.people(row, actor), actor=actor)
        if row.score_change_id is not None:
            await score_changes.end_in_case(s.clock, row.score_change_id, "withdraw", "", actor=actor)
    return CorrectionState(row.state)
