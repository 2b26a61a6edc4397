"""How fast a campaign goes: a second's calls at most at once, a day's in Beijing, nothing in quiet hours; the forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from server.domain.campaigns.pace import Pace, forecast

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Beijing
PACE = Pace(per_second=10, per_day=1000, allowance=0.0, paced_at=NOON, calls_on=date(2026, 11, 23))


def with_(**more: object) -> Pace:
    return replace(PACE, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "allowed"), [(0, 0), (0.05, 0), (0.1, 1), (0.55, 5), (1, 10), (3600, 10), (-5, 0)]
)
def test_a_second_holds_its_calls_and_nothing_is_made_up_for(seconds: float, allowed: int) -> None:
    assert PACE.allowed(NOON + timedelta(seconds=seconds), day_left=1000) == allowed


def test_less_than_one_a_second_is_one_after_a_while() -> None:
    slow = with_(per_second=0.5)
    assert [slow.allowed(NOON + timedelta(seconds=one), day_left=9) for one in (1, 2, 90)] == [0, 1, 1]
    assert slow.wait(NOON + timedelta(seconds=1)) == timedelta(seconds=1)


def test_a_day_ends_at_midnight_in_beijing() -> None:
    used = with_(calls_today=997, allowance=10.0)
    assert used.allowed(NOON, day_left=1000) == 3
    assert used.allowed(NOON, day_left=2) == 2
    assert used.allowed(NOON, day_left=-4) == 0
    midnight = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert used.allowed(midnight - timedelta(seconds=1), day_left=1000) == 3
    assert used.allowed(midnight, day_left=1000) == 10


@pytest.mark.parametrize(
    ("begin", "end", "quiet"),
    [
        ("11:00", "13:00", True),
        ("12:00", "12:01", True),
        ("12:01", "13:00", False),
        ("11:00", "12:00", False),
        ("22:00", "08:00", False),
        ("08:00", "22:00", True),
        ("", "", False),
        ("12:00", "12:00", False),
    ],
)
def test_quiet_hours_lie_on_either_side_of_midnight(begin: str, end: str, quiet: bool) -> None:
    pace = with_(quiet_from=begin, quiet_until=end, allowance=10.0)
    assert (pace.is_quiet(NOON), pace.allowed(NOON, day_left=9) == 0) == (quiet, quiet)


def test_the_forecast_counts_days_and_quiet_hours() -> None:
    assert forecast(PACE, 0, NOON) == NOON
    assert forecast(PACE, 600, NOON) == NOON + timedelta(seconds=60)
    two_days = forecast(with_(per_day=1000, calls_today=500), 1000, NOON)
    assert two_days == datetime(2026, 11, 23, 16, 0, tzinfo=UTC) + timedelta(seconds=50)
    quiet = forecast(with_(quiet_from="12:00", quiet_until="14:00"), 10, NOON)
    assert quiet == NOON + timedelta(hours=2, seconds=1)
    assert forecast(with_(per_day=1), 1000, NOON) is None
