"""Every guard and every row of a batch's table by what it does: without it, what it forbids can be done.

A guard that another check repeats, or whose fact is a constant, is decoration: taking it out would change nothing.
So each has one scenario here that it alone refuses, gone through by the verbs that people use. The same scenario is
gone through twice: with the table as it is, and with a table in which this one guard is missing. What is gone through
is written here and not read from the table: a guard or a row that is taken out of the table leaves its scenario, and that
turns red.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from server.domain.certificates import revocation
from server.domain.issuance import generation, organisation, replacement, scan_tickets
from server.domain.issuance.states import BY_NAME, STEPS
from server.domain.people import officers
from server.domain.ports import Services
from server.domain.privacy import redoing
from server.errors import Refused
from server.models import Candidate, Certificate, Issuance, Officer, Plan, Registration
from tests.kit import issuing, make
from tests.kit.erasing import on_the_register
from tests.kit.issuing import PIN, Cohort, generating, pending, prepared, school_signed, shown_ticket
from tests.kit.jobs import drained
from tests.kit.lives import without_row
from tests.kit.noticing import clock

ME = make.ISSUER_STAFF
Do = Callable[[], Awaitable[object]]
Scenario = Callable[[Services, Cohort], Awaitable[Do]]


async def batch_of(of: Cohort) -> Issuance:
    return await Issuance.get(plan_id=of.plan.id)


async def unreleased(of: Cohort) -> None:
    await Plan.filter(id=of.plan.id).update(release_at=None)


async def replaced_by_hand(of: Cohort, **changes: object) -> None:
    await Officer.filter(id=of.officer.id).update(**changes)


# What is arranged, and what is then tried.


async def sign_a_list_that_nobody_saw(s: Services, of: Cohort) -> Do:
    batch = await prepared(s, of)
    await Registration.filter(id=of.registrations[0].id).update(outcome="misconduct")
    return lambda: organisation.org_sign(s, batch.id, actor=ME)


async def sign_an_empty_list(s: Services, of: Cohort) -> Do:
    batch = await prepared(s, of)
    await Registration.filter(plan_id=of.plan.id).update(outcome="misconduct")
    await organisation.refresh(s, batch.id, actor=ME)
    return lambda: organisation.org_sign(s, batch.id, actor=ME)


async def sign_before_the_release(s: Services, of: Cohort) -> Do:
    batch = await prepared(s, of)
    await unreleased(of)
    return lambda: organisation.org_sign(s, batch.id, actor=ME)


async def _scan(s: Services, of: Cohort, name: str) -> Do:
    ticket = await shown_ticket(s, of)
    if name == "confirm_scan":
        return lambda: scan_tickets.confirm(s, ticket.token, PIN, identity=of.identity)
    return lambda: scan_tickets.return_batch(s, ticket.token, PIN, "请核对", identity=of.identity)


async def scan_while_suspended(s: Services, of: Cohort, name: str) -> Do:
    act = await _scan(s, of, name)
    await replaced_by_hand(of, state="suspended")  # `suspend` would kill the QR as well
    return act


async def scan_for_another_school(s: Services, of: Cohort, name: str) -> Do:
    act = await _scan(s, of, name)
    await replaced_by_hand(of, school_id=(await make.school()).id)
    return act


async def scan_before_the_release(s: Services, of: Cohort, name: str) -> Do:
    act = await _scan(s, of, name)
    await unreleased(of)
    return act


async def scan_the_qr_of_an_older_revision(s: Services, of: Cohort, name: str) -> Do:
    """The very same list, signed anew; the old QR has neither expired nor been replaced by a newer one."""
    act = await _scan(s, of, name)
    batch = await batch_of(of)
    await organisation.withdraw(s, batch.id, actor=ME)
    await organisation.org_sign(s, batch.id, actor=ME)
    return act


async def scan_a_list_that_changed(s: Services, of: Cohort, name: str) -> Do:
    act = await _scan(s, of, name)
    await Registration.filter(id=of.registrations[0].id).update(outcome="misconduct")
    return act


async def return_without_a_reason(s: Services, of: Cohort, name: str) -> Do:
    ticket = await shown_ticket(s, of)
    return lambda: scan_tickets.return_batch(s, ticket.token, PIN, " ", identity=of.identity)


async def hand_over_before_the_release(s: Services, of: Cohort) -> Do:
    batch = await school_signed(s, of)
    await unreleased(of)
    return lambda: organisation.hand_over(s, batch.id, actor=ME)


async def hand_over_alone(s: Services, of: Cohort) -> Do:
    two = replace(s, settings=replace(s.settings, two_people="on"))
    batch = await school_signed(s, of)
    return lambda: organisation.hand_over(two, batch.id, actor=ME)


async def hand_over_what_was_not_signed(s: Services, of: Cohort) -> Do:
    batch = await school_signed(s, of)
    one = await Certificate.filter(issuance_id=batch.id).order_by("number").first()
    assert one is not None
    await Certificate.filter(id=one.id).update(
        line=bytes(one.line).replace("崔子涵".encode(), "崔子函".encode())
    )
    return lambda: organisation.hand_over(s, batch.id, actor=ME)


async def finish_before_all_are_made(s: Services, of: Cohort) -> Do:
    batch = await generating(s, of)
    return lambda: generation.finish(s, issuance_id=batch.id)


async def void_what_is_still_wanted(s: Services, of: Cohort) -> Do:
    batch = await prepared(s, of)
    return lambda: replacement.void(s, batch.id)


async def unlist_one_of_many(s: Services, of: Cohort) -> Do:
    await make.registration(s, await make.candidate(s, "王𠮷", at=of.school), on=of.plan, at=of.site)
    batch = await generating(s, of)
    return lambda: erased_again(s, batch, most=1)


async def erased_again(s: Services, batch: Issuance, most: int | None = None) -> None:
    """As after a restore, of everybody on the list or of the first that are left."""
    listed = Certificate.filter(issuance_id=batch.id).exclude(state="void").order_by("number")
    ids = await listed.values_list("candidate_id", flat=True)
    for one in ids[:most]:
        who = await Candidate.get(id=int(str(one)))
        await redoing.redo(s, on_the_register(s, who))


def by_officer(scenario: Callable[[Services, Cohort, str], Awaitable[Do]], name: str) -> Scenario:
    async def arranged(s: Services, of: Cohort) -> Do:
        return await scenario(s, of, name)

    return arranged


_OFFICER: dict[str, Callable[[Services, Cohort, str], Awaitable[Do]]] = {
    "officer_is_active": scan_while_suspended,
    "officer_is_of_school": scan_for_another_school,
    "results_are_released": scan_before_the_release,
    "revision_is_shown": scan_the_qr_of_an_older_revision,
}
SCENARIOS: dict[tuple[str, str], Scenario] = {
    ("org_sign", "list_is_current"): sign_a_list_that_nobody_saw,
    ("org_sign", "someone_is_listed"): sign_an_empty_list,
    ("org_sign", "results_are_released"): sign_before_the_release,
    ("confirm_scan", "list_is_current"): by_officer(scan_a_list_that_changed, "confirm_scan"),
    ("school_return", "reason_is_given"): by_officer(return_without_a_reason, "school_return"),
    ("hand_over", "results_are_released"): hand_over_before_the_release,
    ("hand_over", "second_person_acts"): hand_over_alone,
    ("hand_over", "list_is_signed"): hand_over_what_was_not_signed,
    ("complete", "all_are_sealed"): finish_before_all_are_made,
    ("unlist_all", "nobody_is_left"): unlist_one_of_many,
    ("void", "the_old_one_is_revoked"): void_what_is_still_wanted,
} | {
    (name, guard): by_officer(scenario, name)
    for name in ("confirm_scan", "school_return")
    for guard, scenario in _OFFICER.items()
}


@pytest.fixture
async def of(services: Services) -> Cohort:
    return await issuing.cohort(services, names=("崔子涵", "欧阳慧敏"))


async def tried(act: Do) -> None:
    """Try it; a refusal is an answer, too. (A job that finds nothing to do yet returns quietly.)"""
    with contextlib.suppress(Refused):
        await act()


def test_every_guard_and_every_row_has_its_scenario() -> None:
    """A new one asks for what it alone forbids or allows."""
    assert {(step.name, guard.__name__) for step in STEPS for guard in step.guards} == set(SCENARIOS)
    assert {step.name for step in STEPS} == set(ROWS)


@pytest.mark.parametrize(("name", "guard"), SCENARIOS, ids=lambda one: one)
async def test_what_a_guard_forbids_it_alone_forbids(
    services: Services, of: Cohort, name: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = await SCENARIOS[name, guard](services, of)
    step, before = BY_NAME[name], await batch_of(of)
    assert before.state == step.source.value
    await tried(act)
    assert (await batch_of(of)).state == before.state
    rest = tuple(one for one in step.guards if one.__name__ != guard)
    monkeypatch.setitem(BY_NAME, name, replace(step, guards=rest))
    await act()
    assert (await batch_of(of)).state == step.target.value


# Rows


async def _signing(s: Services, of: Cohort) -> Do:
    batch = await prepared(s, of)
    return lambda: organisation.org_sign(s, batch.id, actor=ME)


async def _withdrawing(s: Services, of: Cohort) -> Do:
    batch = await pending(s, of)
    return lambda: organisation.withdraw(s, batch.id, actor=ME)


async def _revising(s: Services, of: Cohort) -> Do:
    await (await _scan(s, of, "school_return"))()
    batch = await batch_of(of)
    return lambda: organisation.revise(s, batch.id, actor=ME)


async def _handing_over(s: Services, of: Cohort) -> Do:
    batch = await school_signed(s, of)
    return lambda: organisation.hand_over(s, batch.id, actor=ME)


async def _finishing(s: Services, of: Cohort) -> Do:
    batch = await generating(s, of)
    ids = [
        int(str(one)) for one in await Certificate.filter(issuance_id=batch.id).values_list("id", flat=True)
    ]
    await generation.generate(s, issuance_id=batch.id, ids=ids)
    return lambda: generation.finish(s, issuance_id=batch.id)


async def _voiding(s: Services, of: Cohort) -> Do:
    """As a batch of one stands when the certificate that it was to replace was revoked after it had begun."""
    other = await issuing.cohort(s)
    await generating(s, other)
    await drained(s)
    old = await Certificate.filter(state="valid").order_by("id").first()
    assert old is not None
    batch = await prepared(s, of)
    await Issuance.filter(id=batch.id).update(corrects_id=old.id)
    clock(s).forward(seconds=1)
    await revocation.revoke(s.clock, s.faults, old.number, "考试违纪", actor=make.ADMIN)
    return lambda: replacement.void(s, batch.id)


def _unlisting(state: Callable[[Services, Cohort], Awaitable[Issuance]], most: int | None) -> Scenario:
    async def arranged(s: Services, of: Cohort) -> Do:
        batch = await state(s, of)
        return lambda: erased_again(s, batch, most)

    return arranged


ROWS: dict[str, Scenario] = {
    "org_sign": _signing,
    "confirm_scan": by_officer(_scan, "confirm_scan"),
    "school_return": by_officer(_scan, "school_return"),
    "withdraw": _withdrawing,
    "revise": _revising,
    "hand_over": _handing_over,
    "complete": _finishing,
    "void": _voiding,
    "unlist_pending": _unlisting(pending, 1),
    "unlist_signed": _unlisting(school_signed, 1),
    "unlist_all": _unlisting(generating, None),
}


@pytest.mark.parametrize("name", ROWS)
async def test_what_a_row_allows_it_alone_allows(services: Services, of: Cohort, name: str) -> None:
    act, step = await ROWS[name](services, of), BY_NAME[name]
    assert (await batch_of(of)).state == step.source.value
    with without_row(BY_NAME, name):
        with pytest.raises(KeyError):
            await act()
        assert (await batch_of(of)).state == step.source.value
    await act()
    assert (await batch_of(of)).state == step.target.value


async def test_a_suspended_officers_qr_is_dead_as_well(services: Services, of: Cohort) -> None:
    """Beside the guard: the verb that suspends leaves no QR of the school open."""
    act = await _scan(services, of, "confirm_scan")
    await officers.suspend(
        services.clock, services.event_bus, of.officer.id, actor=make.school_account(of.school)
    )
    with pytest.raises(Refused) as refused:
        await act()
    assert refused.value.code == "officer_suspended"
