"""The rows that a batch's list is made of: who passed, what all lines share, the reserved lines, and the lines to be read.

Asks nobody who may see them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from server.domain.certificates.claims import Line
from server.domain.certificates.states import CertificateState
from server.domain.levels import Level
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.names import mask_name
from server.domain.ports import Keys
from server.errors import Refused
from server.models import Issuance
from server.models.database import rows

# A registration counts while it has no certificate elsewhere; a void number does not count, a revoked certificate does.
_PASSED = """
SELECT r.id AS registration_id, c.id AS candidate_id, c.name, c.id_index, c.id_sealed
FROM registration r
JOIN candidate c ON c.id = r.candidate_id
WHERE r.plan_id = $1 AND r.site_id = $2 AND r.outcome = 'passed' AND c.erased_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM certificate x
                  WHERE x.registration_id = r.id AND x.state <> 'void' AND x.issuance_id <> $3)
ORDER BY r.admission_number
"""
# A batch of one (S68): the holder of the certificate that it corrects, while they pass at this plan and site. It lists
# nobody when that certificate was revoked after the batch was begun: whoever revoked it did not mean it to come back.
_CORRECTED = """
SELECT r.id AS registration_id, c.id AS candidate_id, c.name, c.id_index, c.id_sealed
FROM certificate old JOIN registration r ON r.id = old.registration_id JOIN candidate c ON c.id = r.candidate_id
WHERE old.id = $1 AND r.plan_id = $2 AND r.site_id = $3 AND r.outcome = 'passed' AND c.erased_at IS NULL
  AND (old.revoked_at IS NULL OR old.revoked_at <= $5)
  AND NOT EXISTS (SELECT 1 FROM certificate x
                  WHERE x.registration_id = r.id AND x.state IN ('reserved', 'drawing', 'valid')
                    AND x.issuance_id <> $4 AND x.id <> old.id)
"""
_FRAME = """
SELECT p.name AS plan, p.exam_date, p.release_at, p.requires_practice, k.code AS kind_code, k.name AS certificate,
       t.level, sc.id AS school_id, sc.name AS school, t.name AS site, t.kind_id = p.kind_id AS fits_kind,
       (SELECT v.version FROM standard_version v
        WHERE v.kind_id = p.kind_id AND v.effective_on <= p.exam_date
        ORDER BY v.effective_on DESC, v.id DESC LIMIT 1) AS standard
FROM plan p, site t JOIN school sc ON sc.id = t.school_id JOIN certificate_kind k ON k.id = t.kind_id
WHERE p.id = $1 AND t.id = $2
"""
_RESERVED = """
SELECT id, registration_id, number, line, id_salt_sealed AS salt_sealed FROM certificate WHERE issuance_id = $1 AND state <> 'void' ORDER BY number
"""
_LISTED = """
SELECT l.row, l.number, l.state, l.line, r.admission_number, COALESCE(l.printed_id_sealed, c.id_sealed) AS id_sealed,
       (SELECT json_agg(json_build_array(s.subject, s.score, s.status) ORDER BY s.subject)::text
        FROM score s WHERE s.registration_id = l.registration_id) AS scores
FROM (SELECT x.number, x.state, x.line, x.registration_id, x.candidate_id, x.printed_id_sealed,
             row_number() OVER (ORDER BY x.number) AS row
      FROM certificate x WHERE x.issuance_id = $1 AND x.state <> 'void') l
JOIN registration r ON r.id = l.registration_id JOIN candidate c ON c.id = l.candidate_id
WHERE l.number > $2 ORDER BY l.number LIMIT $3
"""
_BEFORE = """
SELECT number FROM certificate WHERE issuance_id = $1 AND state <> 'void' AND number < $2
ORDER BY number DESC LIMIT $3
"""
_ALL = 2**31 - 1
_ABOUT_SALT = "certificate.id_salt_sealed"


@dataclass(frozen=True, slots=True)
class Passed:
    """One who passed at a batch's site and has no certificate elsewhere."""

    registration_id: int
    candidate_id: int
    name: str
    id_index: bytes
    id_sealed: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """What all lines of a batch share."""

    plan: str
    exam_date: date
    release_at: datetime | None
    requires_practice: bool
    kind_code: str
    certificate: str
    level: Level
    school_id: int
    school: str
    site: str
    standard: str

    def is_released(self, now: datetime) -> bool:
        """Whether people outside the organisation may know at `now` who passed."""
        return self.release_at is not None and self.release_at <= now


