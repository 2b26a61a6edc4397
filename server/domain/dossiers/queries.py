"""The SQL of one candidate's page: who is found how, and what is on record about one, each part by an index.

$2 of the parts is a school's id, or NULL for staff who see all; a school reads results after their release alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.models.database import rows

Row = dict[str, Any]
_OF_SCHOOL = """($2::bigint IS NULL OR c.school_id = $2 OR EXISTS (
    SELECT 1 FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = c.id AND t.school_id = $2))"""
_SEEN_OF = f"SELECT c.id FROM candidate c WHERE c.id = ANY($1::bigint[]) AND {_OF_SCHOOL} ORDER BY c.id"  # noqa: S608 -- constants
_FOUND = """
SELECT c.id, c.name, c.id_sealed, h.name AS school,
       (SELECT p.name FROM registration r JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id
        WHERE r.candidate_id = c.id AND ($2::bigint IS NULL OR t.school_id = $2) ORDER BY r.id DESC LIMIT 1) AS plan,
       EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = c.id AND b.unbound_at IS NULL) AS is_bound
FROM candidate c LEFT JOIN school h ON h.id = c.school_id WHERE c.id = ANY($1::bigint[])
"""
_PERSON = """
SELECT c.id, c.name, c.id_kind, c.id_sealed, c.mobile_sealed, c.given_phone_sealed, c.given_phone_at, c.kind,
       c.major_code, c.major_name, c.major_version, c.major_tier, c.created_at, c.erased_at, h.id AS school_id, h.name AS school
FROM candidate c LEFT JOIN school h ON h.id = c.school_id WHERE c.id = $1
"""
_REGISTRATIONS = """
SELECT r.id, p.id AS plan_id, p.name AS plan, p.exam_date, p.release_at, t.level, h.name AS school, r.admission_number,
       r.created_at, CASE WHEN $2::bigint IS NULL OR p.release_at <= $3 THEN r.outcome END AS outcome,
       CASE WHEN $2::bigint IS NULL OR p.release_at <= $3 THEN (
           SELECT array_agg((s.subject, s.score, s.status) ORDER BY s.id)
           FROM score s WHERE s.registration_id = r.id) END AS scores
FROM registration r JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id JOIN school h ON h.id = t.school_id
WHERE r.candidate_id = $1 AND ($2::bigint IS NULL OR t.school_id = $2) ORDER BY p.exam_date DESC, r.id DESC
"""
_CERTIFICATES = """
SELECT x.number, x.state, p.name AS plan, t.level, x.issuance_id, i.state AS batch, i.issued_on, x.portal_number,
       x.revoked_at, x.revoke_reason, n.number AS superseded_by
FROM certificate x JOIN issuance i ON i.id = x.issuance_id JOIN plan p ON p.id = i.plan_id JOIN site t ON t.id = i.site_id
LEFT JOIN certificate n ON n.id = x.superseded_by_id
WHERE x.candidate_id = $1 AND x.state <> 'void'
  AND ($2::bigint IS NULL OR (t.school_id = $2 AND p.release_at <= $3)) ORDER BY x.id DESC
"""
_PRACTICE = """
SELECT level, practice_hours, supervision_hours FROM practice_record WHERE candidate_id = $1 ORDER BY level
"""
_FEES = """
SELECT f.id, f.amount_fen, f.state, f.created_at, p.name AS plan, t.level, h.name AS payer, o.id AS order_id, o.number,
       o.state AS order_state, o.paid_at, o.refunded_fen
FROM fee f JOIN registration r ON r.id = f.registration_id JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = f.school_id
LEFT JOIN LATERAL (SELECT q.* FROM fee_order_line l JOIN fee_order q ON q.id = l.order_id WHERE l.fee_id = f.id
    ORDER BY (q.id = f.settled_by_id) DESC NULLS LAST, q.id DESC LIMIT 1) o ON true
WHERE f.candidate_id = $1 AND ($2::bigint IS NULL OR f.school_id = $2) ORDER BY f.id DESC LIMIT 50
"""
_BINDINGS = """
SELECT b.account, b.openid, b.bound_at, b.unbound_at, w.is_following
FROM binding b LEFT JOIN follower w ON w.openid = b.openid AND b.account = 'oa'
WHERE b.candidate_id = $1 ORDER BY b.unbound_at DESC NULLS FIRST, b.id DESC LIMIT 20
"""
_CORRECTIONS = """
SELECT x.id, x.kind, x.state, x.requested_by_name, x.requested_at, x.decided_by_name, x.decided_at
FROM correction x WHERE x.candidate_id = $1 AND ($2::bigint IS NULL OR x.school_id = $2) ORDER BY x.id DESC LIMIT 20
"""
_SCORE_CHANGES = """
SELECT x.id, x.subject, x.was_status, x.was_score, x.status, x.score, x.state, x.reason, x.requested_by_name,
       x.requested_at, x.decided_by_name, x.decided_at
