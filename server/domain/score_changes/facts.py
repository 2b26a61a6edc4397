"""What the records say about one registration and its scores, and why a released score may not be changed now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from server.domain.actor import Actor
from server.domain.exams.results import Result, outcome_of
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.score_changes.states import Standing
from server.errors import NotFound, Refused
from server.models import ScoreChange
from server.models.database import rows

Mark = tuple[str, Decimal | None]  # status, score

_REGISTRATION = """
SELECT r.id, r.candidate_id, r.outcome, r.admission_number, r.plan_id, r.site_id, p.name AS plan, p.exam_date,
       p.release_at, t.level, c.name
FROM registration r JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id
JOIN candidate c ON c.id = r.candidate_id
WHERE ($1::bigint IS NULL OR r.id = $1) AND ($2::text IS NULL OR r.admission_number = $2)
FOR UPDATE OF r
"""
# shared: no batch is sent on, and so no list is signed, while a score of it is being changed
_BATCHES = """
SELECT i.state, EXISTS (SELECT 1 FROM certificate x
    WHERE x.issuance_id = i.id AND x.registration_id = $3 AND x.state <> 'void') AS holds
FROM issuance i WHERE i.plan_id = $1 AND i.site_id = $2 FOR SHARE OF i
"""


_SIGNED = (BatchState.SCHOOL_SIGNED.value, BatchState.GENERATING.value, BatchState.ISSUED.value)


@dataclass(frozen=True, slots=True)
class Facts:
    """One registration as it stands, locked until the caller's transaction ends."""

    id: int
    candidate_id: int
    name: str
    admission_number: str
    plan: str
    exam_date: date
    level: Level
    outcome: Result
    release_at: datetime | None
    subjects: frozenset[str]
    marks: dict[str, Mark]
    at_school: bool
    is_signed: bool

    def became(self, subject: str, mark: Mark) -> Result:
        """The outcome with this mark in place of the present one."""
        return outcome_of(self.marks | {subject: mark}, self.subjects)


async def facts_of(*, registration_id: int | None = None, admission_number: str | None = None) -> Facts:
    """Raises NotFound: registration_unknown."""
    found = await rows(_REGISTRATION, registration_id, admission_number)
    if not found:
        raise NotFound("registration_unknown", "没有这个准考证号，请核对后再提出。")
    row = found[0]
    marks = await rows("SELECT subject, status, score FROM score WHERE registration_id = $1", row["id"])
    slots = await rows(
        "SELECT subject FROM plan_slot WHERE plan_id = $1 AND level = $2", row["plan_id"], row["level"]
    )
    batches = await rows(_BATCHES, row["plan_id"], row["site_id"], row["id"])
    return Facts(
        row["id"],
        row["candidate_id"],
        row["name"],
        row["admission_number"],
        row["plan"],
        row["exam_date"],
        Level(row["level"]),
        Result(row["outcome"]),
        row["release_at"],
        frozenset(slot["subject"] for slot in slots),
        {mark["subject"]: (mark["status"], mark["score"]) for mark in marks},
        at_school=any(batch["state"] == BatchState.SITE_PENDING.value for batch in batches),
        is_signed=any(batch["holds"] and batch["state"] in _SIGNED for batch in batches),
    )


def standing(
    facts: Facts | None, now: datetime, *, change: ScoreChange | None = None, actor: Actor | None = None
) -> Standing:
    """What the guards of a change's life look at.

    Args:
        facts: None where the step does not touch the score.
        change: None while it is only asked for.
    """
    people = Standing()
    if change is not None and actor is not None:
        is_asker = change.requested_by == actor.id
        people = Standing(is_asker=is_asker, is_another=not is_asker)
    if facts is None:
        return people
    return replace(
        people,
        results_released=facts.release_at is not None and facts.release_at <= now,
        is_signed=facts.is_signed,
        is_at_school=facts.at_school,
        is_unmoved=change is not None
        and facts.marks.get(change.subject, ("", None)) == (change.was_status, change.was_score),
    )


def refuse_mark(facts: Facts, subject: str, mark: Mark) -> None:
    """Raises Refused: subject_unknown, score_same."""
    if subject not in facts.subjects:
        known = "、".join(sorted(facts.subjects))
        raise Refused("subject_unknown", f"这个考试计划的这个等级没有科目“{subject}”，只有：{known}。")
    if facts.marks.get(subject) == mark:
        raise Refused("score_same", "新的成绩与现在的成绩相同，不需要变更。")
