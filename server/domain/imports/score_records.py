"""What the records say about the plans, sites, registrations and scores of a score sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from server.domain import beijing
from server.domain.exams.results import KINDS
from server.domain.imports import on_record
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Draft
from server.domain.levels import Level
from server.domain.ports import Clock, Keys
from server.models.database import rows

Mark = tuple[str, Decimal | None]  # status, score


class Seat(NamedTuple):
    """Where somebody is examined: a plan at a site (school × certificate × level)."""

    plan: str
    certificate: str
    level: Level
    school: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration; id 0 is one still to be made."""

    id: int
    candidate_id: int
    seat: Seat
    number: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject's mark in the file, and what stood on record."""

    number: str
    subject: str
    mark: Mark
    was: Mark | None


_WITHDRAW = "该批证书已送院校签发，不能直接改动。请先在“签发批次”里撤回这一批，再导入。"
_SIGNED = "该批证书院校已签发，不能再改动。确有错误的，请凭正式函件在“更正”页提出。"
_SUBJECT = "这个等级已有证书进入签发，不能再增加科目。请核对科目名称；确需增加的，请先撤回有关批次。"
_RELEASED = "这个考试计划的成绩已经公布，不能用导入改动。确有错误的，请在“成绩变更”里提出，由另一位同事批准。"
_RELEASED_NEW = (
    "这个考试计划的成绩已经公布，不能再导入新的考生。请核对考试计划名称；确需补录的，请用新的考试计划导入。"
)
ON_ITS_WAY = {"site_pending": ("batch_at_school", _WITHDRAW)} | dict.fromkeys(
    ("school_signed", "generating", "issued"), ("batch_signed", _SIGNED)
)


@dataclass(slots=True)
class Records:
    """Everything that a judgement needs, read once."""

    people: dict[str, OnRecord]
    kinds: set[str]
    schools: set[str]
    plans: dict[str, tuple[date, str]]  # name → date, certificate
    today: date  # in Beijing
    released: set[str] = field(default_factory=set)  # plans whose results are out
    every_plan: set[str] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)
    since: dict[str, date] = field(default_factory=dict)  # certificate → its first standard in force (S7)
    registrations: dict[str, Registered] = field(default_factory=dict)  # by admission number
    admissions: dict[tuple[Seat, int], str] = field(default_factory=dict)
    marks: dict[int, dict[str, Mark]] = field(default_factory=dict)  # registration → subject → mark
    subjects: dict[tuple[str, Level], set[str]] = field(default_factory=dict)  # plan, level
    batches: dict[Seat, str] = field(default_factory=dict)  # the issuance's state

    def closed(self, seat: Seat, subject: str, *, is_registered: bool) -> tuple[str, str, str] | None:
        """Why nothing may change at this seat any more: (column, code, advice), or None.

        A batch stays open while it is with the organisation: not yet sent, or sent back by the school. A result that
        is out changes only by the act of two people (`domain.score_changes`), never by an upload.
        """
        if (why := ON_ITS_WAY.get(self.batches.get(seat, ""))) is not None:
            return "成绩", *why
        if seat.plan in self.released:
            return "成绩", "plan_released", _RELEASED if is_registered else _RELEASED_NEW
        had = self.subjects.get((seat.plan, seat.level), {subject})
        if subject not in had and any(
            other.plan == seat.plan and other.level == seat.level and state not in ("prepared", "returned")
            for other, state in self.batches.items()
        ):
            return "考试科目", "subject_late", _SUBJECT
        return None


