"""What the guards of a case look at, gathered from the rows in the caller's transaction."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from server.domain.actor import Actor
from server.domain.corrections import queries
from server.domain.corrections.contents import Contents, CorrectionKind, opened
from server.domain.corrections.states import Standing
from server.domain.issuance.states import BatchState
from server.domain.people import same_person
from server.domain.people.candidates import ABOUT_ID, IdentityNumber, find_by_id_number
from server.domain.ports import Keys
from server.errors import Refused
from server.models import Candidate, Correction

_AT_SCHOOL = frozenset({BatchState.SITE_PENDING})
_BEING_MADE = frozenset({BatchState.SCHOOL_SIGNED, BatchState.GENERATING})


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case with its two sides as they are read, its candidate locked."""

    row: Correction
    kind: CorrectionKind
    candidate: Candidate
    was: dict[str, str]
    becomes: dict[str, str]


async def people(case: Correction, actor: Actor) -> Standing:
    """Who asks whom, and nothing else: for steps that do not touch the record."""
    return Standing(
        is_asker=case.requested_by == actor.id,
        is_another=await same_person.is_another(actor, case.requested_by),
    )


async def read(keys: Keys, case: Correction) -> OpenCase:
    """The case and its candidate, who is held until the caller commits."""
    candidate = await Candidate.filter(id=case.candidate_id).select_for_update().get()
    was = opened(keys, "was", case.letter_key, bytes(case.was_sealed))
    becomes = opened(keys, "becomes", case.letter_key, bytes(case.becomes_sealed))
    return OpenCase(case, CorrectionKind(case.kind), candidate, was, becomes)


async def of_approval(keys: Keys, case: OpenCase, id_number: str, *, actor: Actor) -> Standing:
    """Everything that approving looks at.

    Args:
        id_number: as the approver typed it from the letter.
    """
    row = case.row
    states = set(await queries.batches(row.candidate_id, row.registration_id))
    return replace(
        await people(row, actor),
        is_read_again=is_read_again(case.becomes, id_number),
        is_unmoved=await on_record(keys, case) == case.was,
        is_free=await is_free(keys, row.candidate_id, row.registration_id, case.becomes),
        is_at_school=bool(states & _AT_SCHOOL),
        is_being_made=bool(states & _BEING_MADE),
        is_replaced=case.kind is not CorrectionKind.PERSON
        and row.registration_id is not None
        and await queries.is_replaced(row.registration_id),
    )


def is_read_again(becomes: Contents, id_number: str) -> bool:
    """Whether the approver read the same number in the letter; there is nothing to read where none changes."""
    if "id_number" not in becomes:
        return True
    try:
        typed = IdentityNumber.parse(id_number).text
    except Refused:
        return False
    return hmac.compare_digest(typed, becomes["id_number"])


async def on_record(keys: Keys, case: OpenCase) -> dict[str, str]:
    """Today's values of what the case says it was."""
    if case.kind is CorrectionKind.PERSON:
        number = keys.decrypt(bytes(case.candidate.id_sealed), about=ABOUT_ID)
        today = {"name": case.candidate.name, "id_number": number}
        return {name: today[name] for name in case.was}
    if case.kind is CorrectionKind.PLACEMENT:
        place = await queries.place_of(registration_id=case.row.registration_id)
        today = {"plan": place.plan, "level": place.level} if place is not None else {}
        return {name: today.get(name, "") for name in case.was}
    return case.was  # a score is compared by its own life; a revoked certificate does not move


async def is_free(keys: Keys, candidate_id: int, registration_id: int | None, becomes: Contents) -> bool:
    """Whether nobody else has the new identity number, and the person has no other registration at the new place."""
    if "id_number" in becomes:
        holder = await find_by_id_number(keys, becomes["id_number"])
        return holder is None or holder.id == candidate_id
    if registration_id is not None and ("plan" in becomes or "level" in becomes):
        place = await queries.place_of(registration_id=registration_id)
        if place is None:
            return False
        there = await queries.new_place(
            registration_id, becomes.get("plan", place.plan), becomes.get("level", place.level)
        )
        return there is not None and not there.is_taken and there.keeps_passed
    return True
