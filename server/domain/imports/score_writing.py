"""Writing a judged score sheet: plans, subjects, sites, registrations, scores, and the outcome of all they touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.exams.results import Result, ensure_kind, outcome_of, site_name
from server.domain.imports.score_records import MARKS, Entry, Mark, Records, Registered, Seat
from server.domain.levels import Level
from server.domain.ports import Clock, Services
from server.models.database import rows, write

Slot = tuple[int, str]  # plan id, level value


@dataclass(slots=True)
class Work:
    """What a judgement decided to write."""

    records: Records
    entries: list[Entry] = field(default_factory=list)
    registrations: dict[str, Registered] = field(default_factory=dict)
    seats: dict[Seat, date] = field(default_factory=dict)
    subjects: dict[tuple[str, Level], set[str]] = field(default_factory=dict)


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    """Write everything, inside the import's transaction."""
    kinds = {}
    for certificate in sorted({seat.certificate for seat in work.seats}):
        kind = await ensure_kind(certificate)
        assert kind is not None  # judged before
        kinds[certificate] = kind.id
    plans = await _plans(s.clock, work, kinds)
    grown = await _subjects(work, plans)
    sites = await _sites(s.clock, work, kinds)
    await s.faults.reach("imports.places_written")
    ids = await _registrations(s.clock, work, plans, sites)
    await s.faults.reach("imports.registrations_written")
    await _scores(s.clock, work, ids)
    await s.faults.reach("imports.scores_written")
    touched = {ids[entry.number] for entry in work.entries if entry.number not in work.registrations}
    outcomes = await _outcomes(touched, grown)
    await s.faults.reach("imports.outcomes_written")
    await audit_log.record_many(
        s.clock, actor, "score.change", "registration", _trail(work.entries, ids, outcomes)
    )


async def _plans(clock: Clock, work: Work, kinds: dict[str, int]) -> dict[str, int]:
    new = {seat.plan: (seat, day) for seat, day in work.seats.items() if seat.plan not in work.records.plans}
    for seat, day in new.values():
        await write(
            "INSERT INTO plan (name, kind_id, exam_date, requires_practice, created_at)"
            " VALUES ($1, $2, $3, false, $4) ON CONFLICT (name) DO NOTHING",
            seat.plan,
            kinds[seat.certificate],
            day,
            clock.now(),
        )
    names = list({seat.plan for seat in work.seats})
    plans = await rows("SELECT id, name FROM plan WHERE name = ANY($1::text[])", names)
    return {row["name"]: row["id"] for row in plans}


async def _subjects(work: Work, plans: dict[str, int]) -> set[Slot]:
    """Add new subjects (S25); the plans and levels that had others, where every outcome must be judged again."""
    grown = set()
    for (plan, level), subjects in work.subjects.items():
        had = work.records.subjects.get((plan, level), set())
        for subject in sorted(subjects - had):
            if had:
                grown.add((plans[plan], level.value))
            await write(
                "INSERT INTO plan_slot (plan_id, level, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                plans[plan],
                level.value,
                subject,
            )
    return grown


async def _sites(clock: Clock, work: Work, kinds: dict[str, int]) -> dict[tuple[str, str, str], int]:
    """School, certificate, level → site; missing ones are made with the name of S52."""
    places = {(seat.school, seat.certificate, seat.level) for seat in work.seats}
    schools = await rows("SELECT id, name FROM school WHERE name = ANY($1::text[])", [w[0] for w in places])
    school_ids = {row["name"]: row["id"] for row in schools}
    sites = {}
    for school, certificate, level in sorted(places, key=lambda w: (w[0], w[1], w[2].value)):
        key = (school_ids[school], kinds[certificate], level.value)
        await write(
            "INSERT INTO site (school_id, kind_id, level, name, is_open, created_at)"
            " VALUES ($1, $2, $3, $4, true, $5) ON CONFLICT (school_id, kind_id, level) DO NOTHING",
            *key,
            site_name(school, certificate, level),
            clock.now(),
        )
        ids = await rows("SELECT id FROM site WHERE school_id = $1 AND kind_id = $2 AND level = $3", *key)
        sites[school, certificate, level.value] = ids[0]["id"]
    return sites


