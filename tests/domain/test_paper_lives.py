"""The life of a print run by what its rows and guards do: each row alone allows its step, each guard alone forbids one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from server.domain.certificates import revocation
from server.domain.paper import parcels, print_runs, states
from server.domain.ports import Services
from server.errors import Refused
from server.models import Certificate, PaperRun
from tests.kit import printing
from tests.kit.lives import without_row
from tests.kit.printing import COLLEAGUE, PRINTER, WAYBILL

pytestmark = pytest.mark.rule("S91")
Do = Callable[[], Awaitable[object]]
Arrange = Callable[[Services], Awaitable["Scene"]]


@dataclass
class Scene:
    """A run in the state before a step, and what takes the step."""

    run: PaperRun
    act: Do

    async def state(self) -> str:
        return (await PaperRun.get(id=self.run.id)).state


async def finishing(s: Services) -> Scene:
    _, batch = await printing.issued(s)
    run = await PaperRun.get(id=await printing.a_run(s, batch.id))
    return Scene(run, lambda: print_runs.finish(s, run.id, actor=PRINTER))


async def cancelling(s: Services) -> Scene:
    scene = await finishing(s)
    return Scene(scene.run, lambda: print_runs.cancel(s, scene.run.id, "编号填错", actor=PRINTER))


async def handing_over(s: Services) -> Scene:
    _, batch = await printing.issued(s)
    run = await printing.printed(s, batch.id)
    return Scene(run, lambda: parcels.hand_over(s, run.id, run.slip, actor=COLLEAGUE))


async def sending(s: Services) -> Scene:
    _, batch = await printing.issued(s)
    run = await printing.printed(s, batch.id)
    return Scene(run, lambda: parcels.send(s, run.id, *WAYBILL, actor=PRINTER))


async def receiving(s: Services) -> Scene:
    of, batch = await printing.issued(s)
    run, school = await printing.sent(s, batch.id), printing.school_account(of)
    return Scene(run, lambda: parcels.receive(s, run.id, run.slip, 2, actor=school))


ROWS: dict[str, Arrange] = {
    "finish": finishing,
    "cancel": cancelling,
    "hand_over": handing_over,
    "send": sending,
    "receive": receiving,
}


def test_every_row_is_gone_through() -> None:
    assert set(states.STEPS) == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
async def test_what_a_row_allows_it_alone_allows(services: Services, name: str) -> None:
    scene, step = await ROWS[name](services), states.STEPS[name]
    before = await scene.state()
    assert states.PaperState(before) in step.sources
    with without_row(states.STEPS, name):
        with pytest.raises(KeyError):
            await scene.act()
        assert await scene.state() == before
    await scene.act()
    assert await scene.state() == step.target.value


@pytest.mark.parametrize("name", ROWS)
async def test_from_no_other_state(services: Services, name: str) -> None:
    scene, step = await ROWS[name](services), states.STEPS[name]
    for state in set(states.PaperState) - set(step.sources) - {step.target}:
        sent = state in (states.PaperState.SENT, states.PaperState.RECEIVED)
        received = state is states.PaperState.RECEIVED
        at = services.clock.now()
        await PaperRun.filter(id=scene.run.id).update(
            state=state.value,
            sent_at=at if sent else None,
            tracking_number="X1234567" if sent else "",
            received_at=at if received else None,
            received_count=9 if received else None,
        )
        with pytest.raises(Refused) as refused:
            await scene.act()
        assert refused.value.code == "paper_moved"
        assert await scene.state() == state.value


async def _with_a_revoked_one(s: Services, scene: Scene) -> Scene:
    certificate = await Certificate.filter(paper_sheets__run_id=scene.run.id).first()
    assert certificate is not None
    await revocation.revoke(s.clock, s.faults, certificate.number, "登记错误", actor=PRINTER)
    return scene


async def finish_invalid(s: Services) -> Scene:
    return await _with_a_revoked_one(s, await finishing(s))


async def hand_over_invalid(s: Services) -> Scene:
    return await _with_a_revoked_one(s, await handing_over(s))


async def send_invalid(s: Services) -> Scene:
    return await _with_a_revoked_one(s, await sending(s))


async def hand_over_unread(s: Services) -> Scene:
    scene = await handing_over(s)
    return Scene(scene.run, lambda: parcels.hand_over(s, scene.run.id, "23456789AB", actor=COLLEAGUE))


async def receive_unread(s: Services) -> Scene:
    of, batch = await printing.issued(s)
    run, school = await printing.sent(s, batch.id), printing.school_account(of)
    return Scene(run, lambda: parcels.receive(s, run.id, "23456789AB", 2, actor=school))


async def receive_unexplained(s: Services) -> Scene:
    of, batch = await printing.issued(s)
    run, school = await printing.sent(s, batch.id), printing.school_account(of)
    return Scene(run, lambda: parcels.receive(s, run.id, run.slip, 1, actor=school))


async def cancel_spoiled(s: Services) -> Scene:
    scene = await cancelling(s)
    await print_runs.spoil(s, scene.run.id, printing.FIRST, "卡纸", actor=PRINTER)
    return scene


SCENARIOS: dict[tuple[str, str], Arrange] = {
    ("finish", "every_certificate_is_valid"): finish_invalid,
    ("cancel", "nothing_is_printed"): cancel_spoiled,
    ("hand_over", "the_slip_is_read"): hand_over_unread,
    ("hand_over", "every_certificate_is_valid"): hand_over_invalid,
    ("send", "every_certificate_is_valid"): send_invalid,
    ("receive", "the_slip_is_read"): receive_unread,
    ("receive", "the_difference_is_explained"): receive_unexplained,
}


def test_every_guard_has_its_scenario() -> None:
    """They are written here: a guard that is taken out of the table leaves its scenario, and that turns red."""
    assert {(step.name, guard.__name__) for step in states.STEPS.values() for guard in step.guards} == set(
        SCENARIOS
    )


@pytest.mark.parametrize(("name", "guard"), SCENARIOS)
async def test_what_a_guard_forbids_it_alone_forbids(
    services: Services, name: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, step = await SCENARIOS[name, guard](services), states.STEPS[name]
    before = await scene.state()
    with pytest.raises(Refused):
        await scene.act()
    assert await scene.state() == before
    rest = tuple(one for one in step.guards if one.__name__ != guard)
    monkeypatch.setitem(states.STEPS, name, replace(step, guards=rest))
    await scene.act()
    assert await scene.state() == step.target.value
