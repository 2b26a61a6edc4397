"""更正 (S68), interrupted: at every fault point of asking, approving and issuing the process dies, and it is whole or never was."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.certificates import revocation
from server.domain.corrections import completion, deciding
from server.domain.issuance import generation
from server.domain.people.candidates import find_by_id_number
from server.domain.ports import Services
from server.errors import Conflict
from server.models import (
    Candidate,
    Certificate,
    Correction,
    CorrectionCertificate,
    Delivery,
    Issuance,
)
from tests.kit import correcting, issuing, make
from tests.kit.correcting import APPROVER, APPROVING, ASKER, ISSUING
from tests.kit.crashes import arm
from tests.kit.fakes import FakeClock, Killed, MemoryFileStore
from tests.kit.issuing import Cohort
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S68")
RIGHT = make.id_number(4321)


async def cases(s: Services) -> int:
    """How many there are; and no letter without its case."""
    assert isinstance(s.file_store, MemoryFileStore)
    kept = {key for key in s.file_store.files if key.startswith("corrections/")}
    named = {one.letter_key for one in await Correction.all()}
    assert named <= kept
    return len(named)


async def places(s: Services, act: str) -> list[str]:
    """What a run that nobody disturbs reaches, in its order."""
    of = await correcting.issued(s, names=("龙雯",))
    case = await correcting.asked(s, of, name="龙文", id_number=RIGHT)
    faults = arm(s)
    if act == "approve":
        await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
    else:
        await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
        batch = await Issuance.get(corrects_id__not_isnull=True)
        await correcting.signed(s, of, batch)
        faults = arm(s)
        await drained(s)
    return list(dict.fromkeys(faults.reached))


@pytest.mark.parametrize(("act", "known"), [("approve", APPROVING), ("issue", ISSUING)])
async def test_every_fault_point_is_tried(services: Services, act: str, known: tuple[str, ...]) -> None:
    assert tuple(await places(services, act)) == known


@pytest.mark.parametrize("place", APPROVING)
async def test_approving_is_whole_or_never_was(services: Services, place: str) -> None:
    s = services
    of = await correcting.issued(s, names=("龙雯",))
    before = await correcting.number_of(s, of)
    case = await correcting.asked(s, of, name="龙文", id_number=RIGHT)
    old = await correcting.certificate(of)
    arm(s, place)
    with pytest.raises(Killed):
        await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
    arm(s)
    happened = place.endswith("after the commit")
    person = await Candidate.get(id=case.candidate_id)
    assert (person.name, await correcting.number_of(s, of)) == (
        ("龙文", RIGHT) if happened else ("龙雯", before)
    )
    assert (await Correction.get(id=case.id)).state == ("under_way" if happened else "requested")
    assert await Issuance.filter(corrects_id=old.id).count() == happened
    assert await CorrectionCertificate.all().count() == happened
    assert (await Certificate.get(id=old.id)).printed_id_sealed is None or happened
    if happened:
        with pytest.raises(Conflict) as again:
            await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
        assert again.value.code == "correction_moved"
    else:
        await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
    await ended(s, of, case)


@pytest.mark.parametrize("place", ISSUING)
async def test_issuing_is_whole_or_never_was(services: Services, place: str) -> None:
    s = services
    of = await correcting.issued(s, names=("龙雯",))
    case = await correcting.asked(s, of, name="龙文", id_number=RIGHT)
    await deciding.approve(s, case.id, id_number=RIGHT, actor=APPROVER)
    await correcting.signed(s, of, await Issuance.get(corrects_id__not_isnull=True))
    arm(s, place)
    for _ in range(3):  # a failure of sealing is kept on the certificate instead of raised
        try:
            await drained(s)
        except Killed:
            break
    await never_two_and_never_none(of)
    arm(s)
    await ended(s, of, case)


async def never_two_and_never_none(of: Cohort) -> None:
    """Of what the public is shown: a valid one counts once its batch is issued."""
    shown = Certificate.filter(
        registration_id=of.registrations[0].id, state="valid", issuance__state="issued"
    )
    assert await shown.count() == 1


async def ended(s: Services, of: Cohort, case: Correction) -> None:
    """Everything goes on from where it is, to the same end."""
    batch = await Issuance.get(corrects_id__not_isnull=True)
    if batch.state == "prepared":
        await correcting.signed(s, of, batch)
    for _ in range(3):
        await issuing.claims_lapse()
        await drained(s)
        await generation.sweep(s)
        await completion.sweep(s)
        await never_two_and_never_none(of)
    assert (await Correction.get(id=case.id)).state == "done"
    old, new = await Certificate.filter(registration_id=of.registrations[0].id).order_by("id")
    assert (old.state, new.state, old.superseded_by_id) == ("superseded", "valid", new.id)
    found = await find_by_id_number(s.keys, RIGHT)
    assert found is not None and found.id == case.candidate_id
    assert await Delivery.filter(topic="correction_done").count() == 1


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("corrections.request: the letter is kept", 0),
        ("corrections.request: before the commit", 0),
        ("corrections.request: after the commit", 1),
    ],
)
async def test_asking_is_whole_or_never_was(services: Services, place: str, count: int) -> None:
    s = services
    of = await issuing.cohort(s)
    arm(s, place)
    with pytest.raises(Killed):
        await correcting.asked(s, of, name="崔子寒")
    arm(s)
    assert await cases(s) == count
    if not count:
        await correcting.asked(s, of, name="崔子寒")
    assert await cases(s) == 1


async def test_of_many_who_decide_at_once_one_does(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    case = await correcting.asked(s, of)
    answers = await asyncio.gather(
        *(deciding.approve(s, case.id, actor=APPROVER) for _ in range(3)),
        deciding.refuse(s, case.id, "不对", actor=make.ADMIN),
        deciding.withdraw(s, case.id, actor=ASKER),
        return_exceptions=True,
    )
    refused = [one.code for one in answers if isinstance(one, Conflict)]
    assert refused == ["correction_moved"] * 4
    state = (await Correction.get(id=case.id)).state
    assert await Issuance.filter(corrects_id__not_isnull=True).count() == (state == "under_way")


async def test_of_two_who_ask_at_once_one_has_a_case(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    answers = await asyncio.gather(
        *(correcting.asked(s, of, name=name) for name in ("崔子寒", "崔子翰")), return_exceptions=True
    )
    assert [one.code for one in answers if isinstance(one, Conflict)] == ["correction_open"]
    assert await cases(s) == 1


VOIDING = (
    "numbering.refresh: the old lines are void",
    "numbering.refresh: the numbers are taken",
    "numbering.refresh: the new lines are reserved",
    "numbering.refresh: the digest is stored",
    "life.void: the state is written",
    "replacement.void: before the commit",
    "replacement.void: after the commit",
    "corrections.complete: the case is done",
    "corrections.complete: before the commit",
    "corrections.complete: after the commit",
)


async def revoked_meanwhile(s: Services, clock: FakeClock) -> Correction:
    of = await correcting.issued(s, names=("龙雯",))
    case = await correcting.approved(s, of, name="龙文")
    clock.forward(minutes=1)
    old = await correcting.certificate(of, state="valid")
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    return case


async def test_every_fault_point_of_voiding_is_tried(services: Services, clock: FakeClock) -> None:
    await revoked_meanwhile(services, clock)
    faults = arm(services)
    await completion.sweep(services)
    assert tuple(dict.fromkeys(faults.reached)) == VOIDING


@pytest.mark.parametrize("place", VOIDING)
async def test_voiding_is_whole_or_never_was(services: Services, clock: FakeClock, place: str) -> None:
    s = services
    case = await revoked_meanwhile(s, clock)
    arm(s, place)
    with pytest.raises(Killed):
        await completion.sweep(s)
    arm(s)
    batch = await Issuance.get(corrects_id__not_isnull=True)
    is_void = place.startswith("corrections") or place.endswith("void: after the commit")
    assert batch.state == ("void" if is_void else "prepared")
    [line] = await Certificate.filter(issuance_id=batch.id)
    assert line.state == ("void" if is_void else "reserved")
    is_done = place == "corrections.complete: after the commit"
    assert (await Correction.get(id=case.id)).state == ("done" if is_done else "under_way")
    await completion.sweep(s)
    assert (await Issuance.get(id=batch.id)).state == "void"
    assert (await Correction.get(id=case.id)).state == "done"
    assert await Delivery.filter(topic="correction_done").count() == 1
