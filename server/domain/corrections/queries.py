"""The SQL of corrections: whom a case is about, where their batches are, what it changes, and the cases themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.certificates.states import EVER_VALID
from server.domain.exams.results import Result, outcome_of
from server.domain.issuance.states import BatchState
from server.domain.paging import SqlList
from server.models.database import rows

_SUBJECT = """
SELECT r.id AS registration_id, r.candidate_id, r.plan_id, r.site_id, p.name AS plan, t.level, t.school_id
FROM registration r JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id
WHERE r.admission_number = $1 OR r.id = (SELECT x.registration_id FROM certificate x WHERE x.number = $2)
   OR r.id = $3
"""
_PERSON = """
SELECT c.id, c.name, c.id_sealed, c.erased_at, COALESCE($2::bigint, c.school_id,
    (SELECT t.school_id FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = c.id
     ORDER BY r.id DESC LIMIT 1)) AS school_id
FROM candidate c WHERE c.id = $1
"""
# What holds the person, and a batch at the school whose list they would join; shared, so that none is sent on meanwhile.
_BATCHES = """
SELECT i.id, i.state FROM registration r JOIN issuance i ON i.state NOT IN ('issued', 'void')
  AND (EXISTS (SELECT 1 FROM certificate x WHERE x.issuance_id = i.id AND x.registration_id = r.id AND x.state <> 'void')
       OR i.corrects_id IS NULL AND i.plan_id = r.plan_id AND i.site_id = r.site_id AND r.outcome = 'passed'
          AND NOT EXISTS (SELECT 1 FROM certificate x WHERE x.registration_id = r.id AND x.state <> 'void'))
WHERE r.candidate_id = $1 AND ($2::bigint IS NULL OR r.id = $2) FOR SHARE OF i
"""
_REPLACED = """
SELECT 1 FROM issuance i JOIN certificate old ON old.id = i.corrects_id
WHERE old.registration_id = $1 AND i.state NOT IN ('issued', 'void') LIMIT 1
"""
_PLACE = """
SELECT p.id AS plan_id, t.id AS site_id, p.release_at, r.outcome,
       ARRAY(SELECT l.subject FROM plan_slot l WHERE l.plan_id = p.id AND l.level = t.level) AS subjects,
       ARRAY(SELECT (m.subject, m.status, m.score) FROM score m WHERE m.registration_id = r.id) AS marks,
       EXISTS (SELECT 1 FROM registration o WHERE o.plan_id = p.id AND o.site_id = t.id
               AND o.candidate_id = r.candidate_id AND o.id <> r.id) AS is_taken
FROM registration r JOIN plan was ON was.id = r.plan_id JOIN site s ON s.id = r.site_id
JOIN plan p ON p.name = $2 AND p.kind_id = was.kind_id
JOIN site t ON t.school_id = s.school_id AND t.kind_id = s.kind_id AND t.level = $3
WHERE r.id = $1
"""
_MOVE = "UPDATE registration SET plan_id = $2, site_id = $3, outcome = $4 WHERE id = $1"
_PRINTED = """
UPDATE certificate SET printed_id_sealed = $2
WHERE candidate_id = $1 AND printed_id_sealed IS NULL AND state = ANY($3::text[])
"""
_UNISSUED = """
SELECT count(*) AS n FROM correction_certificate k JOIN issuance i ON i.id = k.issuance_id
WHERE k.correction_id = $1 AND i.state NOT IN ('issued', 'void')
"""
_NOW_VALID = """
SELECT count(*) AS n FROM correction_certificate k JOIN certificate x ON x.issuance_id = k.issuance_id
WHERE k.correction_id = $1 AND x.state = 'valid'
"""
_CASES_OF = """
SELECT c.id FROM correction c JOIN correction_certificate k ON k.correction_id = c.id
WHERE k.issuance_id = $1 AND c.state = 'under_way' ORDER BY c.id
"""
_ENDED = """
SELECT c.id FROM correction c WHERE c.state = 'under_way' AND NOT EXISTS (
    SELECT 1 FROM correction_certificate k JOIN issuance i ON i.id = k.issuance_id
    WHERE k.correction_id = c.id AND i.state NOT IN ('issued', 'void')) ORDER BY c.id
"""
# Batches of one that list nobody any more, since the old certificate was revoked after they were begun.
_STRANDED = """
SELECT i.id FROM issuance i JOIN certificate old ON old.id = i.corrects_id
WHERE i.corrects_id IS NOT NULL AND i.state NOT IN ('issued', 'void') AND i.state = 'prepared'
  AND old.revoked_at > i.created_at ORDER BY i.id
