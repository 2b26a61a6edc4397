"""The SQL of look-ups: one statement each, from a WeChat identity to everything that its candidate may be told.

Both do the same work whether a plan's scores are there or not: before its release nothing of a score is read, so
neither bytes nor time can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypedDict, TypeVar

from server.domain.ports import WeChatIdentity
from server.models.database import rows

RESULTS = """
SELECT c.name, c.id_sealed, r.id AS registration_id, p.name AS plan, p.exam_date, p.release_at, t.level,
       k.name AS certificate, h.name AS school, r.admission_number,
       CASE WHEN p.release_at <= $3 THEN r.outcome END AS outcome,
       CASE WHEN p.release_at <= $3 THEN (
           SELECT array_agg((s.subject, s.score, s.status) ORDER BY s.id)
           FROM score s WHERE s.registration_id = r.id) END AS subjects,
       CASE WHEN p.release_at <= $3 THEN (
           SELECT max(x.decided_at) FROM score_change x
           WHERE x.registration_id = r.id AND x.state = 'approved') END AS corrected_at
FROM binding b
JOIN candidate c ON c.id = b.candidate_id
LEFT JOIN registration r ON r.candidate_id = c.id
LEFT JOIN plan p ON p.id = r.plan_id
LEFT JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = t.school_id
LEFT JOIN certificate_kind k ON k.id = p.kind_id
WHERE b.account = $1 AND b.openid = $2 AND b.unbound_at IS NULL
ORDER BY p.exam_date DESC, r.id DESC
"""
# A certificate is shown once its whole batch is issued, which is also when its holder is told. What it says comes from
# its own claims, whatever is on record today.
CERTIFICATES = """
SELECT c.name, c.id_sealed, r.id AS registration_id, p.name AS plan, p.exam_date, p.release_at,
       p.requires_practice, k.name AS certificate, t.level, h.name AS school,
       CASE WHEN p.release_at <= $3 THEN r.outcome END AS outcome, i.state AS batch, i.issued_at,
       e.number, e.state, e.code, e.revoked_at, e.revoke_reason, e.portal_number, e.expires_on,
       d.claims->>'certificate' AS says_certificate, d.claims->>'level' AS says_level,
       d.claims->>'standard' AS says_standard, d.claims->>'plan' AS says_plan,
       d.claims->>'exam_date' AS says_exam_date, d.claims->>'issued_on' AS says_issued_on,
       d.claims->>'school' AS says_school, d.claims->>'issuer' AS says_issuer,
       n.number AS successor, e.superseded_at, e.superseded_word, q.practice_hours, q.supervision_hours
FROM binding b
JOIN candidate c ON c.id = b.candidate_id
LEFT JOIN registration r ON r.candidate_id = c.id
LEFT JOIN plan p ON p.id = r.plan_id
LEFT JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = t.school_id
LEFT JOIN certificate_kind k ON k.id = p.kind_id
LEFT JOIN certificate e ON e.registration_id = r.id AND p.release_at <= $3
    AND e.state IN ('valid', 'revoked', 'superseded')
    AND EXISTS (SELECT 1 FROM issuance x WHERE x.id = e.issuance_id AND x.state = 'issued')
LEFT JOIN LATERAL (SELECT convert_from(e.claims, 'UTF8')::jsonb AS claims) d ON true
LEFT JOIN LATERAL (SELECT * FROM issuance x WHERE x.id = e.issuance_id
        OR x.plan_id = r.plan_id AND x.site_id = r.site_id AND x.corrects_id IS NULL
    ORDER BY x.id = e.issuance_id DESC NULLS LAST, x.id DESC LIMIT 1) i ON true
LEFT JOIN certificate n ON n.id = e.superseded_by_id
LEFT JOIN practice_record q ON q.candidate_id = c.id AND q.level = t.level
WHERE b.account = $1 AND b.openid = $2 AND b.unbound_at IS NULL
ORDER BY p.exam_date DESC, e.id DESC, r.id DESC
"""


class Registered(TypedDict):
    """What both say of one registration; `outcome` is None before its plan's release."""

    registration_id: int
    plan: str
    exam_date: date
    release_at: datetime | None
    level: str
    certificate: str
    school: str
    outcome: str | None


class ResultRow(Registered):
    """`subjects`: name, score, status; None before the release."""

    admission_number: str
    subjects: list[tuple[str, Decimal | None, str]] | None
    corrected_at: datetime | None


class CertificateRow(Registered):
    """`number` is None where there is no certificate, and so is then what stands below it."""

    requires_practice: bool
    batch: str | None
    practice_hours: Decimal | None
    supervision_hours: Decimal | None
    number: str | None
    issued_at: datetime | None
    state: str
    code: str
    revoked_at: datetime | None
    revoke_reason: str
    portal_number: str
    expires_on: date | None
    successor: str | None
    superseded_at: datetime | None
    superseded_word: str
    says_certificate: str
    says_level: str
    says_standard: str
    says_plan: str
    says_exam_date: str
    says_issued_on: str
    says_school: str
    says_issuer: str


Row = TypeVar("Row", bound=Registered)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """The bound candidate, and one row for each registration, with each of its certificates."""

    name: str
    id_sealed: bytes
    rows: list[Row]


async def results(who: WeChatIdentity, now: datetime) -> Found[ResultRow] | None:
    """None when nobody is bound. `now`: the moment that releases are judged by."""
    return _record_of(await rows(RESULTS, who.account, who.openid, now))


async def certificates(who: WeChatIdentity, now: datetime) -> Found[CertificateRow] | None:
    """The same with certificates."""
    return _record_of(await rows(CERTIFICATES, who.account, who.openid, now))


def _record_of(read: list[Any]) -> Found[Any] | None:
    if not read:
        return None
    registered = [row for row in read if row["registration_id"] is not None]
    return Found(read[0]["name"], read[0]["id_sealed"], registered)
