"""考生信息: candidates and their schools out of a spreadsheet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from server.domain import audit
from server.domain.audit import Actor
from server.domain.imports import cells
from server.domain.imports.drafts import Column, Draft
from server.domain.imports.verdicts import Row, Verdict, people_on_record, row_numbers, write
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.ports import Keys, Services
from server.records.database import rows

TITLE = "考生信息"
COLUMNS: tuple[Column, ...] = (
    Column("姓名", cells.name),
    Column("证件类型", cells.id_kind, required=False),
    Column("证件号码", cells.id_number),
    Column("手机号", cells.mobile, required=False),
    Column("考生类型", cells.candidate_kind),
    Column("院校", cells.needed(100)),
    Column("专业代码", cells.text(20), required=False),
    Column("专业名称", cells.text(60), required=False),
    Column("专业版本号", cells.text(20), required=False),
    Column("专业层次", cells.text(20), required=False),
)
_MAJOR = {
    "专业代码": "major_code",
    "专业名称": "major_name",
    "专业版本号": "major_version",
    "专业层次": "major_tier",
}
_PLAIN = {"证件类型": "id_kind", "考生类型": "kind", **_MAJOR}


@dataclass(slots=True)
class Known:
    """What the records say about the people and schools of a file."""

    people: dict[str, Row]
    schools: dict[str, int]
    mobiles: dict[int, str]


@dataclass(slots=True)
class Work:
    """Drafts of people to be made, and of those to be changed with what changes."""

    made: list[Draft] = field(default_factory=list)
    changed: list[tuple[Row, Draft, dict[str, Any]]] = field(default_factory=list)


def settle(draft: Draft) -> None:
    """Rules between cells: 社会考生 have no 专业信息 (S57)."""
    if draft.get("考生类型") == "social":
        for title in _MAJOR:
            if draft.get(title):
                draft.refuse(title, "major_of_social", "社会考生不填专业信息，请清空这一格，或改正考生类型。")


async def load(s: Services, drafts: list[Draft]) -> Known:
    people = await people_on_record(s, drafts)
    schools = {row["name"]: row["id"] for row in await rows("SELECT id, name FROM school")}
    mobiles = await asyncio.to_thread(_mobiles, s.keys, people.values())
    return Known(people, schools, mobiles)


def _mobiles(keys: Keys, people: Any) -> dict[int, str]:
    return {
        row["id"]: keys.decrypt(bytes(row["mobile_sealed"]), about=ABOUT_MOBILE)
        for row in people
        if row["mobile_sealed"] is not None
    }


def judge(s: Services, known: Known, drafts: list[Draft]) -> Verdict:
    """Compare every draft with the records and with the rows above it."""
    verdict, work = Verdict(), Work()
    verdict.work = work
    first: dict[str, dict[str, Any]] = {}
    for draft in drafts:
        person = known.people.get(draft.get("证件号码") or "")
        if person is not None and draft.get("姓名") not in (None, person["name"]):
            draft.refuse(
                "姓名",
                "name_differs",
                "这个证件号码已登记为另一姓名。姓名录入后不能改（S67），请核对；确有错误请凭函件联系管理员。",
            )
        if draft.errors:
            continue
        above = first.setdefault(draft.values["证件号码"], draft.values)
        if above is not draft.values:
            if above == draft.values:
                verdict.unchanged += 1
            else:
                draft.refuse(
                    "证件号码", "person_twice", "同一证件号码在表中出现两次而内容不同，请只保留正确的一行。"
                )
            continue
        _sort_in(verdict, work, known, person, draft)
    _note_schools(verdict, known, work)
    _note_glyphs(s, verdict, work)
    return verdict


def _sort_in(verdict: Verdict, work: Work, known: Known, person: Row | None, draft: Draft) -> None:
    if person is None:
        work.made.append(draft)
        verdict.taken += 1
        return
    changes = {
        column: draft.values[title]
        for title, column in _PLAIN.items()
        if draft.values[title] != person[column]
    }
    if known.schools.get(draft.values["院校"]) != person["school_id"]:
        changes["school"] = draft.values["院校"]
    if draft.values["手机号"] and draft.values["手机号"] != known.mobiles.get(person["id"]):
        changes["mobile"] = draft.values["手机号"]
    if changes:
        work.changed.append((person, draft, changes))
        verdict.taken += 1
    else:
        verdict.unchanged += 1


def _note_schools(verdict: Verdict, known: Known, work: Work) -> None:
    new = {
        draft.values["院校"] for draft in (*work.made, *(d for _, d, _ in work.changed))
    } - known.schools.keys()
    if new:
        verdict.notes.append(f"新增院校：{'、'.join(sorted(new))}。如是笔误，请改正后重新导入。")


def _note_glyphs(s: Services, verdict: Verdict, work: Work) -> None:
    missing = set(s.press.missing_glyphs("".join({c for draft in work.made for c in draft.values["姓名"]})))
    if missing:
        where = [draft.row for draft in work.made if missing & set(draft.values["姓名"])]
        verdict.notes.append(
            f"证书字体里没有{row_numbers(where)}姓名中的“{''.join(sorted(missing))}”，发放证书前请联系管理员补字。"
        )


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    """Write the people, inside the import's transaction."""
    names = sorted(
        {d.values["院校"] for d in work.made} | {c["school"] for _, _, c in work.changed if "school" in c}
    )
    await write(
        "INSERT INTO school (name, created_at) SELECT name, $2 FROM unnest($1::text[]) AS name"
        " ON CONFLICT (name) DO NOTHING",
        names,
        s.clock.now(),
    )
    found = await rows("SELECT id, name FROM school WHERE name = ANY($1::text[])", names)
    schools = {row["name"]: row["id"] for row in found}
    await s.faults.reach("imports.schools_written")
    if work.made:
        columns = await asyncio.to_thread(_sealed_columns, s.keys, work.made, schools)
        await write(_INSERT, *columns, s.clock.now())
    await s.faults.reach("imports.people_written")
    await _change(s, work, schools, actor)