FROM score_change x WHERE x.registration_id = ANY($1::bigint[]) ORDER BY x.id DESC LIMIT 20
"""
# A school reads who of its own accounts looked.
_LOOKS = """
SELECT e.at, e.actor_name, e.action, e.became ->> 'reason' AS reason, e.became ->> 'what' AS what
FROM audit_entry e
WHERE e.subject_kind = 'candidate' AND e.subject_id = $1::bigint::text AND e.action = ANY($3::text[])
  AND ($2::bigint IS NULL OR e.actor_id IN (SELECT a.id FROM staff a WHERE a.school_id = $2))
ORDER BY e.id DESC LIMIT 20
"""
_LOOKED = """
SELECT 1 FROM audit_entry e WHERE e.subject_kind = 'candidate' AND e.subject_id = $1::bigint::text AND e.action = $2
  AND e.actor_kind = 'staff' AND e.actor_id = $3 AND e.at > $4 ORDER BY e.id DESC LIMIT 1
"""


async def _ids(statement: str, *values: Any) -> list[int]:
    return [row["id"] for row in await rows(statement, *values)]


async def seen_of(candidates: Sequence[int], school_id: int | None) -> list[int]:
    """Of these, those that this school may see; all where there is none."""
    return await _ids(_SEEN_OF, list(candidates), school_id)


async def with_number(blinds: list[bytes]) -> list[int]:
    return await _ids("SELECT id FROM candidate WHERE id_index = ANY($1::bytea[])", blinds)


async def with_former_number(blinds: list[bytes]) -> list[int]:
    """Whose identity number it was before a correction (S68)."""
    found = "SELECT DISTINCT candidate_id AS id FROM correction WHERE was_index = ANY($1::bytea[]) AND state IN ('under_way', 'done')"
    return await _ids(found, blinds)


async def with_phone(blinds: list[bytes], most: int) -> list[int]:
    """By the school's number or the one that the holder gave; a family may share one."""
    found = """
SELECT id FROM candidate WHERE mobile_index = ANY($1::bytea[])
UNION SELECT id FROM candidate WHERE given_phone_index = ANY($1::bytea[]) LIMIT $2
"""
    return await _ids(found, blinds, most)


async def with_certificate(number: str) -> list[int]:
    return await _ids("SELECT candidate_id AS id FROM certificate WHERE number = $1", number)


async def admitted(number: str) -> list[int]:
    return await _ids("SELECT candidate_id AS id FROM registration WHERE admission_number = $1", number)


async def with_openid(openid: str) -> list[int]:
    """Whom this WeChat is bound to now."""
    found = """
SELECT candidate_id AS id FROM binding WHERE account IN ('oa', 'mp') AND openid = $1 AND unbound_at IS NULL
"""
    return await _ids(found, openid)


async def found(candidates: Sequence[int], school_id: int | None) -> list[Row]:
    """What a list shows of these; `plan` is the last one they registered for, of this school's where one is given."""
    return await rows(_FOUND, list(candidates), school_id)


async def person(candidate_id: int) -> Row:
    """The candidate's own row. Raises IndexError: there is none."""
    return (await rows(_PERSON, candidate_id))[0]


async def registrations(candidate_id: int, school_id: int | None, now: datetime) -> list[Row]:
    return await rows(_REGISTRATIONS, candidate_id, school_id, now)


async def certificates(candidate_id: int, school_id: int | None, now: datetime) -> list[Row]:
    return await rows(_CERTIFICATES, candidate_id, school_id, now)


async def practice(candidate_id: int) -> list[Row]:
    return await rows(_PRACTICE, candidate_id)


async def fees(candidate_id: int, school_id: int | None) -> list[Row]:
    return await rows(_FEES, candidate_id, school_id)


async def bindings(candidate_id: int) -> list[Row]:
    return await rows(_BINDINGS, candidate_id)


async def corrections(candidate_id: int, school_id: int | None) -> list[Row]:
    return await rows(_CORRECTIONS, candidate_id, school_id)


async def score_changes(registration_ids: Sequence[int]) -> list[Row]:
    return await rows(_SCORE_CHANGES, list(registration_ids))


async def looks(candidate_id: int, school_id: int | None, actions: Sequence[str]) -> list[Row]:
    """Who opened the page or uncovered a number, the newest first."""
    return await rows(_LOOKS, candidate_id, school_id, list(actions))


async def has_looked(candidate_id: int, action: str, staff_id: int | None, since: datetime) -> bool:
    return bool(await rows(_LOOKED, candidate_id, action, staff_id, since))
