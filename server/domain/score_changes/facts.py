"""What the records say about one registration and its scores, and why a released score may not be changed now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from server.domain.actor import Actor
from server.domain.exams.results import Result, outcome_of
from server.domain.levels import Level
from server.domain.people import same_person
from server.domain.score_changes.states import Standing
from server.errors import Refused
from server.models import ScoreChange

Mark = tuple[str, Decimal | None]  # status, score


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


async def standing(
    facts: Facts | None,
    now: datetime,
    *,
    change: ScoreChange | None = None,
    actor: Actor | None = None,
    is_of_case: bool = False,
    in_case: bool = False,
) -> Standing:
    """What the guards of a change's life look at.

    Args:
        facts: None where the step does not touch the score.
        change: None while it is only asked for.
        is_of_case: it belongs to a correction; in_case: and is decided with it.
    """
    people = Standing(has_letter=in_case, is_in_place=is_of_case == in_case)
    if change is not None and actor is not None:
        people = replace(
            people,
            is_asker=change.requested_by == actor.id,
            is_another=await same_person.is_another(actor, change.requested_by),
        )
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
        subjects = "、".join(sorted(facts.subjects))
        raise Refused("subject_unknown", f"这个考试计划的这个等级没有科目“{subject}”，只有：{subjects}。")
    if facts.marks.get(subject) == mark:
        raise Refused("score_same", "新的成绩与现在的成绩相同，不需要变更。")
