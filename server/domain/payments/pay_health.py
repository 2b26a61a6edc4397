"""Whether the work on money goes on: what should have been done long ago, and whether the books add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from server.domain import beijing
from server.domain.ports import Clock
from server.models.database import rows

# How long after its time something is late: sweeps come every minute, WeChat Pay gives money back within days.
NOTIFICATION_LATE, QUERY_LATE = timedelta(minutes=10), timedelta(minutes=30)
REFUND_LATE = timedelta(days=1)
COMPARED_WITHIN, CLOSED_WITHIN = timedelta(days=2), timedelta(days=7)
_LATE = """
SELECT (SELECT count(*) FROM pay_inbox WHERE applied_at IS NULL AND received_at < $1)::int AS notifications,
       (SELECT min(received_at) FROM pay_inbox WHERE applied_at IS NULL) AS notifications_since,
       (SELECT count(*) FROM fee_order WHERE next_query_at < $2)::int AS queries,
       (SELECT min(next_query_at) FROM fee_order WHERE next_query_at IS NOT NULL) AS queries_since,
       (SELECT count(*) FROM fee_refund WHERE state = 'sending' AND COALESCE(decided_at, asked_at) < $3)::int AS sending,
       (SELECT count(*) FROM fee_refund WHERE state = 'abnormal')::int AS abnormal,
       (SELECT count(*) FROM reconciliation_day WHERE compared_at IS NULL AND day < $4)::int AS uncompared,
       (SELECT min(day) FROM reconciliation_day WHERE compared_at IS NULL) AS uncompared_since,
       (SELECT count(*) FROM reconciliation_day WHERE closed_at IS NULL AND day < $5)::int AS unclosed,
       (SELECT min(day) FROM reconciliation_day WHERE closed_at IS NULL) AS unclosed_since
"""
_SUM = "SELECT COALESCE(sum(amount_fen), 0)::bigint AS fen, count(*)::bigint AS entries FROM ledger_entry"


@dataclass(frozen=True, slots=True)
class Late:
    """What should have been done, counted, and since when the oldest waits.

    Attributes:
        notifications: kept, and not applied. queries: open orders whose time to be asked after is over.
        sending: refunds that WeChat Pay has not taken for a day. abnormal: those that need a person.
        uncompared, unclosed: days in Beijing.
    """

    notifications: int
    notifications_since: datetime | None
    queries: int
    queries_since: datetime | None
    sending: int
    abnormal: int
    uncompared: int
    uncompared_since: date | None
    unclosed: int
    unclosed_since: date | None


@dataclass(frozen=True, slots=True)
class Books:
    """All entries of the ledger; `fen` is zero, or the books are wrong."""

    fen: int
    entries: int


async def late(clock: Clock) -> Late:
    """For the operator: counts and times, nobody's name."""
    now = clock.now()
    today = beijing.day(now)
    [row] = await rows(
        _LATE,
        now - NOTIFICATION_LATE,
        now - QUERY_LATE,
        now - REFUND_LATE,
        today - COMPARED_WITHIN,
        today - CLOSED_WITHIN,
    )
    return Late(**row)


async def books() -> Books:
    """Reads the whole ledger: for the operator, not for a page."""
    [row] = await rows(_SUM)
    return Books(**row)
