"""The life of a correction by what its rows and guards do: each row alone allows its step, each guard alone forbids one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from tortoise.exceptions import IntegrityError

from server.domain.actor import SYSTEM
from server.domain.corrections import completion, deciding, states, transitions
from server.domain.corrections.contents import CorrectionKind
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Refused
from server.models import Candidate, Correction, Issuance, PlanSlot
from tests.kit import correcting, issuing, make
from tests.kit.correcting import APPROVER, ASKER
from tests.kit.lives import without_row

Do = Callable[[], Awaitable[object]]
Arrange = Callable[[Services], Awaitable["Scene"]]


@dataclass
class Scene:
    """A case in the state before a step, and what takes the step."""

    case: Correction
    act: Do

    async def state(self) -> str:
        return (await Correction.get(id=self.case.id)).state


async def approving(s: Services) -> Scene:
    of = await correcting.issued(s)
    case = await correcting.asked(s, of)
    return Scene(case, lambda: deciding.approve(s, case.id, actor=APPROVER))


async def refusing(s: Services) -> Scene:
    case = await correcting.asked(s, await issuing.cohort(s), name="崔子寒")
    return Scene(case, lambda: deciding.refuse(s, case.id, "不对", actor=APPROVER))


async def taking_back(s: Services) -> Scene:
    case = await correcting.asked(s, await issuing.cohort(s), name="崔子寒")
    return Scene(case, lambda: deciding.withdraw(s, case.id, actor=ASKER))


async def completing(s: Services) -> Scene:
    of = await correcting.issued(s)
    case = await correcting.approved(s, of)
    batch = await Issuance.get(corrects_id__not_isnull=True)
    await Issuance.filter(id=batch.id).update(state="issued")
    return Scene(case, lambda: completion.complete(s, issuance_id=batch.id))


ROWS: dict[str, Arrange] = {
    "approve": approving,
    "refuse": refusing,
    "withdraw": taking_back,
    "complete": completing,
}


def test_every_row_is_gone_through() -> None:
    assert set(states.STEPS) == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
async def test_what_a_row_allows_it_alone_allows(services: Services, name: str) -> None:
    scene, step = await ROWS[name](services), states.STEPS[name]
    before = await scene.state()
    assert before == step.source.value
    with without_row(states.STEPS, name):
        with pytest.raises(KeyError):
            await scene.act()
        assert await scene.state() == before
    await scene.act()
    assert await scene.state() == step.target.value


async def approve_ones_own(s: Services) -> Scene:
    scene = await approving(s)
    own = replace(APPROVER, id=ASKER.id)
    return Scene(scene.case, lambda: deciding.approve(s, scene.case.id, actor=own))


async def refuse_ones_own(s: Services) -> Scene:
    scene = await refusing(s)
    own = replace(APPROVER, id=ASKER.id)
    return Scene(scene.case, lambda: deciding.refuse(s, scene.case.id, "不对", actor=own))


async def withdraw_anothers(s: Services) -> Scene:
    scene = await taking_back(s)
    return Scene(scene.case, lambda: deciding.withdraw(s, scene.case.id, actor=APPROVER))


async def _in_batch(s: Services, state: str) -> Scene:
    of = await issuing.cohort(s)
    batch = await issuing.prepared(s, of)
    case = await correcting.asked(s, of, name="崔子寒")
    await Issuance.filter(id=batch.id).update(state=state)
    return Scene(case, lambda: deciding.approve(s, case.id, actor=APPROVER))


async def approve_at_school(s: Services) -> Scene:
    return await _in_batch(s, "site_pending")


async def approve_being_made(s: Services) -> Scene:
    return await _in_batch(s, "school_signed")


async def approve_replaced(s: Services) -> Scene:
    """Its certificate is made anew by an earlier case, and its level is wrong besides."""
    of = await correcting.issued(s)
    await make.site(of.school, Level.INTERMEDIATE)
    for level in ("primary", "intermediate"):
        await PlanSlot.create(plan=of.plan, level=level, subject=make.SUBJECT)
    await correcting.approved(s, of)
    case = await correcting.asked(s, of, kind=CorrectionKind.PLACEMENT, level="intermediate")
    return Scene(case, lambda: deciding.approve(s, case.id, actor=APPROVER))


async def approve_moved(s: Services) -> Scene:
    scene = await approving(s)
    await Candidate.filter(id=scene.case.candidate_id).update(name="龙玟")
    return scene


async def approve_taken(s: Services) -> Scene:
    of = await correcting.issued(s)
    right = make.id_number(4321)
    case = await correcting.asked(s, of, id_number=right)
    await make.candidate(s, "别人", right)
    return Scene(case, lambda: deciding.approve(s, case.id, id_number=right, actor=APPROVER))


async def approve_unread(s: Services) -> Scene:
    of = await correcting.issued(s)
    case = await correcting.asked(s, of, id_number=make.id_number(4321))
    return Scene(case, lambda: deciding.approve(s, case.id, id_number="", actor=APPROVER))


SCENARIOS: dict[tuple[str, str], Arrange] = {
    ("approve", "another_decides"): approve_ones_own,
    ("approve", "nothing_is_at_school"): approve_at_school,
    ("approve", "nothing_is_being_made"): approve_being_made,
    ("approve", "nothing_is_replaced"): approve_replaced,
    ("approve", "the_record_is_unmoved"): approve_moved,
    ("approve", "the_new_one_is_free"): approve_taken,
    ("approve", "the_number_is_read_again"): approve_unread,
    ("refuse", "another_decides"): refuse_ones_own,
    ("withdraw", "the_asker_withdraws"): withdraw_anothers,
}


def test_every_guard_has_its_scenario() -> None:
    """They are written here: a guard that is taken out of the table leaves its scenario, and that turns red.

    What `complete` looks at is tried by cases of several batches: nobody is refused by it, the case waits.
    """
    guards = {(step.name, guard.__name__) for step in states.STEPS.values() for guard in step.guards}
    assert guards - {("complete", "all_are_issued")} == set(SCENARIOS)


async def test_a_case_is_not_ended_before_its_certificates_are_there(services: Services) -> None:
    scene = await completing(services)
    row = await Correction.get(id=scene.case.id)
    for unissued in (2, 1):
        with pytest.raises(Refused) as refused:
            await transitions.advance(
                services.clock, row, "complete", states.Standing(unissued=unissued), actor=SYSTEM
            )
        assert refused.value.code == "not_all_issued" and f"{unissued}份" in refused.value.message
        assert await scene.state() == "under_way"
    await transitions.advance(services.clock, row, "complete", states.Standing(unissued=0), actor=SYSTEM)
    assert await scene.state() == "done"


@pytest.mark.parametrize(("name", "guard"), SCENARIOS)
async def test_what_a_guard_forbids_it_alone_forbids(
    services: Services, name: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, step = await SCENARIOS[name, guard](services), states.STEPS[name]
    with pytest.raises(Refused):
        await scene.act()
    assert await scene.state() == "requested"
    rest = tuple(one for one in step.guards if one.__name__ != guard)
    monkeypatch.setitem(states.STEPS, name, replace(step, guards=rest))
    if guard == "another_decides":  # the database has the last word
        with pytest.raises(IntegrityError, match="correction_two_people"):
            await scene.act()
        return
    if guard == "the_new_one_is_free":  # and again
        with pytest.raises(Refused):
            await scene.act()
        assert await scene.state() == "requested"
        return
    await scene.act()
    assert await scene.state() != "requested"
