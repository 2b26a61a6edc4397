"""The days of the reconciliation: which step leads where, and what each guard alone refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from server.domain.payments import reconciliation_states as states
from server.domain.payments.reconciliation_states import STEPS, ReconciliationFacts, ReconciliationState

Changes = dict[Callable[..., Any], dict[str, Any]]
# What lets a step be taken, and for its guard what is changed so that it refuses.
CASES: dict[str, tuple[ReconciliationFacts, Changes]] = {
    "differ": (ReconciliationFacts(found=2), {states.they_differ: {"found": 0}}),
    "match": (ReconciliationFacts(found=0), {states.they_are_equal: {"found": 1}}),
    "close": (ReconciliationFacts(unsettled=0), {states.every_difference_is_settled: {"unsettled": 1}}),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_guard_alone_refuses(name: str) -> None:
    facts, changes = CASES[name]
    assert STEPS[name].refusal(facts) is None
    assert set(STEPS[name].guards) == changes.keys()
    for guard, change in changes.items():
        assert STEPS[name].refusal(replace(facts, **change)) is not None
        assert STEPS[name].refusal(replace(facts, **change), but={guard}) is None


def test_facts_that_nobody_gathered_let_nothing_through() -> None:
    assert all(step.refusal(ReconciliationFacts()) is not None for step in STEPS.values())


def test_where_the_steps_lead() -> None:
    ways = {
        (state.value, step.target.value)
        for step in STEPS.values()
        for state in ReconciliationState
        if state in step.sources
    }
    assert ways == {
        ("open", "differing"),
        ("open", "matched"),
        ("matched", "differing"),
        ("differing", "matched"),
        ("differing", "closed"),
        ("matched", "closed"),
    }
