"""Until when paper certificates are sent (S91): five working days after 发放, Monday to Friday in Beijing.

No table of public holidays exists in the service: in a week with one, what is late is said some days too early.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from server.domain.beijing import BEIJING, day

DAYS = 5
_SATURDAY = 5


def due_on(issued_at: datetime) -> date:
    """The last day on which the parcel is in time."""
    due = day(issued_at)
    left = DAYS
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < _SATURDAY
    return due


def late_before(now: datetime) -> datetime:
    """What was issued before this moment should have been sent before today."""
    issued = day(now)
    while True:
        issued -= timedelta(days=1)
        if due_on(datetime.combine(issued, time(12), BEIJING)) < day(now):
            return datetime.combine(issued + timedelta(days=1), time(), BEIJING).astimezone(UTC)