_INSERT = """
INSERT INTO candidate (name, id_kind, id_sealed, id_index, mobile_sealed, kind, school_id,
                       major_code, major_name, major_version, major_tier, photo_key, created_at, updated_at)
SELECT t.*, '', $12, $12 FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[],
                             $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[]) AS t
"""


def _sealed_columns(keys: Keys, made: list[Draft], schools: dict[str, int]) -> list[list[Any]]:
    table = [
        (
            v["姓名"],
            v["证件类型"],
            keys.encrypt(v["证件号码"], about=ABOUT_ID),
            keys.blind(v["证件号码"], about=ABOUT_ID),
            keys.encrypt(v["手机号"], about=ABOUT_MOBILE) if v["手机号"] else None,
            v["考生类型"],
            schools[v["院校"]],
            *(v[title] for title in _MAJOR),
        )
        for v in (draft.values for draft in made)
    ]
    return [list(column) for column in zip(*table, strict=True)]


async def _change(s: Services, work: Work, schools: dict[str, int], actor: Actor) -> None:
    trail = []
    for person, _, changes in work.changed:
        plain = {column: value for column, value in changes.items() if column not in ("school", "mobile")}
        if "school" in changes:
            plain["school_id"] = schools[changes["school"]]
        was = {column: person[column] for column in plain}
        trail.append((person["id"], was, plain | ({"mobile": "已更换"} if "mobile" in changes else {})))
        columns = dict(plain)
        if "mobile" in changes:
            columns["mobile_sealed"] = s.keys.encrypt(changes["mobile"], about=ABOUT_MOBILE)
        settings = ", ".join(f"{column} = ${place}" for place, column in enumerate(columns, 3))
        await write(
            f"UPDATE candidate SET updated_at = $2, {settings} WHERE id = $1",  # noqa: S608 -- our own column names
            person["id"],
            s.clock.now(),
            *columns.values(),
        )
    await audit.record_many(s.clock, actor, "candidate.change", "candidate", trail)
