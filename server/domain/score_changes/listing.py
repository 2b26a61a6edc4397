"""Score changes as staff see them: whose, what from what to what, what it does to the result, who asked and decided."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.exams.results import Result, outcome_of, say
from server.domain.levels import Level
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.ports import Services
from server.domain.roles import Verb
from server.domain.score_changes.states import ScoreChangeState
from server.models.database import rows

_LISTED = """
SELECT x.*, r.admission_number, r.outcome, c.name, c.id_sealed, p.name AS plan, t.level, h.name AS school,
       ARRAY(SELECT l.subject FROM plan_slot l WHERE l.plan_id = r.plan_id AND l.level = t.level) AS subjects,
       ARRAY(SELECT m.subject || E'\\t' || m.status || E'\\t' || coalesce(m.score::text, '')
             FROM score m WHERE m.registration_id = r.id) AS marks
FROM score_change x JOIN registration r ON r.id = x.registration_id JOIN candidate c ON c.id = r.candidate_id
JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id JOIN school h ON h.id = t.school_id
WHERE ($1::bigint IS NULL OR x.id < $1) AND ($2::text IS NULL OR x.state = $2) AND ($3::bigint IS NULL OR x.id = $3)
ORDER BY x.id DESC LIMIT $4
"""


async def listing(
    s: Services,
    *,
    cursor: int | None = None,
    limit: int = 50,
    state: str | None = None,
    change_id: int | None = None,
    actor: Actor,
) -> dict[str, Any]:
    """Newest first: `{items, next_cursor}`. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_IMPORTS)
    found = await rows(_LISTED, cursor, state, change_id, limit + 1)
    items = [_view(s, row, actor) for row in found[:limit]]
    return {"items": items, "next_cursor": found[limit - 1]["id"] if len(found) > limit else None}


async def waiting() -> int:
    """How many changes wait for a decision."""
    [row] = await rows("SELECT count(*) AS n FROM score_change WHERE state = 'requested'")
    return int(row["n"])


def _view(s: Services, row: dict[str, Any], actor: Actor) -> dict[str, Any]:
    state = ScoreChangeState(row["state"])
    open_ = state is ScoreChangeState.REQUESTED
    mine = row["requested_by"] == actor.id
    return {
        "id": row["id"],
        "state": state.value,
        "state_label": state.label,
        "name": row["name"],
        "id_masked": mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        "admission_number": row["admission_number"],
        "plan": row["plan"],
        "level": row["level"],
        "level_label": Level(row["level"]).label,
        "school": row["school"],
        "subject": row["subject"],
        "was": say((row["was_status"], row["was_score"]) if row["was_status"] else None),
        "becomes": say((row["status"], row["score"])),
        "outcome": Result(row["outcome"]).label,
        "outcome_becomes": _outcome(row).label if open_ else None,
        "reason": row["reason"],
        "requested_by": row["requested_by_name"],
        "requested_at": beijing.local(row["requested_at"]),
        "decided_by": row["decided_by_name"],
        "decided_at": beijing.local(row["decided_at"]) if row["decided_at"] else None,
        "note": row["decision_note"],
        "may_decide": open_ and not mine and roles.may(actor, Verb.APPROVE_SCORES),
        "may_withdraw": open_ and mine and roles.may(actor, Verb.IMPORT),
    }


def _outcome(row: dict[str, Any]) -> Result:
    """The result with the new mark in place of the present one."""
    marks: dict[str, tuple[str, Decimal | None]] = {}
    for line in row["marks"]:
        subject, status, score = line.rsplit("\t", 2)
        marks[subject] = (status, Decimal(score) if score else None)
    return outcome_of(marks | {row["subject"]: (row["status"], row["score"])}, row["subjects"])
