"""实践与督导学时 out of a spreadsheet (S13): what the upper two levels ask for before a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from server.domain.imports import cells, on_record
from server.domain.imports.import_plan import (
    Change,
    Verdict,
    judge_person,
    who,
)
from server.domain.imports.new_names import Names
from server.domain.imports.on_record import Hours, HoursKey, OnRecord
from server.domain.imports.parsed_rows import Column, Draft
from server.domain.imports.practice_writing import Work, take
from server.domain.imports.score_records import ON_ITS_WAY
from server.domain.imports.uniqueness import clashes, rows_of
from server.domain.levels import Level
from server.domain.ports import Clock, Keys, PdfRenderer

__all__ = ["COLUMNS", "TITLE", "judge", "load", "settle", "take"]

TITLE = "实践与督导学时"
COLUMNS: tuple[Column, ...] = (
    Column("姓名", cells.name),
    Column("证件号码", cells.id_number),
    Column("证书等级", cells.level),
    Column("督导学时", cells.hours),
    Column("实践学时", cells.hours),
)


@dataclass(slots=True)
class Records:
    """Candidates on record, their hours by level, and the batches that stand on these hours."""

    people: dict[str, OnRecord]
    hours: dict[HoursKey, Hours]
    batches: dict[HoursKey, str]  # the state of a batch on its way whose list these hours decide


def settle(draft: Draft) -> None:
    """No rule between cells."""


async def load(clock: Clock, keys: Keys, drafts: list[Draft]) -> Records:
    people = await on_record.people(keys, drafts)
    ids = [person.id for person in people.values()]
    return Records(people, await on_record.hours(ids), await on_record.batches_of_hours(ids))


def judge(pdf_renderer: PdfRenderer, records: Records, drafts: list[Draft], creating: Names) -> Verdict:
    """Judge what must be unique over the whole file, then every draft against the records."""
    verdict, work = Verdict(), Work()
    verdict.work = work
    _judge_whole(drafts)
    for draft in drafts:
        person = judge_person(draft, records.people)
        if draft.errors or person is None:
            continue
        key = (person.id, draft.values["证书等级"].value)
        hours = (draft.values["督导学时"], draft.values["实践学时"])
        was = records.hours.get(key)
        if was == hours or key in work.writes:
            verdict.unchanged += 1
        elif (refusal := _closed(records, key, hours)) is not None:
            draft.refuse("证书等级", *refusal)
        else:
            work.writes[key] = hours
            if was is None:
                verdict.add_new(draft)
            else:
                work.was[key] = was
                verdict.add_changed(draft, who(draft), _changes(was, hours))
    return verdict


def _judge_whole(drafts: list[Draft]) -> None:
    """A candidate has one count of hours at a level; rows that differ are refused on both sides."""
    by_row = {draft.row: draft for draft in drafts}
    titles = ("证件号码", "证书等级", "督导学时", "实践学时")
    read = [draft for draft in drafts if all(title in draft.values for title in titles)]
    entries = (
        ((d.values["证件号码"], d.values["证书等级"]), (d.values["督导学时"], d.values["实践学时"]), d.row)
        for d in read
    )
    for values in clashes(entries).values():
        for row in (row for rows_ in values.values() for row in rows_):
            by_row[row].refuse(
                "证书等级",
                "hours_twice",
                f"{rows_of(values)}是同一考生同一等级，学时却不同，这些行都没有写入；请只保留正确的一行。",
            )


def _closed(records: Records, key: HoursKey, hours: Hours) -> tuple[str, str] | None:
    """Why these hours may not change now: a list that is on its way would gain or lose its person."""
    state = records.batches.get(key)
    need = Level(key[1]).hours
    was = records.hours.get(key, (Decimal(0), Decimal(0)))
    if state is None or _enough(was, need) == _enough(hours, need):
        return None
    return ON_ITS_WAY[state]


def _enough(hours: Hours, need: Hours) -> bool:
    return hours[0] >= need[0] and hours[1] >= need[1]


def _changes(was: Hours, hours: Hours) -> list[Change]:
    titles = zip(("督导学时", "实践学时"), was, hours, strict=True)
    return [(title, str(old), str(new)) for title, old, new in titles if old != new]