"""
_WAITING = """
SELECT count(*) AS n FROM correction WHERE state = 'requested' AND requested_by IS DISTINCT FROM $1
"""
LISTED = SqlList("""
SELECT x.*, c.name, c.id_sealed, h.name AS school, r.admission_number
FROM correction x JOIN candidate c ON c.id = x.candidate_id LEFT JOIN school h ON h.id = x.school_id
LEFT JOIN registration r ON r.id = x.registration_id
WHERE ($1::text IS NULL OR x.state = $1) AND ($2::bigint IS NULL OR x.id = $2)
  AND ($3::bigint IS NULL OR x.school_id = $3) AND ($4::text IS NULL OR x.kind = $4)
""")
_MADE_ANEW = """
SELECT k.correction_id, old.number AS old_number, old.state AS old_state, i.id AS issuance_id, i.state AS batch,
       (SELECT n.number FROM certificate n WHERE n.issuance_id = i.id AND n.state <> 'void' LIMIT 1) AS new_number
FROM correction_certificate k JOIN certificate old ON old.id = k.certificate_id JOIN issuance i ON i.id = k.issuance_id
JOIN site t ON t.id = i.site_id
WHERE k.correction_id = ANY($1::bigint[]) AND ($2::bigint IS NULL OR t.school_id = $2) ORDER BY k.id
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A registration as it stands: which plan, which level, of which school."""

    registration_id: int
    candidate_id: int
    plan_id: int
    site_id: int
    plan: str
    level: str
    school_id: int


@dataclass(frozen=True, slots=True)
class NewPlace:
    """Where a registration would go.

    `is_taken`: the person has a registration there already.
    """

    plan_id: int
    site_id: int
    release_at: datetime | None
    is_taken: bool
    outcome: Result  # with the subjects of the new place
    keeps_passed: bool  # who passed before passes there as well


async def place_of(*, number: str = "", registration_id: int | None = None) -> Place | None:
    """The registration with this admission number or this certificate's number, or by its id."""
    found = await rows(_SUBJECT, number, number, registration_id)
    return Place(**found[0]) if found else None


async def person(candidate_id: int, school_id: int | None) -> dict[str, Any] | None:
    """Name, sealed number and school of a candidate; `school_id`: the school that it is asked for."""
    found = await rows(_PERSON, candidate_id, school_id)
    return found[0] if found else None


async def batches(candidate_id: int, registration_id: int | None) -> list[BatchState]:
    """The states of the batches under way that this person, or this registration, is in; locked against moving."""
    return [BatchState(row["state"]) for row in await rows(_BATCHES, candidate_id, registration_id)]


async def is_replaced(registration_id: int) -> bool:
    """Whether a certificate of this registration is being made anew."""
    return bool(await rows(_REPLACED, registration_id))


async def new_place(registration_id: int, plan: str, level: str) -> NewPlace | None:
    """The plan of this name and the same school's site of this level, for the same kind; None: there is none."""
    found = await rows(_PLACE, registration_id, plan, level)
    if not found:
        return None
    row = found[0]
    marks = {subject: (status, score) for subject, status, score in row["marks"]}
    outcome = outcome_of(marks, row["subjects"])
    keeps_passed = Result(row["outcome"]) is not Result.PASSED or outcome is Result.PASSED
    return NewPlace(row["plan_id"], row["site_id"], row["release_at"], row["is_taken"], outcome, keeps_passed)


async def move(registration_id: int, there: NewPlace) -> None:
    """The registration at its new place, with what its scores come to there."""
    await rows(_MOVE, registration_id, there.plan_id, there.site_id, there.outcome.value)


async def keep_printed(candidate_id: int, id_sealed: bytes) -> None:
    """The identity number stays with the certificates that have it on them, before the person's becomes another."""
    await rows(_PRINTED, candidate_id, id_sealed, list(EVER_VALID))


async def unissued(correction_id: int) -> int:
    """How many batches of a case are still to be issued."""
    [row] = await rows(_UNISSUED, correction_id)
    return int(row["n"])


async def now_valid(correction_id: int) -> int:
    """How many certificates that a case has made anew hold; one whose old one was revoked meanwhile does not."""
    [row] = await rows(_NOW_VALID, correction_id)
    return int(row["n"])


async def cases_of(issuance_id: int) -> list[int]:
    """The cases under way that a batch of one belongs to."""
    return [row["id"] for row in await rows(_CASES_OF, issuance_id)]


async def stranded() -> list[int]:
    """Prepared batches of one whose old certificate was revoked after they were begun."""
    return [row["id"] for row in await rows(_STRANDED)]


async def ended() -> list[int]:
    """Cases under way whose batches are all issued, or came to nothing."""
    return [row["id"] for row in await rows(_ENDED)]


async def made_anew(correction_ids: list[int], school_id: int | None) -> list[dict[str, Any]]:
    """The certificates that these cases have made anew.

    Args:
        school_id: only those of this school; a person may have been certified at others as well.
    """
    return await rows(_MADE_ANEW, correction_ids, school_id)


async def waiting(besides: int | None) -> int:
    """How many cases wait for a decision of somebody who did not ask for them."""
    [row] = await rows(_WAITING, besides)
    return int(row["n"])
