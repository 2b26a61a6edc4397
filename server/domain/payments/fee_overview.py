"""Fees as a whole: of which plans there are any, and how many and how much in each state."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.payments.fee_states import FeeState
from server.domain.people.school_scope import school_of
from server.domain.roles import Verb
from server.models.database import rows

_PLANS = """
SELECT p.id, p.name FROM plan p WHERE EXISTS (
    SELECT 1 FROM fee f JOIN registration r ON r.id = f.registration_id
    WHERE r.plan_id = p.id AND ($1::bigint IS NULL OR f.school_id = $1)
) ORDER BY p.exam_date DESC, p.id DESC LIMIT 200
"""
_TOTALS = """
SELECT f.state, count(*)::int AS fees, sum(f.amount_fen)::bigint AS fen FROM fee f
WHERE ($1::bigint IS NULL OR f.school_id = $1)
  AND ($2::bigint IS NULL OR EXISTS (SELECT 1 FROM registration r WHERE r.id = f.registration_id AND r.plan_id = $2))
  AND ($3::text IS NULL OR f.school_id IN (SELECT h.id FROM school h WHERE strpos(h.name, $3) > 0))
GROUP BY f.state
"""


@dataclass(frozen=True, slots=True)
class PlanChoice:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FeeTotal:
    """How many fees are in a state, and what they come to."""

    state: FeeState
    fees: int
    fen: int


async def plans_with_fees(*, actor: Actor) -> list[PlanChoice]:
    """Plans in which somebody owes or has paid, newest exam first; a school's account: of its own candidates.

    Raises Forbidden: role_not_allowed.
    """
    roles.require(actor, Verb.SEE_MONEY)
    return [PlanChoice(**row) for row in await rows(_PLANS, school_of(actor))]


async def totals(*, actor: Actor, plan_id: int | None = None, school: str | None = None) -> list[FeeTotal]:
    """Every state in its order, also those without a fee. Takes and raises as `queries.fees_page`."""
    roles.require(actor, Verb.SEE_MONEY)
    found = {row["state"]: row for row in await rows(_TOTALS, school_of(actor), plan_id, school)}
    none = {"fees": 0, "fen": 0}
    return [
        FeeTotal(state, int(one["fees"]), int(one["fen"]))
        for state in FeeState
        for one in (found.get(state.value, none),)
    ]
