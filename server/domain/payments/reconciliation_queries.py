"""What finance sees of a day's reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.paging import Page
from server.domain.payments.reconciliation_states import ReconciliationState
from server.domain.payments.reconciliation_transitions import unknown
from server.domain.roles import Verb
from server.models.database import rows

_DAY = """
SELECT d.id, d.day, d.state, d.payments, d.payments_fen, d.refunds, d.refunds_fen, d.charges_fen, d.flows,
       d.flows_in_fen, d.flows_out_fen, d.start_fen, d.end_fen, d.books_end_fen, d.compared_at,
       d.next_try_at, d.trouble, d.closed_at, d.closed_by_name,
       (SELECT count(*) FROM reconciliation_difference x WHERE x.day_id = d.id) AS differences,
       (SELECT count(*) FROM reconciliation_difference x WHERE x.day_id = d.id AND x.settled_at IS NULL) AS unsettled
FROM reconciliation_day d
"""
_ONE_DAY = f"{_DAY}WHERE d.day = $1"
_DAYS = f"{_DAY}WHERE ($1::date IS NULL OR d.day < $1) AND ($2::text IS NULL OR d.state = $2) ORDER BY d.day DESC LIMIT $3"
_DIFFERENCES = """
SELECT id, kind, what, number, wechat_number, theirs_fen, ours_fen, found_at, settled_at, settled_by_name, note
FROM reconciliation_difference WHERE day_id = $1 AND id > $2 AND (NOT $4 OR settled_at IS NULL) ORDER BY id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class DayView:
    """A day and how it stands.

    Attributes:
        charges_fen: what WeChat Pay keeps for itself, by the trade bill.
        flows: lines of the fund bill; what came in and went out by it, what was there before and after (None: unknown).
        books_end_fen: what the books have at WeChat Pay when the day ends; None: not compared.
        unsettled: of the `differences`.
    """

    id: int
    day: date
    state: ReconciliationState
    payments: int
    payments_fen: int
    refunds: int
    refunds_fen: int
    charges_fen: int
    flows: int
    flows_in_fen: int
    flows_out_fen: int
    start_fen: int | None
    end_fen: int | None
    books_end_fen: int | None
    compared_at: datetime | None
    next_try_at: datetime | None
    trouble: str
    closed_at: datetime | None
    closed_by_name: str
    differences: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """One thing in which bill and books differ. `theirs_fen`, `ours_fen`: None where that side has nothing."""

    id: int
    kind: str
    what: str
    number: str
    wechat_number: str
    theirs_fen: int | None
    ours_fen: int | None
    found_at: datetime
    settled_at: datetime | None
    settled_by_name: str
    note: str


async def of_day(
    day: date, *, actor: Actor, after: int = 0, size: int = 50, only_open: bool = False
) -> tuple[DayView, Page[DifferenceView]]:
    """The day, and its differences by pages; `only_open`: that nobody has settled. Raises Forbidden: role_not_allowed. NotFound: day_unknown."""
    roles.require(actor, Verb.RECONCILE)
    shown = await summary(day)
    found = [DifferenceView(**row) for row in await rows(_DIFFERENCES, shown.id, after, size + 1, only_open)]
    return shown, Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


async def days_page(
    *, actor: Actor, state: str | None = None, before: date | None = None, size: int = 50
) -> Page[DayView]:
    """Days, the newest first; the cursor is the day before which the next page begins.

    Raises Forbidden: role_not_allowed.
    """
    roles.require(actor, Verb.RECONCILE)
    found = [_view(row) for row in await rows(_DAYS, before, state, size + 1)]
    return Page(found[:size], found[size - 1].day.isoformat() if len(found) > size else None)


async def summary(day: date) -> DayView:
    """The day without its differences; who may ask, the caller has seen to. Raises NotFound: day_unknown."""
    found = await rows(_ONE_DAY, day)
    if not found:
        raise unknown(day)
    return _view(found[0])


def _view(row: dict[str, Any]) -> DayView:
    return DayView(**{**row, "state": ReconciliationState(row["state"])})
