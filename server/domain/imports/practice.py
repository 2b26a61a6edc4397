"""实践与督导学时 out of a spreadsheet (S13): what the upper two levels ask for before a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from server.domain import audit
from server.domain.audit import Actor
from server.domain.imports import cells
from server.domain.imports.drafts import Column, Draft
from server.domain.imports.verdicts import Row, Verdict, judge_person, people_on_record, write
from server.domain.ports import Services
from server.records.database import rows

TITLE = "实践与督导学时"
COLUMNS: tuple[Column, ...] = (
    Column("姓名", cells.name),
    Column("证件号码", cells.id_number),
    Column("证书等级", cells.level),
    Column("督导学时", cells.hours),
    Column("实践学时", cells.hours),
)
Hours = tuple[Decimal, Decimal]  # supervision, practice
Key = tuple[int, str]  # candidate, level


@dataclass(slots=True)
class Known:
    """Candidates on record, and their hours by level."""

    people: dict[str, Row]
    hours: dict[Key, Hours]


@dataclass(slots=True)
class Work:
    """Hours to be written, with what stood there before."""

    writes: dict[Key, Hours] = field(default_factory=dict)
    was: dict[Key, Hours] = field(default_factory=dict)


def settle(draft: Draft) -> None:
    """No rule between cells."""


async def load(s: Services, drafts: list[Draft]) -> Known:
    people = await people_on_record(s, drafts)
    found = await rows(
        "SELECT candidate_id, level, supervision_hours, practice_hours FROM practice_record"
        " WHERE candidate_id = ANY($1::bigint[])",
        [person["id"] for person in people.values()],
    )
    hours = {(r["candidate_id"], r["level"]): (r["supervision_hours"], r["practice_hours"]) for r in found}
    return Known(people, hours)


def judge(s: Services, known: Known, drafts: list[Draft]) -> Verdict:
    verdict, work = Verdict(), Work()
    verdict.work = work
    first: dict[Key, Hours] = {}
    for draft in drafts:
        person = judge_person(draft, known.people)
        if draft.errors or person is None:
            continue
        key = (person["id"], draft.values["证书等级"].value)
        hours = (draft.values["督导学时"], draft.values["实践学时"])
        if first.setdefault(key, hours) != hours:
            draft.refuse(
                "证书等级", "hours_twice", "同一考生同一等级出现两次而学时不同，请只保留正确的一行。"
            )
        elif known.hours.get(key) == hours or key in work.writes:
            verdict.unchanged += 1
        else:
            verdict.taken += 1
            work.writes[key] = hours
            if key in known.hours:
                work.was[key] = known.hours[key]
    return verdict


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    table = [(*key, *hours) for key, hours in work.writes.items()]
    columns: list[list[Any]] = [list(column) for column in zip(*table, strict=True)]
    await write(
        "INSERT INTO practice_record (candidate_id, level, supervision_hours, practice_hours, updated_at)"
        " SELECT t.*, $5 FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::numeric[]) AS t"
        " ON CONFLICT (candidate_id, level) DO UPDATE SET supervision_hours = excluded.supervision_hours,"
        " practice_hours = excluded.practice_hours, updated_at = excluded.updated_at",
        *columns,
        s.clock.now(),
    )
    await s.faults.reach("imports.hours_written")
    trail = [
        (candidate, _said(level, was), _said(level, work.writes[candidate, level]))
        for (candidate, level), was in work.was.items()
    ]
    await audit.record_many(s.clock, actor, "practice.change", "candidate", trail)


def _said(level: str, hours: Hours) -> dict[str, str]:
    return {"level": level, "supervision_hours": str(hours[0]), "practice_hours": str(hours[1])}
