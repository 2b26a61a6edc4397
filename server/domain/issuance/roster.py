"""Who a batch certifies, from today's data: the lines that officers sign for, and who is held back and why.

The list is recomputed at every step that relies on it; a byte's difference shows in its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from server.domain.certificates.claims import (
    FORM,
    Line,
    fits,
    id_hash_of_index,
    id_hash_salted,
    new_salt,
    number_of,
)
from server.domain.exams.results import withheld_reasons
from server.domain.issuance import roster_query
from server.domain.issuance.roster_query import Frame, Passed, Reserved
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys, PdfRenderer
from server.models import Issuance
from server.settings import Settings

_SLICE = 5000


@dataclass(frozen=True, slots=True)
class Entry:
    """One person to be certified: the line but for its number, and the salt of its `id_hash` (form 1 has none)."""

    registration_id: int
    candidate_id: int
    fields: Mapping[str, str]
    salt: str = ""

    def line(self, number: str) -> bytes:
        """The line under this number, every field checked. Raises ValueError."""
        return Line(number=number, **self.fields).to_bytes()

    def unchecked_line(self, number: str) -> bytes:
        """The same bytes unchecked, to compare with lines that were checked. (Text alone: orjson's is canonical.)"""
        return orjson.dumps({"number": number, **self.fields}, option=orjson.OPT_SORT_KEYS)

    def is_said_by(self, old: Reserved | None) -> bool:
        """Whether a reserved line says this, byte for byte."""
        return old is not None and self.unchecked_line(old.number) == old.line


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One who passed but cannot be certified yet, and what is missing (S13)."""

    registration_id: int
    candidate_id: int
    name: str
    code: str
    reason: str


def _held_back(
    settings: Settings, pdf_renderer: PdfRenderer, withheld: str | None, sample: Line
) -> tuple[str, str] | None:
    if withheld:
        return "practice_missing", withheld
    if missing := pdf_renderer.missing_glyphs(sample.name):
        return "glyph_missing", f"证书字体缺少字符“{missing}”，请联系管理员补充字体。"
    if not fits(sample, settings.public_url):
        return "claims_too_long", "姓名、考试计划名称与院校名称合计过长，证书二维码放不下。"
    return None


async def _withheld(frame: Frame, registration_ids: list[int]) -> dict[int, str]:
    """Who lacks hours (S13), asked for in slices that a statement's parameters can hold."""
    reasons: dict[int, str] = {}
    if frame.requires_practice:
        for start in range(0, len(registration_ids), _SLICE):
            reasons |= await withheld_reasons(registration_ids[start : start + _SLICE])
    return reasons


def _identified(keys: Keys, one: Passed, old: Reserved | None) -> tuple[dict[str, str], str]:
    """The fields that say whose line it is, and their salt. A line that stands keeps its form and its salt."""
    if old is not None and not old.salt_sealed:
        return {"id_hash": id_hash_of_index(one.id_index)}, ""
    salt = new_salt() if old is None else old.salt(keys)
    return {"id_hash": id_hash_salted(salt, keys.decrypt(one.id_sealed, about=ABOUT_ID)), "form": FORM}, salt


async def drawn_up(
    settings: Settings,
    keys: Keys,
    pdf_renderer: PdfRenderer,
    issuance: Issuance,
    known: Mapping[int, Reserved] | None = None,
) -> tuple[Frame, list[Entry], list[HeldBack]]:
    """The list of a batch as today's data has it, in the order of admission numbers.

    Args:
        known: the batch's reserved lines by registration. A line that has not changed by a byte was found printable
            when its number was reserved, and is not drawn up again.
    """
    frame = await roster_query.frame_of(issuance.plan_id, issuance.site_id)
    shared = {
        "level": frame.level.value,
        "plan": frame.plan,
        "exam_date": frame.exam_date.isoformat(),
        "certificate": frame.certificate,
        "outcome": "passed",
        "standard": frame.standard,
        "issuer": settings.issuer,
        "school": frame.school,
    }
    sample = number_of("99", frame.kind_code, frame.level, 99_999_999)
    entries, held_back = [], []
    passed = await roster_query.passed(issuance)
    withheld = await _withheld(frame, [one.registration_id for one in passed])
    for one in passed:
        lacks, old = withheld.get(one.registration_id), (known or {}).get(one.registration_id)
        identified, salt = _identified(keys, one, old)
        named = {"name": one.name, **identified, **shared}
        entry = Entry(one.registration_id, one.candidate_id, named, salt)
        if lacks is None and entry.is_said_by(old):
            entries.append(entry)
        elif why := _held_back(settings, pdf_renderer, lacks, Line(number=sample, **named)):
            held_back.append(HeldBack(entry.registration_id, entry.candidate_id, one.name, *why))
        else:
            entries.append(entry)
    return frame, entries, held_back


def canonical_of(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """(number, line) joined as they are, in number order: a list of canonical lines is itself canonical."""
    return b"[" + b",".join(line for _, line in sorted(lines)) + b"]"


def digest_of(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """SHA-256 of the canonical list, the same as `claims.list_digest` says."""
    return hashlib.sha256(canonical_of(lines)).digest()


def stored_digest(certificates: Iterable[Reserved]) -> bytes:
    """SHA-256 of the list as it is stored."""
    return digest_of((certificate.number, certificate.line) for certificate in certificates)


async def today(
    settings: Settings, keys: Keys, pdf_renderer: PdfRenderer, issuance: Issuance
) -> tuple[Frame, bytes | None]:
    """The batch's frame, and the SHA-256 of its list as today's data says; None when someone has no number yet."""
    known = {one.registration_id: one for one in await roster_query.reserved(issuance.id)}
    frame, entries, _ = await drawn_up(settings, keys, pdf_renderer, issuance, known)
    if any(entry.registration_id not in known for entry in entries):
        return frame, None
    numbered = [(known[entry.registration_id].number, entry) for entry in entries]
    return frame, digest_of((number, entry.unchecked_line(number)) for number, entry in numbered)
