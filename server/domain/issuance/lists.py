"""Who a batch certifies, from today's data: the lines that officers sign for, and who is held back and why.

The list is recomputed at every step that relies on it; a byte's difference shows in its digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from server.domain import exams
from server.domain.claims import Line, fits, id_hash_of_index, list_digest, number_of
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Refused
from server.records import Certificate, Issuance
from server.records.database import rows

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
SELECT p.name AS plan, p.exam_date, p.requires_practice, k.code AS kind_code, k.name AS certificate,
       t.level, sc.id AS school_id, sc.name AS school, t.kind_id = p.kind_id AS fits_kind,
       (SELECT v.version FROM standard_version v
        WHERE v.kind_id = p.kind_id AND v.effective_on <= p.exam_date
        ORDER BY v.effective_on DESC, v.id DESC LIMIT 1) AS standard
FROM plan p, site t JOIN school sc ON sc.id = t.school_id JOIN certificate_kind k ON k.id = t.kind_id
WHERE p.id = $1 AND t.id = $2
"""
_SLICE = 5000


@dataclass(frozen=True, slots=True)
class Frame:
    """What all lines of a batch share."""

    plan: str
    exam_date: date
    requires_practice: bool
    kind_code: str
    certificate: str
    level: Level
    school_id: int
    school: str
    standard: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One person to be certified: the line but for its number."""

    registration_id: int
    candidate_id: int
    fields: dict[str, str]

    def line(self, number: str) -> bytes:
        return Line(number=number, **self.fields).to_bytes()


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
    if missing := s.press.missing_glyphs(sample.name):
        return "glyph_missing", f"证书字体缺少字符“{missing}”，请联系管理员补充字体。"
    if not fits(sample, s.settings.public_url):
        return "claims_too_long", "姓名、考试计划名称与院校名称合计过长，证书二维码放不下。"
    return None


async def _withheld(s: Services, frame: Frame, registration_ids: list[int]) -> dict[int, str]:
    """Who lacks hours (S13), asked for in slices that a statement's parameters can hold."""
    found: dict[int, str] = {}
    if frame.requires_practice:
        for start in range(0, len(registration_ids), _SLICE):
            found |= await exams.withheld_reasons(s, registration_ids[start : start + _SLICE])
    return found


async def drawn_up(s: Services, issuance: Issuance) -> tuple[Frame, list[Entry], list[HeldBack]]:
    """The list of a batch as today's data has it, in the order of admission numbers."""
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
        if why := _held_back(s, withheld.get(entry.registration_id), Line(number=sample, **named)):
            held.append(HeldBack(entry.registration_id, entry.candidate_id, row["name"], *why))
        else:
            entries.append(entry)
    return frame, entries, held


async def reserved(issuance_id: int) -> list[Certificate]:
    """The batch's living certificates in number order."""
    return await Certificate.filter(issuance_id=issuance_id).exclude(state="void").order_by("number")


def stored_digest(certificates: Iterable[Certificate]) -> bytes:
    """SHA-256 of the list as it is stored."""
    return list_digest(bytes(certificate.line) for certificate in certificates)


async def digest_now(s: Services, issuance: Issuance) -> bytes | None:
    """SHA-256 of the list as today's data says, or None when someone has come who has no number yet."""
    _, entries, _ = await drawn_up(s, issuance)
    numbers = {c.registration_id: c.number for c in await reserved(issuance.id)}
    lines = []
    for entry in entries:
        number = numbers.get(entry.registration_id)
        if number is None:
            return None
        lines.append(entry.line(number))
    return list_digest(lines)
