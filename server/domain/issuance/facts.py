"""What the guards of a batch's life look at: gathered here alone, from the rows, in the caller's transaction.

A fact that nobody has asked for stays what `Facts` says by default, which is always the one that refuses.
"""

from __future__ import annotations

from dataclasses import replace

from server.domain.actor import Actor
from server.domain.certificates.states import UNSEALED
from server.domain.certificates.supersession import is_revoked_since
from server.domain.certificates.visibility import is_out
from server.domain.issuance import receipts, roster, roster_query
from server.domain.issuance.roster_query import Frame
from server.domain.issuance.states import BY_NAME, BatchState, Facts
from server.domain.people import same_person
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Clock, Keys, Services
from server.models import Candidate, Certificate, Issuance, Officer, Receipt, ScanTicket
from server.settings import Settings


async def is_second_person(settings: Settings, issuance: Issuance, actor: Actor) -> bool:
    """Whether this person may hand a batch over beside who signed it for the organisation."""
    if not settings.needs_two_people or actor.id is None:
        return True
    return await same_person.is_another(actor, issuance.org_signed_by)


async def of_staff(
    settings: Settings, clock: Clock, issuance: Issuance, *, actor: Actor, list_is_current: bool = False
) -> Facts:
    """What a member of staff's step looks at.

    Args:
        list_is_current: the batch's list has just been recomputed (`numbering.refresh`) and did not change.
    """
    return Facts(
        count=issuance.count,
        results_released=await is_out(clock, issuance),
        is_second_person=await is_second_person(settings, issuance, actor),
        list_is_current=list_is_current,
    )


async def signed_list(keys: Keys, issuance: Issuance, facts: Facts) -> tuple[Facts, list[int]]:
    """The same with whether the stored lines are those of the officer's receipt; and the lines' certificates."""
    lines = await roster_query.reserved(issuance.id)
    is_signed = await _is_signed(keys, issuance, roster.stored_digest(lines))
    return replace(facts, list_is_signed=is_signed), [line.id for line in lines]


async def _is_signed(keys: Keys, issuance: Issuance, digest: bytes) -> bool:
    """Whether this digest is what the officer's receipt of this revision says, the receipt being genuine."""
    if BatchState(issuance.state) is not BY_NAME["hand_over"].source:
        return False
    receipt = await Receipt.filter(issuance_id=issuance.id).order_by("-id").first()
    if receipt is None:
        return False
    statement = receipts.verify(keys, bytes(receipt.document))
    return (statement.action, statement.issuance, statement.revision, statement.list_sha256) == (
        "confirm_scan",
        issuance.id,
        issuance.revision,
        digest.hex(),
    )


async def of_replacement(issuance: Issuance) -> Facts:
    """What ends a batch of one that lists nobody any more: whoever revoked the old one did not mean it to come back."""
    old = await Certificate.get_or_none(id=issuance.corrects_id)
    if old is None:
        return Facts()
    is_erased = await Candidate.filter(id=old.candidate_id, erased_at__not_isnull=True).exists()
    return Facts(old_is_revoked=is_revoked_since(old, issuance), holder_is_erased=is_erased)


def of_officer(ticket: ScanTicket, officer: Officer, issuance: Issuance | None = None) -> Facts:
    """What ticket and officer say by themselves, and the batch's row as far as it has been read."""
    return Facts(
        revision_is_shown=issuance is not None and issuance.revision == ticket.revision,
        officer_is_active=officer.state == OfficerState.ACTIVE.value,
        officer_is_of_school=officer.school_id == ticket.school_id,
    )


async def todays_list(
    s: Services, ticket: ScanTicket, issuance: Issuance, facts: Facts
) -> tuple[Facts, Frame]:
    """The same with what today's data says of the batch's list; and what all lines share."""
    frame, digest = await roster.today(s.settings, s.keys, s.pdf_renderer, issuance)
    return replace(
        facts,
        count=issuance.count,
        results_released=frame.is_released(s.clock.now()),
        list_is_current=digest == bytes(ticket.list_sha256),
    ), frame


async def of_worker(issuance: Issuance) -> Facts:
    """What the end of generating looks at."""
    return Facts(unsealed=await unsealed(issuance.id))


async def unsealed(issuance_id: int) -> int:
    """How many certificates of a batch have no sealed file yet."""
    return await Certificate.filter(issuance_id=issuance_id, state__in=UNSEALED).count()
