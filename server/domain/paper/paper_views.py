"""What staff and schools see of paper certificates: the runs in pages, one in full, and what waits to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.certificates.states import CertificateState
from server.domain.levels import Level
from server.domain.paging import NEWEST, Page, Turn
from server.domain.paper import paper_queries, transitions, working_days
from server.domain.paper.paper_queries import Counted
from server.domain.paper.states import AT_HOME, STEPS, PaperState, SheetState
from server.domain.paper.stock import Stock
from server.domain.people.school_scope import school_of
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models import Issuance

WAITING_SHOWN = 50


@dataclass(frozen=True, slots=True)
class RunView:
    """One print run and its parcel. `used + spoiled + left` are the sheets of the range."""

    id: int
    issuance_id: int
    state: PaperState
    school: str
    plan: str
    level: Level
    first: str
    last: str
    sheets: int
    used: int
    spoiled: int
    left: int
    left_out: int
    holder: str
    courier: str
    tracking_number: str
    created_by: str
    created_at: datetime
    due_on: date
    is_late: bool
    sent_at: datetime | None
    received_at: datetime | None
    received_count: int | None
    difference_note: str
    cancel_reason: str


@dataclass(frozen=True, slots=True)
class Hand:
    """One step of the parcel's way."""

    label: str
    from_name: str
    to_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A certificate of the batch that is on no sheet."""

    number: str
    state: CertificateState


@dataclass(frozen=True, slots=True)
class RunInFull:
    run: RunView
    hands: tuple[Hand, ...]
    left_out: tuple[LeftOut, ...]  # at most 50


@dataclass(frozen=True, slots=True)
class SheetView:
    serial: str
    state: SheetState
    certificate: str
    certificate_state: CertificateState
    spoiled_reason: str
    spoiled_by: str
    spoiled_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingBatch:
    """An issued batch of which nothing is printed."""

    id: int
    school: str
    plan: str
    level: Level
    count: int
    due_on: date
    is_late: bool


@dataclass(frozen=True, slots=True)
class BatchPaper:
    """How far the paper of an issued batch is. `is_settled`: sent, or issued before parcels were recorded here."""

    run: RunView | None
    due_on: date
    is_late: bool
    is_settled: bool


SORTS = {"-id": "新印的在前", "id": "早印的在前", "issued_at": "发放早的在前"}


async def listing(
    clock: Clock,
    *,
    state: str | None = None,
    school: str | None = None,
    turn: Turn = NEWEST,
    actor: Actor,
) -> Page[RunView]:
    """In any order of `SORTS`; a school's account sees its own.

    Args:
        school: a part of the school's name.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_PAPER)
    found = await paper_queries.RUNS.page([state, None, school_of(actor), None, school], turn)
    return Page(await _views(clock, found.items), found.next_cursor, found.before)


async def count(*, state: str | None = None, school: str | None = None, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_PAPER)
    return await paper_queries.RUNS.count([state, None, school_of(actor), None, school])


async def view(clock: Clock, run_id: int, *, actor: Actor) -> RunInFull:
    """Raises Forbidden: role_not_allowed; NotFound: paper_run_unknown, also for another school's."""
    roles.require(actor, Verb.SEE_PAPER)
    found = await paper_queries.runs(run_id=run_id, school_id=school_of(actor), limit=1)
    if not found:
        raise transitions.unknown()
    [run] = await _views(clock, found)
    hands = [
        Hand(STEPS[row["step"]].label, row["from_name"], row["to_name"], row["at"])
        for row in await paper_queries.hands(run_id)
    ]
    gone = await paper_queries.left_out(run.issuance_id, run_id)
    left_out = [LeftOut(row["number"], CertificateState(row["state"])) for row in gone]
    return RunInFull(run, tuple(hands), tuple(left_out))


async def sheets(run_id: int, *, cursor: int | None = None, limit: int = 50, actor: Actor) -> Page[SheetView]:
    """The sheets of a run in their order. Raises as `view`."""
    roles.require(actor, Verb.SEE_PAPER)
    if not await paper_queries.runs(run_id=run_id, school_id=school_of(actor), limit=1):
        raise transitions.unknown()
    after = cursor if cursor is not None else -1
    found = await paper_queries.sheets(run_id, after, limit + 1)
    items = [
        SheetView(
            row["serial"],
            SheetState(row["state"]),
            row["certificate"],
            CertificateState(row["certificate_state"]),
            row["spoiled_reason"],
            row["spoiled_by_name"],
            row["spoiled_at"],
        )
        for row in found[:limit]
    ]
    more = str(found[limit - 1]["number"]) if len(found) > limit else None
    return Page(items, more)


async def of_batch(clock: Clock, issuance_id: int, *, actor: Actor) -> BatchPaper | None:
    """How far the paper of a batch is; None: it is not issued. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_PAPER)
    batch = await Issuance.get_or_none(id=issuance_id)
    if batch is None or batch.issued_at is None:
        return None
    found = await paper_queries.runs(issuance_id=issuance_id, school_id=school_of(actor), limit=20)
    views = await _views(clock, found)
    run = next((one for one in views if one.state is not PaperState.CANCELLED), None)
    due = working_days.due_on(batch.issued_at)
    is_late = not batch.paper_settled and due < beijing.day(clock.now())
    return BatchPaper(run, due, is_late, batch.paper_settled)


async def waiting(clock: Clock, *, actor: Actor) -> list[WaitingBatch]:
    """Issued batches of which nothing is printed, the oldest first, at most `WAITING_SHOWN`."""
    roles.require(actor, Verb.HANDLE_PAPER)
    today = beijing.day(clock.now())
    out = []
    for row in await paper_queries.unprinted(WAITING_SHOWN):
        due = working_days.due_on(row["issued_at"])
        out.append(
            WaitingBatch(
                row["id"],
                row["school"],
                row["plan"],
                Level(row["level"]),
                row["count"],
                due,
                due < today,
            )
        )
    return out


async def late(clock: Clock, *, actor: Actor) -> int:
    """How many batches should have been sent by now (S91: within five working days)."""
    roles.require(actor, Verb.HANDLE_PAPER)
    return await paper_queries.late(working_days.late_before(clock.now()))


async def _views(clock: Clock, found: list[dict[str, Any]]) -> list[RunView]:
    counted = await paper_queries.counted([row["id"] for row in found]) if found else {}
    today = beijing.day(clock.now())
    return [_view(row, counted.get(row["id"], Counted()), today) for row in found]


def _view(row: dict[str, Any], counted: Counted, today: date) -> RunView:
    stock = Stock(row["prefix"], row["width"], row["first_sheet"], row["last_sheet"])
    state, due = PaperState(row["state"]), working_days.due_on(row["issued_at"])
    return RunView(
        id=row["id"],
        issuance_id=row["issuance_id"],
        state=state,
        school=row["school"],
        plan=row["plan"],
        level=Level(row["level"]),
        first=stock.serial(stock.first),
        last=stock.serial(stock.last),
        sheets=stock.size,
        used=counted.used,
        spoiled=counted.spoiled,
        left=stock.size - counted.used - counted.spoiled,
        left_out=row["left_out"],
        holder=row["holder_name"],
        courier=row["courier"],
        tracking_number=row["tracking_number"],
        created_by=row["created_by_name"],
        created_at=row["created_at"],
        due_on=due,
        is_late=state in AT_HOME and due < today,
        sent_at=row["sent_at"],
        received_at=row["received_at"],
        received_count=row["received_count"],
        difference_note=row["difference_note"],
        cancel_reason=row["cancel_reason"],
    )
