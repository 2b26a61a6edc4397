"""The SQL of score changes: what staff see of them, what a registration's score rests on, and the score itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.exams.results import Result, outcome_of
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.people import candidates
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.ports import Keys
from server.domain.roles import Verb
from server.domain.score_changes.facts import Facts, Mark
from server.domain.score_changes.states import ScoreChangeState
from server.errors import NotFound
from server.models import ScoreChange
from server.models.database import rows

_LISTED = SqlList("""
SELECT x.*, r.admission_number, r.outcome, c.name, c.id_sealed, p.name AS plan, t.level, h.name AS school,
       ARRAY(SELECT l.subject FROM plan_slot l WHERE l.plan_id = r.plan_id AND l.level = t.level) AS subjects,
       ARRAY(SELECT (m.subject, m.status, m.score) FROM score m WHERE m.registration_id = r.id) AS marks
FROM score_change x JOIN registration r ON r.id = x.registration_id JOIN candidate c ON c.id = r.candidate_id
JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id JOIN school h ON h.id = t.school_id
WHERE ($1::text IS NULL OR x.state = $1) AND ($2::bigint IS NULL OR x.id = $2)
""")
SORTS = {"-id": "新提出的在前", "id": "早提出的在前"}


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
    keys: Keys,
    *,
    state: str | None = None,
    change_id: int | None = None,
    turn: Turn = NEWEST,
    actor: Actor,
) -> Page[ScoreChangeView]:
    """In any order of `SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.SEE_IMPORTS)
    found = await _LISTED.page([state, change_id], turn)
    return found.map(lambda row: _view(keys, row, actor))


async def count(*, state: str | None = None, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_IMPORTS)
    return await _LISTED.count([state, None])


def _view(keys: Keys, row: dict[str, Any], actor: Actor) -> ScoreChangeView:
    state = ScoreChangeState(row["state"])
    open_ = state is ScoreChangeState.REQUESTED
    mine = row["requested_by"] == actor.id
    return ScoreChangeView(
        id=row["id"],
        state=state,
        name=row["name"],
        id_masked=mask_id(keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
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


async def waiting() -> int:
    """How many changes wait for a decision."""
    [row] = await rows("SELECT count(*) AS n FROM score_change WHERE state = 'requested'")
    return int(row["n"])


_REGISTRATION = """
SELECT r.id, r.candidate_id, r.outcome, r.admission_number, r.plan_id, r.site_id, p.name AS plan, p.exam_date,
       p.release_at, t.level, c.name, c.erased_at
FROM registration r JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id
JOIN candidate c ON c.id = r.candidate_id
WHERE ($1::bigint IS NULL OR r.id = $1) AND ($2::text IS NULL OR r.admission_number = $2)
FOR SHARE OF c FOR UPDATE OF r
"""
# shared: no batch is sent on, and so no list is signed, while a score of it is being changed
_BATCHES = """
SELECT i.state, EXISTS (SELECT 1 FROM certificate x
    WHERE x.issuance_id = i.id AND x.registration_id = $3 AND x.state <> 'void') AS holds
FROM issuance i LEFT JOIN certificate old ON old.id = i.corrects_id
WHERE i.plan_id = $1 AND i.site_id = $2 AND (i.corrects_id IS NULL OR old.registration_id = $3) FOR SHARE OF i
"""


_SIGNED = (BatchState.SCHOOL_SIGNED.value, BatchState.GENERATING.value, BatchState.ISSUED.value)


async def facts_of(*, registration_id: int | None = None, admission_number: str | None = None) -> Facts:
    """Holds the candidate and the registration. Raises NotFound: registration_unknown · Conflict: candidate_erased."""
    registrations = await rows(_REGISTRATION, registration_id, admission_number)
    if not registrations:
        raise NotFound("registration_unknown", "没有这个准考证号，请核对后再提出。")
    row = registrations[0]
    if row["erased_at"] is not None:
        raise candidates.erased()
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


async def write_score(registration_id: int, change: ScoreChange, outcome: Result, now: datetime) -> None:
    """The new mark in place of the old one, and what all subjects come to with it."""
    await rows(
        "INSERT INTO score (registration_id, subject, status, score, updated_at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (registration_id, subject)"
        " DO UPDATE SET status = excluded.status, score = excluded.score, updated_at = excluded.updated_at",
        registration_id,
        change.subject,
        change.status,
        change.score,
        now,
    )
    await rows("UPDATE registration SET outcome = $2 WHERE id = $1", registration_id, outcome.value)
