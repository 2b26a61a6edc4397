"""Killed anywhere on the way back and again: returned and revised, withdrawn, corrected, signed anew.

As `test_crash_matrix`, over the detours: the officer returns the batch and it is revised; the organisation withdraws it
because a name changed; after either the batch is signed, confirmed and issued under its new revision.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from server.domain.issuance import organisation, preparing, receipts, scan_tickets
from server.domain.issuance.states import BY_NAME, STEPS, BatchState
from server.domain.ports import Services
from server.models import AuditEntry, Candidate, Certificate, Issuance, Receipt, ScanTicket
from tests.kit import crashes
from tests.kit.crashes import ME, NAMES, arm
from tests.kit.fakes import Killed
from tests.kit.issuing import PIN, Cohort

Detour = Callable[[Services, Cohort], Awaitable[None]]
REASON = "崔子涵姓名有误"
RETURNED = ["org_sign", "school_return", "revise", "org_sign", "confirm_scan", "hand_over", "complete"]
WITHDRAWN = ["org_sign", "withdraw", "org_sign", "confirm_scan", "hand_over", "complete"]


async def _correct(of: Cohort) -> None:
    await Candidate.filter(id=of.registrations[0].candidate_id).update(name="崔梓涵")


async def _is_corrected(of: Cohort) -> bool:
    return (await Candidate.get(id=of.registrations[0].candidate_id)).name == "崔梓涵"


async def returned(s: Services, of: Cohort) -> None:
    """Up to 院校退回 and back to 待签发, from wherever the batch is; nothing once it is revised."""
    batch = await Issuance.get_or_none(plan_id=of.plan.id)
    while batch is None or batch.revision == 1:
        state = BatchState(batch.state) if batch is not None else None
        if batch is None:
            await preparing.prepare(s, of.plan.id, actor=ME)
        elif state is BatchState.PREPARED:
            await organisation.org_sign(s, batch.id, actor=ME)
        elif state is BatchState.SITE_PENDING:
            shown = await scan_tickets.show(s, batch.id, actor=ME)
            await scan_tickets.return_batch(s, shown.token, PIN, REASON, identity=of.identity)
        else:
            await _correct(of)
            await organisation.revise(s, batch.id, actor=ME)
        batch = await Issuance.get_or_none(plan_id=of.plan.id)


async def withdrawn(s: Services, of: Cohort) -> None:
    """Up to 考核站点待签发 with a QR on screen and back to 待签发; nothing once it is withdrawn."""
    batch = await Issuance.get_or_none(plan_id=of.plan.id)
    while batch is None or batch.revision == 1:
        if batch is None:
            await preparing.prepare(s, of.plan.id, actor=ME)
        elif BatchState(batch.state) is BatchState.PREPARED:
            await organisation.org_sign(s, batch.id, actor=ME)
        else:
            if not await _is_corrected(of):  # no QR is shown for a list that has changed
                await scan_tickets.show(s, batch.id, actor=ME)
            await _correct(of)
            await organisation.withdraw(s, batch.id, actor=ME)
        batch = await Issuance.get_or_none(plan_id=of.plan.id)


async def walk(s: Services, of: Cohort, detour: Detour) -> None:
    await detour(s, of)
    await crashes.walk(s, of)


async def whole(s: Services, of: Cohort, way: list[str]) -> None:
    """One line corrected under a new number, the old one void for ever, every step told once, receipts that fit."""
    batch = await Issuance.get(plan_id=of.plan.id)
    listed = await Certificate.filter(issuance_id=batch.id)
    assert (batch.state, batch.revision) == ("issued", 2)
    assert Counter(c.state for c in listed) == {"valid": len(NAMES), "void": 1}
    [void] = [c for c in listed if c.state == "void"]
    assert (void.candidate_id, void.pdf_key) == (of.registrations[0].candidate_id, "")
    entries = AuditEntry.filter(
        subject_kind="issuance",
        subject_id=str(batch.id),
        action__in=[f"issuance.{step.name}" for step in STEPS],
    ).order_by("id")
    steps = [(e.action, (e.was or {})["state"], (e.became or {})["state"]) for e in await entries]
    table = [BY_NAME[name] for name in way]
    assert steps == [(f"issuance.{t.name}", t.source.value, t.target.value) for t in table]
    said = [
        receipts.verify(s.keys, bytes(r.document))
        for r in await Receipt.filter(issuance_id=batch.id).order_by("id")
    ]
    signing = [name for name in way if name in ("school_return", "confirm_scan")]
    assert [one.action for one in said] == signing
    assert (said[-1].revision, said[-1].list_sha256) == (2, bytes(batch.list_sha256 or b"").hex())
    assert await ScanTicket.filter(issuance_id=batch.id).exclude(spent_at=None).count() == len(signing)
    for certificate in listed:
        seals = await AuditEntry.filter(action="certificate.seal", subject_id=certificate.number).count()
        assert seals == (certificate.state == "valid")


@pytest.mark.slow
@pytest.mark.parametrize(("detour", "way"), [(returned, RETURNED), (withdrawn, WITHDRAWN)])
async def test_killed_at_every_place_of_a_detour(world: Services, detour: Detour, way: list[str]) -> None:
    reached = arm(world).reached
    await detour(world, of := await crashes.cohort(world))
    places = Counter(reached)  # the rest of the way is in the other matrix
    await crashes.walk(world, of)
    await whole(world, of, way)
    assert {f"life.{name}: the state is written" for name in way[: way.index("org_sign", 1)]} <= set(places)
    for place, often in places.items():
        for nth in sorted({1, often}):
            for again in (False, True):
                of = await crashes.cohort(world)
                arm(world, place, nth)
                with pytest.raises(Killed):
                    await walk(world, of, detour)
                if again:
                    arm(world, place, 1)
                    with contextlib.suppress(Killed):
                        await walk(world, of, detour)
                arm(world)
                await walk(world, of, detour)
                await whole(world, of, way)
    await crashes.together(world)