def sealed_salt(keys: Keys, number: str, salt: str) -> bytes:
    """A line's salt as its row keeps it, bound to the line's number."""
    return keys.encrypt(salt, about=f"{_ABOUT_SALT}:{number}")


def opened_salt(keys: Keys, number: str, sealed: bytes) -> str:
    """The salt again; "" where there is none."""
    return keys.decrypt(sealed, about=f"{_ABOUT_SALT}:{number}") if sealed else ""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A living certificate's row, as far as the list goes."""

    id: int
    registration_id: int
    number: str
    line: bytes
    salt_sealed: bytes = b""  # none in a line of form 1

    def salt(self, keys: Keys) -> str:
        """The salt of its `id_hash`, hex."""
        return opened_salt(keys, self.number, self.salt_sealed)


@dataclass(frozen=True, slots=True)
class Scored:
    """One subject's score; None where there is none, and `status` says why."""

    subject: str
    score: float | None
    status: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list. `row` counts from 1."""

    row: int
    number: str
    admission_number: str
    name: str
    name_masked: str
    id_masked: str
    scores: tuple[Scored, ...]
    state: CertificateState

    @property
    def score(self) -> str:
        """The scores in words: the number alone where there is one subject."""
        pairs = [(one.subject, "—" if one.score is None else f"{one.score:g}") for one in self.scores]
        if len(pairs) == 1:
            return pairs[0][1]
        return "；".join(f"{subject} {score}" for subject, score in pairs)

    def masked(self) -> Listed:
        """The line for those who do not answer for the list: neither name nor scores."""
        return replace(self, name="", scores=())


async def passed(issuance: Issuance) -> list[Passed]:
    """Who passed, in the order of admission numbers."""
    if issuance.corrects_id is not None:
        place = (issuance.corrects_id, issuance.plan_id, issuance.site_id, issuance.id, issuance.created_at)
        return [Passed(**row) for row in await rows(_CORRECTED, *place)]
    return [Passed(**row) for row in await rows(_PASSED, issuance.plan_id, issuance.site_id, issuance.id)]


async def frame_of(plan_id: int, site_id: int) -> Frame:
    """What plan and site say.

    Raises:
        Refused("standard_missing"): no standard was in force on the exam day (S7).
        Refused("site_other_kind"): the site is for another kind of certificate.
    """
    [row] = await rows(_FRAME, plan_id, site_id)
    if not row.pop("fits_kind"):
        raise Refused("site_other_kind", "考核站点与考试计划的证书不是同一种，请核对报考数据。")
    if row["standard"] is None:
        raise Refused("standard_missing", "考试日期之前没有生效的职业技能等级标准，请先登记标准版本。")
    return Frame(**{**row, "level": Level(row["level"])})


async def reserved(issuance_id: int) -> list[Reserved]:
    """The batch's living lines in number order."""
    return [
        Reserved(
            row["id"],
            row["registration_id"],
            row["number"],
            bytes(row["line"]),
            bytes(row["salt_sealed"] or b""),
        )
        for row in await rows(_RESERVED, issuance_id)
    ]


async def lines(keys: Keys, issuance_id: int, *, after: str = "", limit: int = _ALL) -> list[Listed]:
    """The lines after a number; voided numbers are left out."""
    return [_row(keys, row) for row in await rows(_LISTED, issuance_id, after, limit)]


def _row(keys: Keys, row: dict[str, Any]) -> Listed:
    name = Line.from_bytes(bytes(row["line"])).name
    return Listed(
        row=row["row"],
        number=row["number"],
        admission_number=row["admission_number"],
        name=name,
        name_masked=mask_name(name),
        id_masked=mask_id(keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        scores=tuple(Scored(*one) for one in json.loads(row["scores"] or "[]")),
        state=CertificateState(row["state"]),
    )


async def page_before(issuance_id: int, number: str, size: int) -> str:
    """The number after which a page has to begin to end just before this number; empty: at the beginning."""
    lines = await rows(_BEFORE, issuance_id, number, size + 1)
    return str(lines[-1]["number"]) if len(lines) > size else ""
