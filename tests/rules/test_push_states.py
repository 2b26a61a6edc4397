"""The table of a push's life: no way leads to a second message, and every way ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.domain.wechat_chat.push_states import LOST_AFTER, STEPS, PushState, may_speak, pause

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def after(state: PushState) -> set[PushState]:
    return {step.target for step in STEPS.values() if state in step.sources}


def test_a_message_leaves_once_and_what_may_have_left_waits_for_nobody() -> None:
    """Only a waiting push is sent; of one whose fate is unknown it can only be learnt what became of it."""
    assert {step.name for step in STEPS.values() if step.target is PushState.SENDING} == {"send"}
    assert STEPS["send"].sources == frozenset({PushState.WAITING})
    assert after(PushState.UNKNOWN) == {PushState.SENT, PushState.REFUSED}
    assert {step.name for step in STEPS.values() if step.target is PushState.ANSWERED} == {"answer"}
    assert STEPS["answer"].sources == frozenset({PushState.TAKEN})  # in WeChat's five seconds or not at all


@pytest.mark.parametrize("state", PushState, ids=lambda state: state.value)
def test_every_state_has_its_name_and_an_end(state: PushState) -> None:
    assert state.label and state.label != state.value
    reached, new = {state}, {state}
    while new:
        new = set().union(*(after(one) for one in new)) - reached
        reached |= new
    assert any(one.is_settled for one in reached)


@pytest.mark.parametrize("state", [one for one in PushState if one.is_settled], ids=lambda state: state.value)
def test_what_is_settled_is_never_sent_again(state: PushState) -> None:
    assert not after(state) & {PushState.TAKEN, PushState.WAITING, PushState.SENDING}


def test_pauses_grow() -> None:
    assert [pause(n).total_seconds() for n in (0, 1, 2, 3, 4)] == [5, 5, 20, 80, 320]


def test_nobody_is_told_what_the_sweep_alone_found() -> None:
    assert may_speak(NOON, NOON + LOST_AFTER - timedelta(seconds=1)) is True
    assert may_speak(NOON, NOON + LOST_AFTER) is False
