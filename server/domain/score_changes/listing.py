"""Score changes as staff see them: whose, what from what to what, what it does to the result, who asked and decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.exams.results import Result, outcome_of
from server.domain.levels import Level
from server.domain.paging import Page
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.ports import Services
from server.domain.roles import Verb
from server.domain.score_changes import queries
from server.domain.score_changes.states import ScoreChangeState

Mark = tuple[str, Decimal | None]  # status, score


@dataclass(frozen=True, slots=True)
class ScoreChangeView:
    """One change. `outcome_becomes`: the result that it would lead to, as long as nobody has decided."""

    id: int
    state: ScoreChangeState
    name: str
    id_masked: str
    admission_number: str
    plan: str
    level: Level
    school: str
    subject: str
    was: Mark | None
    becomes: Mark
    outcome: Result
    outcome_becomes: Result | None
    reason: str
    requested_by: str
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    may_decide: bool
    may_withdraw: bool


async def listing(
    s: Services,
    *,
    cursor: int | None = None,
    limit: int = 50,
    state: str | None = None,
    change_id: int | None = None,
    actor: Actor,
) -> Page[ScoreChangeView]:
    """Newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_IMPORTS)
    found = await queries.listed(cursor, state, change_id, limit + 1)
    items = [_view(s, row, actor) for row in found[:limit]]
    return Page(items, str(items[-1].id) if len(found) > limit else None)


def _view(s: Services, row: dict[str, Any], actor: Actor) -> ScoreChangeView:
    state = ScoreChangeState(row["state"])
    open_ = state is ScoreChangeState.REQUESTED
    mine = row["requested_by"] == actor.id
    return ScoreChangeView(
        id=row["id"],
        state=state,
        name=row["name"],
        id_masked=mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        admission_number=row["admission_number"],
        plan=row["plan"],
        level=Level(row["level"]),
        school=row["school"],
        subject=row["subject"],
        was=(row["was_status"], row["was_score"]) if row["was_status"] else None,
        becomes=(row["status"], row["score"]),
        outcome=Result(row["outcome"]),
        outcome_becomes=_outcome(row) if open_ else None,
        reason=row["reason"],
        requested_by=row["requested_by_name"],
        requested_at=row["requested_at"],
        decided_by=row["decided_by_name"],
        decided_at=row["decided_at"],
        note=row["decision_note"],
        may_decide=open_ and not mine and roles.may(actor, Verb.APPROVE_SCORES),
        may_withdraw=open_ and mine and roles.may(actor, Verb.IMPORT),
    )


def _outcome(row: dict[str, Any]) -> Result:
    """The result with the new mark in place of the present one."""
    marks: dict[str, Mark] = {subject: (status, score) for subject, status, score in row["marks"]}
    return outcome_of(marks | {row["subject"]: (row["status"], row["score"])}, row["subjects"])
