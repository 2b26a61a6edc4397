"""考生信息: what a row says of a candidate, and what it comes to against the records. `people_writing` writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from server.domain.imports import cells, on_record
from server.domain.imports.import_plan import Change, Verdict, who
from server.domain.imports.new_names import Names, Register
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Column, Draft
from server.domain.imports.people_writing import MAJOR, Work, take
from server.domain.imports.uniqueness import clashes, row_numbers
from server.domain.people.candidates import ABOUT_MOBILE, mask_mobile
from server.domain.people.names import same_name
from server.domain.ports import Clock, Keys, PdfRenderer

__all__ = ["COLUMNS", "TITLE", "judge", "load", "settle", "take"]

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
_PLAIN = {"证件类型": "id_kind", "考生类型": "kind", **MAJOR}
_SHOWN = {"school": "本校考生", "social": "社会考生", "": "空"}
# what a school and its candidate are known by once results are out; a telephone or a major may change later
_SETTLED = ("证件类型", "考生类型", "院校")


@dataclass(slots=True)
class Records:
    """What the records say about the people and schools of a file."""

    people: dict[str, OnRecord]
    schools: dict[str, int]
    mobiles: dict[int, str]
    settled: set[int]  # candidates with released results, or in a batch that is at the school or signed
    corrected_away: frozenset[str] = frozenset()  # numbers that a correction has found to be nobody's


def settle(draft: Draft) -> None:
    """Rules between cells: 社会考生 have no 专业信息 (S57)."""
    if draft.get("考生类型") == "social":
        for title in MAJOR:
            if draft.get(title):
                draft.refuse(title, "major_of_social", "社会考生不填专业信息，请清空这一格，或改正考生类型。")


async def load(clock: Clock, keys: Keys, drafts: list[Draft]) -> Records:
    people = await on_record.people(keys, drafts)
    schools = await on_record.schools()
    mobiles = await asyncio.to_thread(_mobiles, keys, people.values())
    ids = [person.id for person in people.values()]
    settled = await on_record.settled(ids, clock.now())
    return Records(people, schools, mobiles, settled, await on_record.corrected_away(keys, drafts))


def _mobiles(keys: Keys, people: Iterable[OnRecord]) -> dict[int, str]:
    return {
        person.id: keys.decrypt(person.mobile_sealed, about=ABOUT_MOBILE)
        for person in people
        if person.mobile_sealed is not None
    }


def judge(pdf_renderer: PdfRenderer, records: Records, drafts: list[Draft], creating: Names) -> Verdict:
    """Judge what must be unique over the whole file, then every draft against the records."""
    register = Register(creating, {"schools": records.schools})
    verdict, work = Verdict(register=register), Work()
    verdict.work = work
    _judge_whole(verdict, drafts)
    numbers: set[str] = set()
    for draft in drafts:
        person = records.people.get(draft.get("证件号码") or "")
        name = draft.get("姓名")
        if person is not None and name is not None and not same_name(name, person.name):
            draft.refuse(
                "姓名",
                "name_differs",
                "这个证件号码已登记为另一姓名。姓名录入后不能用导入更改，请核对；确有错误，请凭函件在“更正”页提出。",
            )
        if person is None and draft.get("证件号码") in records.corrected_away:
            draft.refuse(
                "证件号码",
                "number_corrected",
                "这个证件号码已凭函件更正为另一号码，不能再登记；请在表格里改用更正后的号码。",
            )
        if draft.errors or not register.admits(draft, "schools", draft.values["院校"], "院校"):
            continue
        if draft.values["证件号码"] in numbers:
            verdict.unchanged += 1  # the same row once more
            continue
        numbers.add(draft.values["证件号码"])
        _sort_in(verdict, work, records, person, draft)
    names = {draft.values["院校"] for draft in (*work.made, *(draft for _, draft, _ in work.changed))}
    work.schools = frozenset(names - records.schools.keys())
    verdict.creates = Names(schools=work.schools)
    _note_glyphs(pdf_renderer, verdict, work)
    return verdict


def _judge_whole(verdict: Verdict, drafts: list[Draft]) -> None:
    """One identity number is one person; rows that differ are refused on both sides."""
    by_number: dict[str, list[Draft]] = {}
    for draft in drafts:
        if number := draft.get("证件号码"):
            by_number.setdefault(number, []).append(draft)
    for same in by_number.values():
        if len(same) > 1 and (differ := _differing(same)):
            for draft in same:
                draft.refuse(
                    "证件号码",
                    "person_twice",
                    f"{row_numbers(one.row for one in same)}是同一证件号码，{'、'.join(differ)}却不同，"
                    "这些行都没有写入；请只保留正确的一行。",
                )
    shared = clashes((d.get("手机号"), d.get("证件号码"), d.row) for d in drafts if d.get("手机号"))
    for numbers in list(shared.values())[:5]:
        where = row_numbers(row for rows in numbers.values() for row in rows)
        verdict.notes.append(f"{where}是不同的考生，却填了同一个手机号，请核对。")


def _differing(same: list[Draft]) -> list[str]:
    """The titles in which these rows say different things, as far as their cells could be read."""
    titles = [column.title for column in COLUMNS]
    return [t for t in titles if len({repr(d.values[t]) for d in same if t in d.values}) > 1]


def _sort_in(verdict: Verdict, work: Work, records: Records, person: OnRecord | None, draft: Draft) -> None:
    if person is None:
        work.made.append(draft)
        verdict.add_new(draft)
        return
    changes = {
        column: draft.values[title]
        for title, column in _PLAIN.items()
        if draft.values[title] != getattr(person, column)
    }
    if records.schools.get(draft.values["院校"]) != person.school_id:
        changes["school"] = draft.values["院校"]
    if draft.values["手机号"] and draft.values["手机号"] != records.mobiles.get(person.id):
        changes["mobile"] = draft.values["手机号"]
    if not changes:
        verdict.unchanged += 1
    elif not _is_refused(records, person, draft, changes):
        work.changed.append((person, draft, changes))
        verdict.add_changed(draft, who(draft), _changes(records, person, changes))


def _is_refused(records: Records, person: OnRecord, draft: Draft, changes: dict[str, str]) -> bool:
    """Whether the change would alter somebody whose results are out or whose batch is on its way (S67)."""
    if person.id in records.settled:
        for title in _SETTLED:
            if {**_PLAIN, "院校": "school"}[title] in changes:
                draft.refuse(
                    title,
                    "candidate_settled",
                    f"这位考生的成绩已公布或证书已送签，{title}不能再用导入更改；这一项不印在证书上（证书写考核站点的院校）。"
                    "姓名、证件号码、考试计划、等级或成绩确有错误的，请凭函件在“更正”页提出。",
                )
    return draft.is_refused


def _changes(records: Records, person: OnRecord, changes: dict[str, str]) -> Iterable[Change]:
    titles = {column: title for title, column in _PLAIN.items()}
    names = {number: name for name, number in records.schools.items()}
    for column, value in changes.items():
        if column == "school":
            yield "院校", names.get(person.school_id or 0, "空"), value
        elif column == "mobile":
            was = records.mobiles.get(person.id)
            yield "手机号", mask_mobile(was) if was else "空", mask_mobile(value)
        else:
            was = str(getattr(person, column))
            yield titles[column], _SHOWN.get(was, was), _SHOWN.get(value, value)


def _note_glyphs(pdf_renderer: PdfRenderer, verdict: Verdict, work: Work) -> None:
    missing = set(
        pdf_renderer.missing_glyphs("".join({c for draft in work.made for c in draft.values["姓名"]}))
    )
    if missing:
        where = [draft.row for draft in work.made if missing & set(draft.values["姓名"])]
        verdict.notes.append(
            f"证书字体里没有{row_numbers(where)}姓名中的“{''.join(sorted(missing))}”，发放证书前请联系管理员补字。"
        )
