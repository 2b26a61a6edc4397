"""Orders, refunds, waivers, transfers and refunds by bank: which step leads where, and what each guard alone refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from server.domain.payments import (
    bank_refund_states,
    order_states,
    refund_states,
    transfer_states,
    waiver_states,
)
from server.domain.payments.bank_refund_states import BankRefundFacts, BankRefundState
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderFacts, OrderState
from server.domain.payments.refund_states import RefundFacts, RefundState
from server.domain.payments.transfer_states import TransferFacts, TransferState
from server.domain.payments.waiver_states import WaiverFacts, WaiverState
from server.domain.steps import Step

PAID = OrderFacts(is_ours=True, is_success=True, paid_fen=100, total_fen=100)
# What lets a step be taken, and for each of its guards what is changed so that this guard alone refuses.
ORDER_CASES: dict[str, tuple[OrderFacts, dict[Callable[..., Any], dict[str, Any]]]] = {
    "pay": (
        PAID,
        {
            order_states.it_is_our_order: {"is_ours": False},
            order_states.wechat_says_success: {"is_success": False},
            order_states.the_amount_is_the_orders: {"paid_fen": 99},
        },
    ),
    "receive": (
        OrderFacts(is_seen_by_two=True, paid_fen=100, total_fen=100),
        {
            order_states.two_have_seen_it: {"is_seen_by_two": False},
            order_states.the_amount_is_the_orders: {"paid_fen": 101},
        },
    ),
    "close": (OrderFacts(is_closed_there=True), {order_states.nobody_can_pay_it: {"is_closed_there": False}}),
    "give_back": (
        OrderFacts(is_in_wechat=True, total_fen=100, refunded_fen=40, giving_back_fen=60),
        {
            order_states.the_money_is_in_wechat: {"is_in_wechat": False},
            order_states.the_rest_suffices: {"giving_back_fen": 61},
        },
    ),
    "gave_all": (
        OrderFacts(total_fen=100, refunded_fen=100),
        {order_states.all_is_back: {"refunded_fen": 99}},
    ),
    "gave_part": (
        OrderFacts(total_fen=100, refunded_fen=1),
        {order_states.a_part_is_back: {"refunded_fen": 100}},
    ),
    "return_part": (
        OrderFacts(is_seen_by_two=True, is_in_bank=True, total_fen=100, refunded_fen=99),
        {
            order_states.two_have_seen_it: {"is_seen_by_two": False},
            order_states.the_money_is_in_the_bank: {"is_in_bank": False},
            order_states.a_part_is_back: {"refunded_fen": 101},
        },
    ),
    "return_all": (
        OrderFacts(is_seen_by_two=True, is_in_bank=True, total_fen=100, refunded_fen=100),
        {
            order_states.two_have_seen_it: {"is_seen_by_two": False},
            order_states.the_money_is_in_the_bank: {"is_in_bank": False},
            order_states.all_is_back: {"refunded_fen": 101},
        },
    ),
    "gave_nothing": (OrderFacts(total_fen=100), {order_states.nothing_is_back: {"refunded_fen": 1}}),
}
DECIDED, HEARD = RefundFacts(is_another=True), RefundFacts(is_same=True)
REFUND_CASES: dict[str, tuple[RefundFacts, dict[Callable[..., Any], dict[str, Any]]]] = {
    **{
        name: (DECIDED, {refund_states.another_decides: {"is_another": False}})
        for name in ("approve", "decline")
    },
    **{
        name: (HEARD, {refund_states.it_is_the_same_refund: {"is_same": False}})
        for name in ("accept", "stall", "finish", "end")
    },
    "give_up": (
        RefundFacts(is_another=True, is_at_rest=True, is_unknown_there=True),
        {
            refund_states.nothing_is_on_its_way: {"is_at_rest": False},
            refund_states.another_decides: {"is_another": False},
            refund_states.wechat_pay_does_not_know_it: {"is_unknown_there": False},
        },
    ),
    "overtake": (RefundFacts(is_overtaken=True), {refund_states.it_was_overtaken: {"is_overtaken": False}}),
}
WAIVER_CASES: dict[str, tuple[WaiverFacts, dict[Callable[..., Any], dict[str, Any]]]] = {
    "approve": (
        WaiverFacts(is_another=True, fee=FeeState.OWED),
        {
            waiver_states.another_approves: {"is_another": False},
            waiver_states.the_fee_is_owed: {"fee": FeeState.WAIVED},
        },
    ),
    "decline": (WaiverFacts(is_another=True), {waiver_states.another_approves: {"is_another": False}}),
    "withdraw": (WaiverFacts(is_asker=True), {waiver_states.the_asker_withdraws: {"is_asker": False}}),
}
SEEN = TransferFacts(is_another=True, are_owed=True, amount_fen=100, fees_fen=100)
TRANSFER_CASES: dict[str, tuple[TransferFacts, dict[Callable[..., Any], dict[str, Any]]]] = {
    "approve": (
        SEEN,
        {
            transfer_states.another_has_seen_it: {"is_another": False},
            transfer_states.the_fees_are_owed: {"are_owed": False},
            transfer_states.the_amount_is_the_fees: {"amount_fen": 99},
        },
    ),
    "decline": (SEEN, {transfer_states.another_has_seen_it: {"is_another": False}}),
    "withdraw": (
        TransferFacts(is_recorder=True),
        {transfer_states.the_recorder_withdraws: {"is_recorder": False}},
    ),
}
PAID_BACK = BankRefundFacts(is_another=True, is_paid_by_bank=True, amount_fen=100, left_fen=100)
BANK_REFUND_CASES: dict[str, tuple[BankRefundFacts, dict[Callable[..., Any], dict[str, Any]]]] = {
    "approve": (
        PAID_BACK,
        {
            bank_refund_states.another_has_seen_the_slip: {"is_another": False},
            bank_refund_states.the_bank_was_paid: {"is_paid_by_bank": False},
            bank_refund_states.no_more_than_is_left: {"left_fen": 99},
        },
    ),
    "decline": (PAID_BACK, {bank_refund_states.another_has_seen_the_slip: {"is_another": False}}),
    "withdraw": (
        BankRefundFacts(is_recorder=True),
        {bank_refund_states.who_recorded_it_withdraws: {"is_recorder": False}},
    ),
}
ROWS: list[tuple[Step[Any, Any], Any, dict[Callable[..., Any], dict[str, Any]]]] = [
    *((step, *ORDER_CASES[name]) for name, step in order_states.STEPS.items()),
    *((step, *REFUND_CASES[name]) for name, step in refund_states.STEPS.items()),
    *((step, *WAIVER_CASES[name]) for name, step in waiver_states.STEPS.items()),
    *((step, *TRANSFER_CASES[name]) for name, step in transfer_states.STEPS.items()),
    *((step, *BANK_REFUND_CASES[name]) for name, step in bank_refund_states.STEPS.items()),
]


@pytest.mark.parametrize(("step", "facts", "changes"), ROWS, ids=lambda one: getattr(one, "name", ""))
def test_each_guard_alone_refuses(
    step: Step[Any, Any], facts: Any, changes: dict[Callable[..., Any], dict[str, Any]]
) -> None:
    assert step.refusal(facts) is None
    assert set(step.guards) == changes.keys()
    for guard, change in changes.items():
        changed = replace(facts, **change)
        assert step.refusal(changed) is not None
        assert step.refusal(changed, but={guard}) is None


def test_facts_that_nobody_gathered_let_nothing_through() -> None:
    assert all(step.refusal(OrderFacts()) is not None for step in order_states.STEPS.values())
    assert all(step.refusal(RefundFacts()) is not None for step in refund_states.STEPS.values())
    assert all(step.refusal(WaiverFacts()) is not None for step in waiver_states.STEPS.values())
    assert all(step.refusal(TransferFacts()) is not None for step in transfer_states.STEPS.values())
    assert all(step.refusal(BankRefundFacts()) is not None for step in bank_refund_states.STEPS.values())


def test_where_the_steps_lead() -> None:
    ways = {
        (state.value, step.target.value)
        for step in order_states.STEPS.values()
        for state in OrderState
        if state in step.sources
    }
    assert ways == {
        ("pending", "paid"),
        ("closed", "paid"),
        ("pending", "closed"),
        ("paid", "refunding"),
        ("part", "refunding"),
        ("refunding", "refunded"),
        ("refunding", "part"),
        ("refunding", "paid"),
        # by bank, in the moment of the approval
        ("paid", "part"),
        ("part", "part"),
        ("paid", "refunded"),
        ("part", "refunded"),
    }
    ended = {RefundState.DONE, RefundState.DECLINED, RefundState.ENDED}
    assert not any(step.sources & ended for step in refund_states.STEPS.values())
    assert {step.target for step in refund_states.STEPS.values()} | {RefundState.ASKED} == set(RefundState)
    assert all(step.sources == {WaiverState.ASKED} for step in waiver_states.STEPS.values())
    assert {step.target for step in waiver_states.STEPS.values()} | {WaiverState.ASKED} == set(WaiverState)
    assert all(step.sources == {TransferState.RECORDED} for step in transfer_states.STEPS.values())
    assert {step.target for step in transfer_states.STEPS.values()} | {TransferState.RECORDED} == set(
        TransferState
    )
    assert all(step.sources == {BankRefundState.RECORDED} for step in bank_refund_states.STEPS.values())
    assert {step.target for step in bank_refund_states.STEPS.values()} | {BankRefundState.RECORDED} == set(
        BankRefundState
    )
