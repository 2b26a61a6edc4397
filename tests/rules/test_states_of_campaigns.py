"""The table of a campaign's life: every guard alone says no, nothing leaves an end, and what is over stays over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.domain.campaigns import states
from server.domain.campaigns.states import STEPS, CampaignFacts, CampaignState
from server.domain.steps import Reason

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
GOOD = CampaignFacts(
    now=NOW,
    not_after=NOW + timedelta(hours=1),
    is_another=True,
    is_frozen=True,
    reachable=1,
    are_released=True,
    shared=0,
    are_any_left=False,
)
LATE = replace(GOOD, now=GOOD.not_after)
AGAINST: dict[Callable[[CampaignFacts], Reason | None], tuple[CampaignFacts, str]] = {
    states.another_has_seen_it: (replace(GOOD, is_another=False), "same_person"),
    states.it_is_in_time: (LATE, "campaign_late"),
    states.its_time_has_come: (GOOD, "campaign_not_late"),
    states.its_people_are_frozen: (replace(GOOD, is_frozen=False), "campaign_freezing"),
    states.somebody_is_reachable: (replace(GOOD, reachable=0), "nobody_reachable"),
    states.results_are_released: (replace(GOOD, are_released=False), "results_not_released"),
    states.nobody_is_in_another: (replace(GOOD, shared=1), "people_in_another"),
    states.nobody_is_left: (replace(GOOD, are_any_left=True), "people_left"),
}
# Written here and not read from the table: a guard that is taken out of it turns this red.
GUARDS: dict[str, set[str]] = {
    "submit": {"campaign_late", "results_not_released"},
    "withdraw": set(),
    "decline": {"same_person"},
    "approve": {
        "same_person",
        "campaign_late",
        "campaign_freezing",
        "nobody_reachable",
        "results_not_released",
    },
    "start": {"campaign_late", "results_not_released", "people_in_another"},
    "pause": set(),
    "resume": {"campaign_late", "results_not_released"},
    "finish": {"people_left"},
    "reopen": {"campaign_late", "results_not_released", "people_in_another"},
    "cancel": set(),
    "expire": {"campaign_not_late"},
}


def test_every_step_has_its_guards() -> None:
    assert {name: {AGAINST[guard][1] for guard in step.guards} for name, step in STEPS.items()} == GUARDS


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_guard_alone_says_no(name: str) -> None:
    step = STEPS[name]
    good = LATE if name == "expire" else GOOD
    assert step.refusal(good) is None
    for guard in step.guards:
        bad, code = AGAINST[guard]
        reason = step.refusal(bad)
        assert reason is not None
        assert (reason.code, reason.message.endswith("。")) == (code, True)


def test_what_nobody_counted_refuses() -> None:
    empty = CampaignFacts(now=NOW, not_after=NOW)
    assert all(step.refusal(empty) for name, step in STEPS.items() if step.guards and name != "expire")


def test_ends_are_ends() -> None:
    for over in (CampaignState.CANCELLED, CampaignState.EXPIRED):
        assert not any(over in step.sources for step in STEPS.values())
    assert {step.name for step in STEPS.values() if CampaignState.DONE in step.sources} == {"reopen"}
    assert all(state.label for state in CampaignState)
