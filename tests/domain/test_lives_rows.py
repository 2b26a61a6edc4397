"""The other lives' rows and guards by what they do: see `test_guards_alone` for the batch's.

Each row is gone through by the verb that people or jobs use, with the table as it is and with a table without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from server.domain import imports, score_changes
from server.domain.actor import Caller
from server.domain.certificates import revocation
from server.domain.certificates import states as certificate_states
from server.domain.imports import runs
from server.domain.imports import states as import_states
from server.domain.issuance import generation, organisation, preparing
from server.domain.people import officer_states, officers
from server.domain.ports import Services
from server.domain.score_changes import states as change_states
from server.errors import Refused
from server.models import (
    Certificate,
    Correction,
    ImportRun,
    Issuance,
    Officer,
    Plan,
    PlanSlot,
    Registration,
    Score,
    ScoreChange,
)
from tests.kit import issuing, make
from tests.kit.issuing import PIN, oa
from tests.kit.lives import without_row

Do = Callable[[], Awaitable[object]]


@dataclass
class Scene:
    """A row of a life in the state before a step, and what takes the step."""

    row: Model
    act: Do

    async def state(self) -> str:
        return str((await type(self.row).get(id=self.row.pk)).state)  # type: ignore[attr-defined]  # every life has one


# Certificates


async def voiding(s: Services) -> Scene:
    of = await issuing.cohort(s, names=("崔子涵", "欧阳慧敏"))
    batch = await issuing.prepared(s, of)
    await Registration.filter(id=of.registrations[0].id).update(outcome="misconduct")
    row = await Certificate.get(registration_id=of.registrations[0].id)
    return Scene(row, lambda: organisation.refresh(s, batch.id, actor=make.ISSUER_STAFF))


async def making(s: Services) -> Scene:
    batch = await issuing.generating(s, await issuing.cohort(s, names=("崔子涵",)))
    row = await Certificate.get(issuance_id=batch.id)
    return Scene(row, lambda: generation.generate(s, issuance_id=batch.id, ids=[row.id]))


async def revoking(s: Services) -> Scene:
    scene = await making(s)
    await scene.act()
    row = await Certificate.get(id=scene.row.pk)
    await Issuance.filter(id=row.issuance_id).update(issued_at=s.clock.now())
    return Scene(
        row, lambda: revocation.revoke(s.clock, s.faults, row.number, "冒名", actor=make.ISSUER_STAFF)
    )


# Officers


async def accepting(s: Services, *, confirmed: bool = False) -> Scene:
    school, mobile = await make.school(), make.mobile()
    who = make.school_account(school) if confirmed else make.OPERATOR
    made = await officers.invite(s.clock, s.keys, school.id, "李新任", mobile, actor=who)
    row = await Officer.get(id=made.officer_id)
    return Scene(
        row,
        lambda: officers.accept(
            s, made.token, PIN, phone_last4=mobile[-4:], identity=oa("oNew"), caller=Caller("oNew")
        ),
    )


async def withdrawing(s: Services) -> Scene:
    row = (await accepting(s)).row
    return Scene(row, lambda: officers.withdraw(s.clock, row.pk, actor=make.OPERATOR))


async def confirming(s: Services) -> Scene:
    scene = await accepting(s)
    await scene.act()
    return Scene(scene.row, lambda: officers.confirm(s.clock, s.queue, scene.row.pk, actor=make.ADMIN))


async def suspending(s: Services) -> Scene:
    scene = await accepting(s)
    await scene.act()
    return Scene(scene.row, lambda: officers.suspend(s.clock, s.event_bus, scene.row.pk, actor=make.OPERATOR))


async def resuming(s: Services) -> Scene:
    scene = await suspending(s)
    await scene.act()
    return Scene(scene.row, lambda: officers.resume(s.clock, s.queue, scene.row.pk, actor=make.OPERATOR))


# Import runs


async def running(s: Services, data: bytes = "姓名\n崔子涵\n".encode()) -> Scene:
    import_id = await imports.submit(
        s, "candidates", "a.csv", data, wish=imports.Wish(dry_run=True), actor=make.OPERATOR
    )
    return Scene(await ImportRun.get(id=import_id), lambda: runs.run(s, import_id))


# Score changes


async def asked(s: Services) -> tuple[Registration, ScoreChange]:
    plan = await make.plan(release_at=s.clock.now())
    made = await make.registration(s, on=plan)
    site = await made.site
    await PlanSlot.create(plan=plan, level=site.level, subject=make.SUBJECT)
    change_id = await score_changes.request(
        s.clock,
        made.admission_number,
        None,
        status="scored",
        score="12",
        reason="2026年11月23日复核，第 7 号复核记录",
        actor=make.OPERATOR,
    )
    return made, await ScoreChange.get(id=change_id)


async def approving(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(change, lambda: score_changes.approve(s, change.id, actor=make.ADMIN))


async def refusing(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(change, lambda: score_changes.refuse(s.clock, change.id, "不对", actor=make.ADMIN))


async def taking_back(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(change, lambda: score_changes.withdraw(s.clock, change.id, actor=make.OPERATOR))


Table = dict[str, Any]
ROWS: list[tuple[Table, str, Callable[[Services], Awaitable[Scene]]]] = [
    (certificate_states.STEPS, "void", voiding),
    (certificate_states.STEPS, "revoke", revoking),
    (officer_states.STEPS, "accept", accepting),
    (officer_states.STEPS, "withdraw", withdrawing),
    (officer_states.STEPS, "confirm", confirming),
    (officer_states.STEPS, "suspend", suspending),
    (officer_states.STEPS, "resume", resuming),
    (change_states.STEPS, "approve", approving),
    (change_states.STEPS, "refuse", refusing),
    (change_states.STEPS, "withdraw", taking_back),
]


@pytest.mark.parametrize(
    ("table", "name", "arrange"), ROWS, ids=lambda one: one.__name__ if callable(one) else ""
)
async def test_what_a_row_allows_it_alone_allows(
    services: Services,
    table: Table,
    name: str,
    arrange: Callable[[Services], Awaitable[Scene]],
) -> None:
    scene, step = await arrange(services), table[name]
    before = await scene.state()
    assert before in {state.value for state in step.sources}
    with without_row(table, name):
        with pytest.raises(KeyError):
            await scene.act()
        assert await scene.state() == before
    await scene.act()
    assert await scene.state() == step.target.value


async def test_a_certificate_is_drawn_and_sealed_by_its_rows(services: Services) -> None:
    """A failure of sealing is kept on the certificate instead of raised, and the next try goes on."""
    scene, table = await making(services), certificate_states.STEPS
    for missing, stays in (("draw", "reserved"), ("seal", "drawing")):
        with without_row(table, missing):
            with contextlib.suppress(KeyError):
                await scene.act()
            assert await scene.state() == stays
    await scene.act()
    assert await scene.state() == "valid"


async def test_an_import_ends_by_its_rows(services: Services) -> None:
    scene, table = await running(services, b"x"), import_states.STEPS
    for missing, stays in (("begin", "queued"), ("refuse", "running")):
        with without_row(table, missing):
            with pytest.raises(KeyError):
                await scene.act()
            assert await scene.state() == stays
    await scene.act()
    assert (await scene.state(), await ImportRun.all().count()) == ("unreadable", 1)


# What each guard of a score change forbids


async def approve_ones_own(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(change, lambda: score_changes.approve(s, change.id, actor=replace(make.ADMIN, id=3)))


async def refuse_ones_own(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(
        change, lambda: score_changes.refuse(s.clock, change.id, "不对", actor=replace(make.ADMIN, id=3))
    )


async def withdraw_anothers(s: Services) -> Scene:
    _, change = await asked(s)
    return Scene(change, lambda: score_changes.withdraw(s.clock, change.id, actor=make.ADMIN))


async def approve_unreleased(s: Services) -> Scene:
    made, change = await asked(s)
    await Plan.filter(id=made.plan_id).update(release_at=None)
    return Scene(change, lambda: score_changes.approve(s, change.id, actor=make.ADMIN))


async def _with_batch(s: Services, state: str) -> Scene:
    made, change = await asked(s)
    [batch] = await preparing.prepare(s, made.plan_id, actor=make.ISSUER_STAFF)
    await Issuance.filter(id=batch).update(state=state)
    return Scene(change, lambda: score_changes.approve(s, change.id, actor=make.ADMIN))


async def approve_at_school(s: Services) -> Scene:
    return await _with_batch(s, "site_pending")


async def approve_signed(s: Services) -> Scene:
    return await _with_batch(s, "school_signed")


async def approve_moved(s: Services) -> Scene:
    made, change = await asked(s)
    await Score.filter(registration_id=made.id).update(score=Decimal("50"))
    return Scene(change, lambda: score_changes.approve(s, change.id, actor=make.ADMIN))


async def _of_case(s: Services, act: Callable[[int], Awaitable[object]]) -> Scene:
    """A change that belongs to a correction, decided on its own."""
    made, change = await asked(s)
    await Correction.create(
        kind="score",
        candidate_id=made.candidate_id,
        registration_id=made.id,
        was_sealed=b"",
        becomes_sealed=b"",
        score_change_id=change.id,
        reason="院校函",
        letter_key="corrections/1",
        letter_kind="pdf",
        letter_sha256=b"",
        requested_by=3,
        requested_by_name="考务员",
        requested_by_school=False,
        requested_at=s.clock.now(),
    )
    return Scene(change, lambda: act(change.id))


async def approve_without_case(s: Services) -> Scene:
    return await _of_case(s, lambda of: score_changes.approve(s, of, actor=make.ADMIN))


async def refuse_without_case(s: Services) -> Scene:
    return await _of_case(s, lambda of: score_changes.refuse(s.clock, of, "不对", actor=make.ADMIN))


async def withdraw_without_case(s: Services) -> Scene:
    return await _of_case(s, lambda of: score_changes.withdraw(s.clock, of, actor=make.OPERATOR))


SCENARIOS = {
    ("approve", "it_is_decided_in_place"): approve_without_case,
    ("refuse", "it_is_decided_in_place"): refuse_without_case,
    ("withdraw", "it_is_decided_in_place"): withdraw_without_case,
    ("approve", "another_decides"): approve_ones_own,
    ("approve", "results_are_released"): approve_unreleased,
    ("approve", "nothing_is_signed"): approve_signed,
    ("approve", "nothing_is_at_school"): approve_at_school,
    ("approve", "the_score_is_unmoved"): approve_moved,
    ("refuse", "another_decides"): refuse_ones_own,
    ("withdraw", "the_asker_withdraws"): withdraw_anothers,
}


def test_every_guard_of_a_score_change_has_its_scenario() -> None:
    """They are written here: a guard that is taken out of the table leaves its scenario, and that turns red."""
    assert {
        (step.name, guard.__name__) for step in change_states.STEPS.values() for guard in step.guards
    } == set(SCENARIOS)


@pytest.mark.parametrize(("name", "guard"), SCENARIOS)
async def test_what_a_guard_of_a_score_change_forbids_it_alone_forbids(
    services: Services, name: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, step = await SCENARIOS[name, guard](services), change_states.STEPS[name]
    with pytest.raises(Refused):
        await scene.act()
    assert await scene.state() == "requested"
    rest = tuple(one for one in step.guards if one.__name__ != guard)
    monkeypatch.setitem(change_states.STEPS, name, replace(step, guards=rest))
    if (
        guard == "another_decides"
    ):  # the database has the last word: instead of a sentence there would be a 500
        with pytest.raises(IntegrityError, match="score_change_two_people"):
            await scene.act()
        return
    await scene.act()
    assert await scene.state() == step.target.value
