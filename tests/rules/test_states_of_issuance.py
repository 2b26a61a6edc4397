"""The table of a batch's life: every step, every guard, and nothing that is not in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.states import STEPS as CERTIFICATE_STEPS
from server.domain.certificates.states import CertificateState
from server.domain.issuance.states import (
    BY_NAME,
    STEPS,
    BatchState,
    Facts,
    Guard,
    Step,
    Who,
    moved_on,
    steps_as_markdown,
    steps_from,
)
from server.domain.issuance.transitions import VERBS, require
from server.errors import Forbidden
from tests.kit.issuance_states import GOOD

BAD = Facts(unsealed=2)
# What a system does when an erasure is done again: 待签发 from wherever nothing is sealed yet.
UNLISTING = [step for step in STEPS if step.name.startswith("unlist_")]
CODES = {
    "someone_is_listed": "list_empty",
    "results_are_released": "results_not_released",
    "second_person_acts": "second_person_needed",
    "list_is_current": "list_changed",
    "list_is_signed": "list_not_signed",
    "revision_is_shown": "revision_moved",
    "officer_is_active": "officer_suspended",
    "officer_is_of_school": "other_school",
    "reason_is_given": "reason_missing",
    "all_are_sealed": "not_all_sealed",
    "nobody_is_left": "still_listed",
    "the_old_one_is_revoked": "still_wanted",
}
GUARDED = [(step, guard) for step in STEPS for guard in step.guards]
by_name = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


def ways(state: BatchState, gone: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Every way from here to 已发放 that comes by no step a third time."""
    if state is BatchState.ISSUED:
        yield gone
    for step in STEPS:
        if step.source is state and gone.count(step) < 2:
            yield from ways(step.target, (*gone, step))


@pytest.mark.rule("S85")
@pytest.mark.rule("S86")
@pytest.mark.rule("S88")
@pytest.mark.rule("S89")
def test_no_way_to_a_certificate_leaves_out_one_of_the_three_acts_or_takes_an_old_list_again() -> None:
    """评价组织签发, the school's 扫码签发 and 发放, in this order, by the right people; each way back is a new revision."""
    found = list(ways(BatchState.PREPARED))
    assert len(found) > 1  # with and without a list that came back
    for way in found:
        last = max(number for number, step in enumerate(way) if step.target is BatchState.SITE_PENDING)
        assert [(step.name, step.who) for step in way[last:]] == [
            ("org_sign", Who.ORGANISATION),
            ("confirm_scan", Who.OFFICER),
            ("hand_over", Who.ORGANISATION),
            ("complete", Who.WORKER),
        ]
        assert [step.adds_revision for step in way] == [step.target is BatchState.PREPARED for step in way]


def test_nobody_can_take_a_signature_of_the_school_back() -> None:
    assert {step.who for step in UNLISTING} == {Who.WORKER}
    after, new = {BatchState.SCHOOL_SIGNED}, {BatchState.SCHOOL_SIGNED}
    while new:
        new = {step.target for step in STEPS if step.source in new and step not in UNLISTING} - after
        after |= new
    assert after == {BatchState.SCHOOL_SIGNED, BatchState.GENERATING, BatchState.ISSUED}


def test_every_state_is_reached_and_every_state_but_the_ends_is_left() -> None:
    assert {step.target for step in STEPS} == set(BatchState)
    assert {step.source for step in STEPS} == set(BatchState) - {BatchState.ISSUED, BatchState.VOID}
    assert steps_from(BatchState.ISSUED) == steps_from(BatchState.VOID) == []


@by_name
def test_the_right_path_has_no_reason_against_it(step: Step) -> None:
    assert step.refusal(GOOD) is None
    assert BY_NAME[step.name] is step


@pytest.mark.parametrize(
    ("step", "guard"), GUARDED, ids=lambda one: getattr(one, "name", None) or one.__name__
)
def test_each_guard_refuses_with_its_own_code_and_sentence(step: Step, guard: Guard) -> None:
    assert guard(GOOD) is None
    reason = guard(BAD)
    assert reason is not None
    assert reason.code == CODES[guard.__name__]
    assert reason.message.endswith("。")
    assert step.refusal(BAD) is not None


def test_every_guard_has_its_own_code() -> None:
    assert {guard.__name__ for _, guard in GUARDED} == set(CODES)
    assert len(set(CODES.values())) == len(CODES)


@by_name
def test_only_the_right_kind_of_person_may_take_it(step: Step) -> None:
    kinds = {
        Who.ORGANISATION: Actor("staff", 1, "签发员", role="issuer"),
        Who.OFFICER: Actor("officer", 1, "王签发"),
        Who.WORKER: Actor("system", None, "系统"),
    }
    require(kinds.pop(Who(step.who)), step)
    for other in (*kinds.values(), Actor("candidate", 1, "考生"), Actor("staff", 1, "财务", role="finance")):
        with pytest.raises(Forbidden) as refused:
            require(other, step)
        assert refused.value.code == "role_not_allowed"


def test_of_the_staff_issuers_and_admins_take_the_organisations_steps() -> None:
    assert set(VERBS) == {step.name for step in STEPS if step.who is Who.ORGANISATION}
    for verb in VERBS.values():
        allowed = {r.value for r in roles.Role if roles.may(Actor("staff", 1, "某", role=r.value), verb)}
        assert allowed == {"issuer", "admin"}


@by_name
def test_a_step_in_another_state_says_where_the_batch_is(step: Step) -> None:
    for state in set(BatchState) - {step.source}:
        refused = moved_on(step, state)
        assert refused.code == ("not_site_pending" if step.who is Who.OFFICER else "already_moved")
        assert state.label in refused.message and step.source.label in refused.message


def test_markdown_has_a_line_for_every_step() -> None:
    lines = steps_as_markdown().splitlines()
    assert len(lines) == 2 + len(STEPS)
    assert (
        lines[2]
        == "| 待签发 `prepared` | 评价组织签发 `org_sign` | 考核站点待签发 `site_pending` | 评价组织 |"
    )
    assert "待签发（版次加一） `prepared`" in lines[5]


def test_what_is_void_or_revoked_stays_so_and_only_what_was_sealed_is_valid() -> None:
    steps = list(CERTIFICATE_STEPS.values())
    ends = {CertificateState.VOID, CertificateState.REVOKED}
    assert not ends & {state for step in steps for state in step.sources}
    assert [(step.name, step.source) for step in steps if step.target is CertificateState.VALID] == [
        ("seal", CertificateState.DRAWING)
    ]
    voided = {state for step in steps if step.target is CertificateState.VOID for state in step.sources}
    assert voided == {CertificateState.RESERVED, CertificateState.DRAWING}
