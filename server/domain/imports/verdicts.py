"""What an examination of drafts against the records comes to, and who of them is on record already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tortoise import connections

from server.domain.imports.drafts import Draft
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys, Services
from server.records.database import rows

Row = dict[str, Any]


@dataclass(slots=True)
class Verdict:
    """Which rows change something, which are on record already; refused rows carry their errors themselves.

    `work` is what the topic's `take` needs; nobody else looks at it.
    """

    taken: int = 0
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)
    work: Any = None


async def write(sql: str, *values: Any) -> int:
    """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""
    touched, _ = await connections.get("default").execute_query(sql, list(values))
    return int(touched)


async def people_on_record(s: Services, drafts: Iterable[Draft]) -> dict[str, Row]:
    """Identity number → the candidate's row, looked up under every epoch of the blind index."""
    numbers = {number for draft in drafts if (number := draft.get("证件号码"))}
    by_index = await asyncio.to_thread(_indexes, s.keys, numbers)
    found = await rows(
        "SELECT c.* FROM unnest($1::bytea[]) AS index JOIN candidate c ON c.id_index = index", list(by_index)
    )
    return {by_index[bytes(row["id_index"])]: row for row in found}


def _indexes(keys: Keys, numbers: set[str]) -> dict[bytes, str]:
    return {index: number for number in numbers for index in keys.blinds(number, about=ABOUT_ID)}


def judge_person(draft: Draft, known: dict[str, Row]) -> Row | None:
    """The candidate of a row that must be on record under the same name; the draft is told what is wrong."""
    number, name = draft.get("证件号码"), draft.get("姓名")
    if number is None:
        return None
    person = known.get(number)
    if person is None:
        draft.refuse("证件号码", "candidate_unknown", "系统里没有这位考生，请先导入考生信息，再导入这一行。")
        return None
    if name is not None and name != person["name"]:
        draft.refuse(
            "姓名",
            "name_differs",
            "姓名与系统里这个证件号码的考生不一致，请核对；确需更正姓名的，请凭函件联系管理员。",
        )
    return person


def row_numbers(numbers: list[int]) -> str:
    """第 3、8 行, shortened when there are many."""
    shown = "、".join(map(str, numbers[:10]))
    return f"第 {shown} 行" if len(numbers) <= 10 else f"第 {shown} 行等 {len(numbers)} 行"
