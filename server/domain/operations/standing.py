"""How the service stands: jobs, messages, pushes, people's work, log-ins, the chain of the audit. Cheap whatever the tables hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.notices.states import NoticeState
from server.domain.operations import queries
from server.domain.ports import Clock
from server.models.database import rows

MOST_COUNTED = 10_000  # beyond that nobody needs to know exactly
HOUR = timedelta(hours=1)
QUEUE = "default"  # there is one; others would be told, too
# Few among millions, and found by an index. What is delivered is told of the newest alone.
STANDING_STATES = tuple(
    state.value
    for state in NoticeState
    if state.value in ("accepted", "unknown", "refused", "failed", "unreported", "expired", "no_way")
)
_DELIVERIES = queries.deliveries(STANDING_STATES)


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """What may be done now and nobody has begun. `waiting`: `MOST_COUNTED` at most."""

    queue: str
    waiting: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class JobsStanding:
    queues: list[QueueStanding]
    running: int
    failed: dict[str, int]  # by task


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`standing`: all that are in a state; `newest`: what became of the newest `MOST_COUNTED`."""

    standing: dict[str, int]
    newest: dict[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of people's work: corrections, releases, score_changes, reconciliation, finance_alarms."""

    what: str
    items: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class ChainStanding:
    """`still_seconds`: how long the oldest entry has waited to be linked; 0 when none waits. `unpublished`: links."""

    made_at: datetime | None
    waiting: int
    still_seconds: float
    unpublished: int


async def jobs() -> JobsStanding:
    """Times are the database's, which wrote them."""
    found = [QueueStanding(**row) for row in await rows(queries.JOBS, MOST_COUNTED)]
    if QUEUE not in {one.queue for one in found}:
        found.insert(0, QueueStanding(QUEUE, 0, 0.0))
    [running] = await rows(queries.RUNNING)
    failed = await rows(queries.FAILED, MOST_COUNTED)
    return JobsStanding(found, running["running"], {row["task"]: row["failed"] for row in failed})


async def deliveries() -> Deliveries:
    standing = {row["state"]: row["items"] for row in await rows(_DELIVERIES, MOST_COUNTED)}
    newest = {row["state"]: row["items"] for row in await rows(queries.NEWEST_DELIVERIES, MOST_COUNTED)}
    return Deliveries(standing, newest)


async def late_pushes(clock: Clock) -> Waiting:
    """Pushes whose answer is owed by a job."""
    [row] = await rows(queries.PUSHES, MOST_COUNTED)
    return Waiting("pushes", row["items"], _since(row["since"], clock.now()))


async def waiting(clock: Clock) -> list[Waiting]:
    now = clock.now()
    return [
        Waiting(row["what"], row["items"], _since(row["since"], now)) for row in await rows(queries.WAITING)
    ]


async def log_ins(clock: Clock) -> tuple[int, int]:
    """Entries of the last hour: (refused, locked). The trail keeps only some of many that are alike."""
    found = await rows(queries.LOG_INS, MOST_COUNTED, clock.now() - HOUR)
    counts = {row["action"]: row["items"] for row in found}
    return counts.get("session.refused", 0), counts.get("session.locked", 0)


async def chain(clock: Clock) -> ChainStanding:
    [row] = await rows(queries.CHAIN, MOST_COUNTED)
    still = _since(row["waiting_since"], clock.now())
    return ChainStanding(row["made_at"], row["waiting"], still, max(0, row["unpublished"]))


def _since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment is not None else 0.0
