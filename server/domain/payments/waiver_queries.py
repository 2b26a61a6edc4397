"""What finance and auditors see of waivers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.payments.fee_subjects import COLUMNS, JOINS, FeeSubject, schools_named, with_subject
from server.domain.payments.waiver_states import WaiverState
from server.domain.roles import Verb
from server.models import FeeWaiver

_LIST = SqlList(
    f"""
SELECT w.id, w.fee_id, f.amount_fen, {COLUMNS}, h.name AS school, w.reason, w.state, w.asked_by,
       w.asked_by_name, w.asked_at, w.decided_by_name, w.decided_at
FROM fee_waiver w
JOIN fee f ON f.id = w.fee_id
{JOINS}
LEFT JOIN school h ON h.id = f.school_id
WHERE ($1::text IS NULL OR w.state = $1) AND ($2::bigint IS NULL OR r.plan_id = $2)
  AND ($3::bigint[] IS NULL OR f.school_id = ANY($3))
""",  # noqa: S608 -- constants
    {"amount_fen": "bigint"},
)
SORTS = {
    "-id": "新提出的在前",
    "id": "早提出的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}


@dataclass(frozen=True, slots=True)
class WaiverView:
    """One waiver and the fee it is about."""

    id: int
    fee_id: int
    amount_fen: int
    subject: FeeSubject
    school: str | None
    reason: str
    state: WaiverState
    asked_by: int
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str
    decided_at: datetime | None


async def waivers_page(
    *,
    actor: Actor,
    state: str | None = None,
    plan_id: int | None = None,
    school: str | None = None,
    turn: Turn = NEWEST,
) -> Page[WaiverView]:
    """Waivers in any order of `SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.

    Args:
        school: a part of the name of the school that would pay.
    """
    roles.require(actor, Verb.SEE_WAIVERS)
    found = await _LIST.page([state, plan_id, await schools_named(school)], turn)
    return found.map(lambda row: WaiverView(**{**with_subject(row), "state": WaiverState(row["state"])}))


async def waivers_count(
    *, actor: Actor, state: str | None = None, plan_id: int | None = None, school: str | None = None
) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_WAIVERS)
    return await _LIST.count([state, plan_id, await schools_named(school)])


async def asked_among(fee_ids: Collection[int], *, actor: Actor) -> set[int]:
    """Which of these fees somebody has asked to waive, and nobody has decided. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_WAIVERS)
    asked = FeeWaiver.filter(fee_id__in=list(fee_ids), state=WaiverState.ASKED.value)
    return {one.fee_id for one in await asked}
