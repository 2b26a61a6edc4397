"""A list that is handed in for a campaign: admission numbers or identity numbers, one person a row.

Every row is counted once: taken, unchanged (the person is on the list already), refused with its reason, or skipped
because it holds nothing in the column that is read. Numbers are never kept: only whose they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import drafts, transitions
from server.domain.people.candidates import ABOUT_ID, IdentityNumber
from server.domain.ports import Keys, Services
from server.domain.roles import Verb
from server.domain.tables import HEADER_WITHIN, Sheet
from server.errors import Refused
from server.models import Campaign
from server.models.database import rows

ADMISSION, IDENTITY = "准考证号", "证件号码"
MOST_TOLD = 200  # refused rows that are told one by one; all of them are counted
SLICE = 5_000
# Nobody of them is erased before the list is written; whoever was erased is on no list.
_BY_ADMISSION = """
SELECT r.admission_number AS number, c.id AS candidate_id FROM registration r JOIN candidate c ON c.id = r.candidate_id
WHERE r.admission_number = ANY($1::text[]) AND c.erased_at IS NULL FOR KEY SHARE OF c
"""
_BY_INDEX = """
SELECT id_index AS number, id AS candidate_id FROM candidate
WHERE id_index = ANY($1::bytea[]) AND erased_at IS NULL FOR KEY SHARE
"""
_PUT = """
INSERT INTO campaign_listed (campaign_id, candidate_id) SELECT $1, unnest($2::bigint[])
ON CONFLICT (campaign_id, candidate_id) DO NOTHING RETURNING candidate_id
"""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that names nobody; `row` as the spreadsheet shows it, the value masked."""

    row: int
    code: str
    detail: str


@dataclass(slots=True)
class ListCounts:
    """What came of a list; `seen` is the sum of the other four."""

    seen: int = 0
    taken: int = 0
    unchanged: int = 0
    refused: int = 0
    skipped: int = 0
    refusals: list[RefusedRow] = field(default_factory=list)


async def hand_in(s: Services, campaign_id: int, data: bytes, *, actor: Actor) -> ListCounts:
    """The people of a draft's list, in place of those of an earlier one.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown. Conflict: campaign_moved.
        Refused: list_column, and whatever `TableReader` refuses.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    if not await Campaign.filter(id=campaign_id).exists():
        raise transitions.unknown()
    s.table_reader.check(data)
    sheets = await asyncio.to_thread(lambda: list(s.table_reader.read(data)))
    sheet, column, head, name = _found(sheets)
    counts, numbers = ListCounts(), []
    for place, row in enumerate(sheet.rows[head + 1 :], head + 2):
        text = "".join(_text(row[column] if column < len(row) else "").split())
        counts.seen += 1
        if text:
            numbers.append((place, text))
        else:
            counts.skipped += 1
    async with in_transaction():
        campaign = await drafts.locked_draft(campaign_id)
        await rows("DELETE FROM campaign_listed WHERE campaign_id = $1", campaign.id)
        for begin in range(0, len(numbers), SLICE):
            await _take(s.keys, campaign.id, name, numbers[begin : begin + SLICE], counts)
        await Campaign.filter(id=campaign.id).update(list_counts=asdict(counts))
        became = {one: getattr(counts, one) for one in ("seen", "taken", "unchanged", "refused", "skipped")}
        await audit_log.record(s.clock, actor, "campaign.list", "campaign", campaign.id, became=became)
    return counts


def _found(sheets: Sequence[Sheet]) -> tuple[Sheet, int, int, str]:
    """The table, column and row of the heading, and which heading it is. Raises Refused: list_column."""
    for sheet in sheets:
        for head, row in enumerate(sheet.rows[:HEADER_WITHIN]):
            for name in (ADMISSION, IDENTITY):
                titles = ["".join(_text(cell).split()) for cell in row]
                if name in titles:
                    return sheet, titles.index(name), head, name
    raise Refused("list_column", f"名单里没有“{ADMISSION}”或“{IDENTITY}”这一列，请加上表头再上传。")


async def _take(
    keys: Keys, campaign_id: int, name: str, numbers: list[tuple[int, str]], counts: ListCounts
) -> None:
    whose = await (_by_admission(numbers) if name == ADMISSION else _by_identity(keys, numbers))
    known = [(place, whose.get(text)) for place, text in numbers]
    for (place, candidate_id), (_, text) in zip(known, numbers, strict=True):
        if candidate_id is None:
            _refuse(counts, place, name, text)
    ids = [candidate_id for _, candidate_id in known if candidate_id is not None]
    new = await rows(_PUT, campaign_id, list(dict.fromkeys(ids)))
    counts.taken += len(new)
    counts.unchanged += len(ids) - len(new)


def _refuse(counts: ListCounts, place: int, name: str, text: str) -> None:
    counts.refused += 1
    if len(counts.refusals) < MOST_TOLD:
        detail = f"没有{name}末四位是 {text[-4:]} 的考生，请核对。"
        counts.refusals.append(RefusedRow(place, "person_unknown", detail))


async def _by_admission(numbers: list[tuple[int, str]]) -> dict[str, int]:
    found = await rows(_BY_ADMISSION, [text for _, text in numbers])
    return {str(row["number"]): int(row["candidate_id"]) for row in found}


async def _by_identity(keys: Keys, numbers: list[tuple[int, str]]) -> dict[str, int]:
    indexes: dict[bytes, str] = {}
    for _, text in numbers:
        try:
            number = IdentityNumber.parse(text)
        except Refused:
            continue
        for index in keys.blinds(number.text, about=ABOUT_ID):
            indexes[index] = text
    found = await rows(_BY_INDEX, list(indexes))
    return {indexes[bytes(row["number"])]: int(row["candidate_id"]) for row in found}


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if cell is not None else ""
