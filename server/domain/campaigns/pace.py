"""How fast a campaign goes: so many calls a second and a day, none in quiet hours. Pure: the standard library alone.

The allowance is kept with the campaign in the database, so it is the same for all processes and outlives them. It never
holds more than a second's calls: after a pause nothing is made up for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from server.domain import beijing

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What was allowed and used so far, and how fast it may go now."""

    per_second: float
    per_day: int
    allowance: float = 0.0
    paced_at: datetime | None = None
    calls_on: date | None = None
    calls_today: int = 0
    quiet_from: str = ""
    quiet_until: str = ""

    def used(self, now: datetime) -> int:
        """Calls of this day in Beijing."""
        return self.calls_today if self.calls_on == beijing.day(now) else 0

    def is_quiet(self, now: datetime) -> bool:
        """Whether it is between the two hours, which may lie on either side of midnight."""
        if not self.quiet_from or not self.quiet_until or self.quiet_from == self.quiet_until:
            return False
        at = f"{beijing.local(now):%H:%M}"
        if self.quiet_from < self.quiet_until:
            return self.quiet_from <= at < self.quiet_until
        return at >= self.quiet_from or at < self.quiet_until

    def refilled(self, now: datetime) -> float:
        """The allowance now: at most a second's calls, and at least one call when long nothing was sent."""
        most = max(1.0, self.per_second)
        if self.paced_at is None:
            return 1.0
        passed = max(0.0, (now - self.paced_at).total_seconds())
        return min(most, self.allowance + passed * self.per_second)

    def allowed(self, now: datetime, *, day_left: int) -> int:
        """How many calls may be made now.

        Args:
            day_left: of all campaigns together today.
        """
        if self.is_quiet(now):
            return 0
        return max(0, min(int(self.refilled(now)), self.per_day - self.used(now), day_left))

    def wait(self, now: datetime) -> timedelta:
        """Until the next call fits into the second's rate."""
        missing = max(0.0, 1.0 - self.refilled(now))
        return timedelta(seconds=missing / self.per_second)


def forecast(pace: Pace, left: int, now: datetime) -> datetime | None:
    """When the last of so many is called at this pace, days' limits and quiet hours counted; None beyond a month."""
    at = now
    used = pace.used(now)
    for _ in range(31 * 24 * 2):
        if left <= 0:
            return at
        following = _next_half_hour(at)
        if not pace.is_quiet(at):
            seconds = (following - at).total_seconds()
            calls = min(int(pace.per_second * seconds), pace.per_day - used)
            if calls >= left:
                return at + timedelta(seconds=left / pace.per_second)
            left, used = left - calls, used + calls
        used = 0 if beijing.day(following) != beijing.day(at) else used
        at = following
    return None


def _next_half_hour(moment: datetime) -> datetime:
    floor = moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
    return floor + timedelta(minutes=30)
