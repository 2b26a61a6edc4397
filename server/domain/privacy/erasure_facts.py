"""What stands in the way of erasing a candidate: everything that is still under way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.domain.actor import Actor
from server.domain.people import same_person
from server.domain.privacy import subjects
from server.domain.privacy.states import Standing
from server.domain.privacy.subjects import Subject
from server.models import Erasure
from server.models.database import rows

# One statement: the candidate is locked, so nothing new can refer to them meanwhile.
_UNDER_WAY = """
SELECT
 (SELECT count(*) FROM registration r WHERE r.candidate_id = $1 AND r.outcome = 'pending')::int AS pending_exams,
 (SELECT count(*) FROM registration r WHERE r.candidate_id = $1 AND r.outcome = 'passed'
    AND NOT EXISTS (SELECT 1 FROM certificate x WHERE x.registration_id = r.id AND x.state <> 'void'))::int
 + (SELECT count(*) FROM certificate x JOIN issuance i ON i.id = x.issuance_id
    WHERE x.candidate_id = $1 AND x.state <> 'void' AND i.state NOT IN ('issued', 'void'))::int AS awaiting,
 (SELECT count(*) FROM correction c WHERE c.candidate_id = $1 AND c.state IN ('requested', 'under_way'))::int
 + (SELECT count(*) FROM score_change c JOIN registration r ON r.id = c.registration_id
    WHERE r.candidate_id = $1 AND c.state = 'requested')::int AS corrections,
 (SELECT count(*) FROM fee f WHERE f.candidate_id = $1 AND f.state = 'owed' AND f.school_id IS NULL)::int
 + (SELECT count(*) FROM fee_order o WHERE o.candidate_id = $1 AND o.state IN ('pending', 'refunding'))::int
 + (SELECT count(*) FROM fee_refund b JOIN fee_order o ON o.id = b.order_id
    WHERE o.candidate_id = $1 AND b.state NOT IN ('done', 'declined', 'ended'))::int
 + (SELECT count(*) FROM fee_waiver w JOIN fee f ON f.id = w.fee_id
    WHERE f.candidate_id = $1 AND w.state = 'asked')::int AS money,
 (SELECT count(*) FROM paper_sheet p JOIN certificate x ON x.id = p.certificate_id JOIN paper_run u ON u.id = p.run_id
    WHERE x.candidate_id = $1 AND p.state = 'used' AND u.state NOT IN ('received', 'cancelled'))::int AS parcels,
 (SELECT count(*) FROM delivery d WHERE d.candidate_id = $1 AND d.state IN ('pending', 'sending', 'unknown'))::int AS messages
"""
# Of the others only whether they may still act, and whether something is just being sent to them.
_OF_OTHERS = {
    "officer": "SELECT (SELECT count(*) FROM officer WHERE id = $1 AND state IN ('invited', 'pending', 'active'))::int AS in_office,"
    " (SELECT count(*) FROM delivery WHERE officer_id = $1 AND state IN ('pending', 'sending', 'unknown'))::int AS messages",
    "staff": "SELECT count(*)::int AS in_office, 0 AS messages FROM staff WHERE id = $1 AND is_active",
    "enrolment": "SELECT 0 AS in_office, 0 AS messages",
}
_NOTHING: dict[str, Any] = {"pending_exams": 0, "awaiting": 0, "corrections": 0, "money": 0, "parcels": 0}


async def people(row: Erasure, actor: Actor) -> Standing:
    """Who asks whom, and nothing else. Nobody decides about an account of their own."""
    return Standing(
        is_asker=row.requested_by == actor.id,
        is_another=await same_person.is_another(actor, row.requested_by, row.staff_id),
    )


async def under_way(who: int | Subject, standing: Standing) -> Standing:
    """`standing` with what is under way; the caller holds the person, except to show it before anybody decides.

    Args:
        who: a number alone is a candidate's.
    """
    of = subjects.candidate(who)
    if of.kind == "candidate":
        [row] = await rows(_UNDER_WAY, of.id)
        return replace(standing, in_office=0, **row)
    [row] = await rows(_OF_OTHERS[of.kind], *((of.id,) if "$1" in _OF_OTHERS[of.kind] else ()))
    return replace(standing, **{**_NOTHING, **row})
