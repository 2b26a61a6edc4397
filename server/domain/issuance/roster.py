"""Who a batch certifies, from today's data: the lines that officers sign for, and who is held back and why.

The list is recomputed at every step that relies on it; a byte's difference shows in its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from server.domain.certificates.claims import Line, fits, id_hash_of_index, number_of
from server.domain.exams import plans
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Refused
from server.models import Issuance
from server.models.database import rows

# A registration counts while it has no certificate elsewhere; a void number does not count, a revoked certificate does.
_PASSED = """
SELECT r.id AS registration_id, c.id AS candidate_id, c.name, c.id_index
FROM registration r
JOIN candidate c ON c.id = r.candidate_id
WHERE r.plan_id = $1 AND r.site_id = $2 AND r.outcome = 'passed'
  AND NOT EXISTS (SELECT 1 FROM certificate x
                  WHERE x.registration_id = r.id AND x.state <> 'void' AND x.issuance_id <> $3)
ORDER BY r.admission_number
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
SELECT id, registration_id, number, line FROM certificate WHERE issuance_id = $1 AND state <> 'void' ORDER BY number
"""
_SLICE = 5000


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


@dataclass(frozen=True, slots=True)
class Reserved:
    """A living certificate's row, as far as the list goes."""

    id: int
    registration_id: int
    number: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One person to be certified: the line but for its number."""

    registration_id: int
    candidate_id: int
    fields: dict[str, str]

    def line(self, number: str) -> bytes:
        """The line under this number, every field checked. Raises ValueError."""
        return Line(number=number, **self.fields).to_bytes()

    def said(self, number: str) -> bytes:
        """The same bytes unchecked, to compare with lines that were checked. (Text alone: orjson's is canonical.)"""
        return orjson.dumps({"number": number, **self.fields}, option=orjson.OPT_SORT_KEYS)

    def is_said_by(self, old: Reserved | None) -> bool:
        """Whether a reserved line says this, byte for byte."""
        return old is not None and self.said(old.number) == old.line


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One who passed but cannot be certified yet, and what is missing (S13)."""

    registration_id: int
    candidate_id: int
    name: str
    code: str
    reason: str


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


def _held_back(s: Services, withheld: str | None, sample: Line) -> tuple[str, str] | None:
    if withheld:
        return "practice_missing", withheld
    if missing := s.pdf_renderer.missing_glyphs(sample.name):
        return "glyph_missing", f"证书字体缺少字符“{missing}”，请联系管理员补充字体。"
    if not fits(sample, s.settings.public_url):
        return "claims_too_long", "姓名、考试计划名称与院校名称合计过长，证书二维码放不下。"
    return None


async def _withheld(s: Services, frame: Frame, registration_ids: list[int]) -> dict[int, str]:
    """Who lacks hours (S13), asked for in slices that a statement's parameters can hold."""
    found: dict[int, str] = {}
    if frame.requires_practice:
        for start in range(0, len(registration_ids), _SLICE):
            found |= await plans.withheld_reasons(registration_ids[start : start + _SLICE])
    return found


async def drawn_up(
    s: Services, issuance: Issuance, known: Mapping[int, Reserved] | None = None
) -> tuple[Frame, list[Entry], list[HeldBack]]:
    """The list of a batch as today's data has it, in the order of admission numbers.

    Args:
        known: the batch's reserved lines by registration. A line that has not changed by a byte was found printable
            when its number was reserved, and is not drawn up again.
    """
    frame = await frame_of(issuance.plan_id, issuance.site_id)
    shared = {
        "level": frame.level.value,
        "plan": frame.plan,
        "exam_date": frame.exam_date.isoformat(),
        "certificate": frame.certificate,
        "outcome": "passed",
        "standard": frame.standard,
        "issuer": s.settings.issuer,
        "school": frame.school,
    }
    sample = number_of("99", frame.kind_code, frame.level, 99_999_999)
    entries, held = [], []
    passed = await rows(_PASSED, issuance.plan_id, issuance.site_id, issuance.id)
    withheld = await _withheld(s, frame, [row["registration_id"] for row in passed])
    for row in passed:
        named = {"name": row["name"], "id_hash": id_hash_of_index(bytes(row["id_index"])), **shared}
        entry = Entry(row["registration_id"], row["candidate_id"], named)
        lacks, old = withheld.get(entry.registration_id), (known or {}).get(entry.registration_id)
        if lacks is None and entry.is_said_by(old):
            entries.append(entry)
        elif why := _held_back(s, lacks, Line(number=sample, **named)):
            held.append(HeldBack(entry.registration_id, entry.candidate_id, row["name"], *why))
        else:
            entries.append(entry)
    return frame, entries, held


async def reserved(issuance_id: int) -> list[Reserved]:
    """The batch's living lines in number order."""
    return [
        Reserved(row["id"], row["registration_id"], row["number"], bytes(row["line"]))
        for row in await rows(_RESERVED, issuance_id)
    ]


def canonical_of(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """(number, line) joined as they are, in number order: a list of canonical lines is itself canonical."""
    return b"[" + b",".join(line for _, line in sorted(lines)) + b"]"


def digest_of(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """SHA-256 of the canonical list, the same as `claims.list_digest` says."""
    return hashlib.sha256(canonical_of(lines)).digest()


def stored_digest(certificates: Iterable[Reserved]) -> bytes:
    """SHA-256 of the list as it is stored."""
    return digest_of((certificate.number, certificate.line) for certificate in certificates)


async def today(s: Services, issuance: Issuance) -> tuple[Frame, bytes | None]:
    """The batch's frame, and the SHA-256 of its list as today's data says; None when someone has no number yet."""
    known = {one.registration_id: one for one in await reserved(issuance.id)}
    frame, entries, _ = await drawn_up(s, issuance, known)
    if any(entry.registration_id not in known for entry in entries):
        return frame, None
    numbered = [(known[entry.registration_id].number, entry) for entry in entries]
    return frame, digest_of((number, entry.said(number)) for number, entry in numbered)