async def load(clock: Clock, keys: Keys, drafts: list[Draft]) -> Records:
    """Read what a score sheet touches, in a handful of statements whatever its size."""
    now = clock.now()
    plans = await rows(_PLANS, list({plan for draft in drafts if (plan := draft.get("考试计划"))}))
    kinds = await rows(_SINCE)
    records = Records(
        await on_record.people(keys, drafts),
        {row["name"] for row in kinds} | KINDS.keys(),
        set(await on_record.schools()),
        {row["name"]: (row["exam_date"], row["certificate"]) for row in plans},
        today=beijing.day(now),
        released={row["name"] for row in plans if row["release_at"] is not None and row["release_at"] <= now},
        every_plan={row["name"] for row in await rows("SELECT name FROM plan")},
        sites={row["name"] for row in await rows("SELECT name FROM site")},
        since={name: min(day for _, day in standards) for name, (_, standards) in KINDS.items()}
        | {row["name"]: row["since"] for row in kinds if row["since"] is not None},
    )
    numbers = list({number for draft in drafts if (number := draft.get("准考证号"))})
    people = [person.id for person in records.people.values()]
    plan_ids = [row["id"] for row in plans]
    await _load_registrations(records, numbers, people, plan_ids)
    for row in await rows(_SLOTS, plan_ids):
        records.subjects.setdefault((row["plan"], Level(row["level"])), set()).add(row["subject"])
    for row in await rows(_BATCHES, plan_ids):
        records.batches[_seat(row)] = row["state"]
    return records


async def _load_registrations(
    records: Records, numbers: list[str], people: list[int], plans: list[int]
) -> None:
    for row in await rows(_REGISTRATIONS, numbers, people, plans):
        registered = Registered(row["id"], row["candidate_id"], _seat(row), row["admission_number"])
        records.registrations[registered.number] = registered
        records.admissions[registered.seat, registered.candidate_id] = registered.number
    ids = [registered.id for registered in records.registrations.values()]
    for row in await rows(MARKS, ids):
        records.marks.setdefault(row["registration_id"], {})[row["subject"]] = (row["status"], row["score"])


def _seat(row: Mapping[str, Any]) -> Seat:
    return Seat(row["plan"], row["certificate"], Level(row["level"]), row["school"])


# shared: no plan is released while its scores are being written
_PLANS = (
    "SELECT p.id, p.name, p.exam_date, p.release_at, k.name AS certificate FROM plan p"
    " JOIN certificate_kind k ON k.id = p.kind_id WHERE p.name = ANY($1::text[]) ORDER BY p.id FOR SHARE OF p"
)
_SINCE = (
    "SELECT k.name, min(v.effective_on) AS since FROM certificate_kind k"
    " LEFT JOIN standard_version v ON v.kind_id = k.id GROUP BY k.name"
)
_PLACE = """
 JOIN plan p ON p.id = x.plan_id JOIN site t ON t.id = x.site_id
 JOIN certificate_kind k ON k.id = t.kind_id JOIN school c ON c.id = t.school_id
"""
_SEAT = "p.name AS plan, k.name AS certificate, t.level, c.name AS school"
# joined with unnest, so that large lists go through the indexes whatever the planner has learnt of the tables
_REGISTRATIONS = f"""
WITH x AS (
    SELECT r.* FROM unnest($1::text[]) AS number JOIN registration r ON r.admission_number = number
    UNION
    SELECT r.* FROM unnest($2::bigint[]) AS person JOIN registration r ON r.candidate_id = person
    WHERE r.plan_id = ANY($3::bigint[])
)
SELECT x.id, x.candidate_id, x.admission_number, {_SEAT} FROM x {_PLACE}
"""  # noqa: S608 -- constants
MARKS = """
SELECT m.registration_id, m.subject, m.status, m.score FROM unnest($1::bigint[]) AS wanted
JOIN score m ON m.registration_id = wanted
"""
# shared: no batch is sent on, and so no list is signed, while its scores are being written
_BATCHES = f"SELECT x.state, {_SEAT} FROM issuance x {_PLACE} WHERE x.plan_id = ANY($1::bigint[]) AND x.corrects_id IS NULL FOR SHARE OF x"  # noqa: S608 -- constants
_SLOTS = (
    "SELECT p.name AS plan, x.level, x.subject FROM plan_slot x JOIN plan p ON p.id = x.plan_id"
    " WHERE x.plan_id = ANY($1::bigint[])"
)
