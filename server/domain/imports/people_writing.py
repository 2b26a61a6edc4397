"""Writing a judged list of candidates: the schools that were confirmed, new people, and what changes of the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.imports import on_record
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Draft
from server.domain.people import number_epoch
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.ports import Clock, Keys, Services
from server.errors import Refused
from server.models.database import rows, write

_TAKEN = "写入时，表格里有证件号码刚刚登记给了别人，所以没有写入。请重新检查后再写入。"
MAJOR = {
    "专业代码": "major_code",
    "专业名称": "major_name",
    "专业版本号": "major_version",
    "专业层次": "major_tier",
}


@dataclass(slots=True)
class Work:
    """Drafts of people to be made, those to be changed with what changes, and the schools that are made."""

    made: list[Draft] = field(default_factory=list)
    changed: list[tuple[OnRecord, Draft, dict[str, str]]] = field(default_factory=list)
    schools: frozenset[str] = frozenset()


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    """Write the people, inside the import's transaction.

    Raises:
        Refused: moved_since_check. OutsideFailure: a key is not known here.
    """
    names = sorted(
        {d.values["院校"] for d in work.made} | {c["school"] for _, _, c in work.changed if "school" in c}
    )
    await write(
        "INSERT INTO school (name, created_at) SELECT name, $2 FROM unnest($1::text[]) AS name"
        " ON CONFLICT (name) DO NOTHING",
        sorted(work.schools),
        s.clock.now(),
    )
    school_rows = await rows("SELECT id, name FROM school WHERE name = ANY($1::text[])", names)
    schools = {row["name"]: row["id"] for row in school_rows}
    await s.faults.reach("imports.schools_written")
    if work.made:
        epoch = await number_epoch.hold(s.keys)
        await _refuse_taken(s.keys, work.made)
        columns = await asyncio.to_thread(_sealed_columns, s.keys, epoch, work.made, schools)
        await write(_INSERT, *columns, s.clock.now())
    await s.faults.reach("imports.people_written")
    await _change(s.clock, s.keys, work, schools, actor)


_INSERT = """
INSERT INTO candidate (name, id_kind, id_sealed, id_index, mobile_sealed, kind, school_id,
                       major_code, major_name, major_version, major_tier, photo_key, created_at, updated_at)
SELECT t.*, '', $12, $12 FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[],
                             $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[]) AS t
"""


async def _refuse_taken(keys: Keys, drafts: list[Draft]) -> None:
    """With one key the database refuses a number twice; with several somebody may have it under another since we judged."""
    if keys.newest("index") > 1 and await on_record.people(keys, drafts):
        raise Refused("moved_since_check", _TAKEN)


def _sealed_columns(keys: Keys, epoch: int, drafts: list[Draft], schools: dict[str, int]) -> list[list[Any]]:
    table = [
        (
            v["姓名"],
            v["证件类型"],
            keys.encrypt(v["证件号码"], about=ABOUT_ID),
            keys.blind(v["证件号码"], about=ABOUT_ID, epoch=epoch),
            keys.encrypt(v["手机号"], about=ABOUT_MOBILE) if v["手机号"] else None,
            v["考生类型"],
            schools[v["院校"]],
            *(v[title] for title in MAJOR),
        )
        for v in (draft.values for draft in drafts)
    ]
    return [list(column) for column in zip(*table, strict=True)]


async def _change(clock: Clock, keys: Keys, work: Work, schools: dict[str, int], actor: Actor) -> None:
    trail = []
    for person, _, changes in work.changed:
        plain: dict[str, str | int] = {
            column: value for column, value in changes.items() if column not in ("school", "mobile")
        }
        if "school" in changes:
            plain["school_id"] = schools[changes["school"]]
        was = {column: getattr(person, column) for column in plain}
        trail.append((person.id, was, plain | ({"mobile": "已更换"} if "mobile" in changes else {})))
        columns: dict[str, str | int | bytes] = {**plain}
        if "mobile" in changes:
            columns["mobile_sealed"] = keys.encrypt(changes["mobile"], about=ABOUT_MOBILE)
        settings = ", ".join(f"{column} = ${place}" for place, column in enumerate(columns, 3))
        await write(
            f"UPDATE candidate SET updated_at = $2, {settings} WHERE id = $1",  # noqa: S608 -- our own column names
            person.id,
            clock.now(),
            *columns.values(),
        )
    await audit_log.record_many(clock, actor, "candidate.change", "candidate", trail)
