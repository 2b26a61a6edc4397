"""The SQL that reads what the records say of the people, schools and hours of a table. Score sheets: `score_records`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from server.domain.imports.parsed_rows import Draft
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys
from server.models.database import rows

Hours = tuple[Decimal, Decimal]  # supervision, practice
HoursKey = tuple[int, str]  # candidate, level


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A candidate who is on record, as far as a table may say something of them."""

    id: int
    name: str
    id_kind: str
    kind: str
    school_id: int | None
    mobile_sealed: bytes | None
    major_code: str
    major_name: str
    major_version: str
    major_tier: str


_ON_RECORD = """
SELECT c.id_index, c.id, c.name, c.id_kind, c.kind, c.school_id, c.mobile_sealed,
       c.major_code, c.major_name, c.major_version, c.major_tier
FROM unnest($1::bytea[]) AS index JOIN candidate c ON c.id_index = index
"""


async def people(keys: Keys, drafts: Iterable[Draft]) -> dict[str, OnRecord]:
    """Identity number → who is on record with it, looked up under every epoch of the blind index."""
    numbers = {number for draft in drafts if (number := draft.get("证件号码"))}
    by_index = await asyncio.to_thread(_indexes, keys, numbers)
    candidates = await rows(_ON_RECORD, list(by_index))
    return {by_index[bytes(row.pop("id_index"))]: OnRecord(**row) for row in candidates}


_CORRECTED_AWAY = """
SELECT was_index FROM correction WHERE was_index = ANY($1::bytea[]) AND state IN ('under_way', 'done')
"""


async def corrected_away(keys: Keys, drafts: Iterable[Draft]) -> frozenset[str]:
    """Those identity numbers of the table that a correction has found to be nobody's (S68).

    A number that somebody has today is found as on record first, whatever was said of it before.
    """
    numbers = {number for draft in drafts if (number := draft.get("证件号码"))}
    by_index = await asyncio.to_thread(_indexes, keys, numbers)
    found = await rows(_CORRECTED_AWAY, list(by_index))
    return frozenset(by_index[bytes(row["was_index"])] for row in found)


def _indexes(keys: Keys, numbers: set[str]) -> dict[bytes, str]:
    return {index: number for number in numbers for index in keys.blinds(number, about=ABOUT_ID)}


async def schools() -> dict[str, int]:
    """Every school's number by its name."""
    return {row["name"]: row["id"] for row in await rows("SELECT id, name FROM school")}


_SETTLED_PEOPLE = """
SELECT DISTINCT r.candidate_id FROM unnest($1::bigint[]) AS wanted JOIN registration r ON r.candidate_id = wanted
JOIN plan p ON p.id = r.plan_id
WHERE p.release_at <= $2 OR EXISTS (
    SELECT 1 FROM issuance i WHERE i.plan_id = r.plan_id AND i.site_id = r.site_id
    AND i.state NOT IN ('prepared', 'returned'))
"""


async def settled(candidates: list[int], now: datetime) -> set[int]:
    """Those with released results, or in a batch that is at the school or signed."""
    return {row["candidate_id"] for row in await rows(_SETTLED_PEOPLE, candidates, now)}


async def hours(candidates: list[int]) -> dict[HoursKey, Hours]:
    records = await rows(
        "SELECT candidate_id, level, supervision_hours, practice_hours FROM practice_record"
        " WHERE candidate_id = ANY($1::bigint[])",
        candidates,
    )
    return {(r["candidate_id"], r["level"]): (r["supervision_hours"], r["practice_hours"]) for r in records}


# a batch at the school holds those who passed; a signed one only those who have a number in it
_BATCHES = """
SELECT r.candidate_id, t.level, i.state FROM unnest($1::bigint[]) AS wanted
JOIN registration r ON r.candidate_id = wanted AND r.outcome = 'passed'
JOIN plan p ON p.id = r.plan_id AND p.requires_practice JOIN site t ON t.id = r.site_id
JOIN issuance i ON i.plan_id = r.plan_id AND i.site_id = r.site_id
WHERE i.state = 'site_pending' OR i.state IN ('school_signed', 'generating', 'issued') AND EXISTS (
    SELECT 1 FROM certificate x WHERE x.registration_id = r.id AND x.issuance_id = i.id
    AND x.state IN ('reserved', 'drawing', 'valid'))
FOR SHARE OF i
"""


async def batches_of_hours(candidates: list[int]) -> dict[HoursKey, str]:
    """The state of a batch on its way whose list these hours decide; locked against being sent on."""
    return {(r["candidate_id"], r["level"]): r["state"] for r in await rows(_BATCHES, candidates)}