async def _registrations(
    clock: Clock, work: Work, plans: dict[str, int], sites: dict[tuple[str, str, str], int]
) -> dict[str, int]:
    """Admission number → registration, for every entry."""
    ids = {number: registered.id for number, registered in work.records.registrations.items()}
    outcomes = _first_outcomes(work)
    table = [
        (
            r.candidate_id,
            plans[r.seat.plan],
            sites[r.seat.school, r.seat.certificate, r.seat.level.value],
            r.number,
            outcomes[r.number].value,
        )
        for r in work.registrations.values()
    ]
    if table:
        inserted = await rows(
            "INSERT INTO registration (candidate_id, plan_id, site_id, admission_number, outcome, created_at)"
            " SELECT t.*, $6 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS t"
            " RETURNING id, admission_number",
            *_columns(table),
            clock.now(),
        )
        ids.update({row["admission_number"]: row["id"] for row in inserted})
    return ids


def _first_outcomes(work: Work) -> dict[str, Result]:
    """The outcomes of registrations still to be made, by admission number."""
    marks: dict[str, dict[str, Mark]] = {}
    for entry in work.entries:
        marks.setdefault(entry.number, {})[entry.subject] = entry.mark
    subjects = {slot: work.records.subjects.get(slot, set()) | new for slot, new in work.subjects.items()}
    return {
        number: outcome_of(marks[number], subjects[registered.seat.plan, registered.seat.level])
        for number, registered in work.registrations.items()
    }


async def _scores(clock: Clock, work: Work, ids: dict[str, int]) -> None:
    table = [(ids[entry.number], entry.subject, *entry.mark) for entry in work.entries]
    await write(
        "INSERT INTO score (registration_id, subject, status, score, updated_at)"
        " SELECT t.*, $5 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::numeric[]) AS t"
        " ON CONFLICT (registration_id, subject)"
        " DO UPDATE SET status = excluded.status, score = excluded.score, updated_at = excluded.updated_at",
        *_columns(table),
        clock.now(),
    )


async def _outcomes(touched: set[int], grown: set[Slot]) -> dict[int, tuple[str, str]]:
    """Judge again every older registration touched, or whose level got a subject more: id → (was, became)."""
    registrations = await rows(
        _TO_JUDGE, list(touched), [plan for plan, _ in grown], [level for _, level in grown]
    )
    marks: dict[int, dict[str, Mark]] = {}
    for row in await rows(MARKS, [row["id"] for row in registrations]):
        marks.setdefault(row["registration_id"], {})[row["subject"]] = (row["status"], row["score"])
    subjects: dict[Slot, set[str]] = {}
    for row in await rows(
        "SELECT plan_id, level, subject FROM plan_slot WHERE plan_id = ANY($1::bigint[])",
        list({row["plan_id"] for row in registrations}),
    ):
        subjects.setdefault((row["plan_id"], row["level"]), set()).add(row["subject"])
    judged = {}
    for row in registrations:
        result: Result = outcome_of(
            marks.get(row["id"], {}), subjects.get((row["plan_id"], row["level"]), set())
        )
        judged[row["id"]] = (row["outcome"], result.value)
    moved = [(registration, became) for registration, (was, became) in judged.items() if was != became]
    if moved:
        await write(
            "UPDATE registration SET outcome = t.outcome"
            " FROM unnest($1::bigint[], $2::text[]) AS t (id, outcome) WHERE registration.id = t.id",
            *_columns(moved),
        )
    return judged


_TO_JUDGE = """
SELECT r.id, r.plan_id, t.level, r.outcome FROM unnest($1::bigint[]) AS touched
JOIN registration r ON r.id = touched JOIN site t ON t.id = r.site_id
UNION
SELECT r.id, r.plan_id, t.level, r.outcome FROM unnest($2::bigint[], $3::text[]) AS grown (plan_id, level)
JOIN registration r ON r.plan_id = grown.plan_id JOIN site t ON t.id = r.site_id AND t.level = grown.level
"""


def _columns(table: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*table, strict=True)]


def _trail(
    entries: list[Entry], ids: dict[str, int], outcomes: dict[int, tuple[str, str]]
) -> Iterable[tuple[int, dict[str, str | None], dict[str, str | None]]]:
    """One audit entry for each mark that changed; a first mark is counted with its import."""
    for entry in entries:
        if entry.was is not None:
            was, became = outcomes[ids[entry.number]]
            yield (
                ids[entry.number],
                {**_as_audited(entry.subject, entry.was), "outcome": was},
                {**_as_audited(entry.subject, entry.mark), "outcome": became},
            )


def _as_audited(subject: str, mark: Mark) -> dict[str, str | None]:
    score: Decimal | None = mark[1]
    return {"subject": subject, "status": mark[0], "score": None if score is None else str(score)}
