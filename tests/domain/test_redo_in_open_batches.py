"""An erasure that is done again while the backup has a batch with the person open: no certificate of nobody, no batch stuck."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from server.domain.certificates.claims import Line
from server.domain.issuance import generation, organisation, roster, roster_query, scan_tickets
from server.domain.ports import Services
from server.domain.privacy import redoing
from server.domain.privacy.wiping import NO_NAME
from server.models import Candidate, Certificate, Issuance
from tests.kit import correcting, issuing, make
from tests.kit.crashes import arm
from tests.kit.erasing import on_the_register
from tests.kit.fakes import Killed, MemoryFileStore
from tests.kit.issuing import PIN, Cohort
from tests.kit.jobs import drained

ME = make.ISSUER_STAFF


async def _returned(s: Services, of: Cohort) -> Issuance:
    ticket = await issuing.shown_ticket(s, of)
    await scan_tickets.return_batch(s, ticket.token, PIN, "名单有误", identity=of.identity)
    return await Issuance.get(plan_id=of.plan.id)


async def _drawing(s: Services, of: Cohort) -> Issuance:
    """One that was drawn and sealed, its file kept, by a process that died before it said so."""
    batch = await issuing.generating(s, of)
    first = await Certificate.filter(issuance_id=batch.id).order_by("id").first()
    assert first is not None
    arm(s, "generation.seal: the file is kept")
    with pytest.raises(Killed):
        await generation.generate(s, issuance_id=batch.id, ids=[first.id])
    arm(s)
    await issuing.claims_lapse()
    return batch


_State = Callable[[Services, Cohort], Awaitable[Issuance]]
STATES: dict[str, tuple[_State, str, int]] = {
    "prepared": (issuing.prepared, "prepared", 1),
    "pending": (issuing.pending, "prepared", 2),
    "returned": (_returned, "returned", 1),
    "signed": (issuing.school_signed, "prepared", 2),
    "generating": (issuing.generating, "generating", 1),
    "drawing": (_drawing, "generating", 1),
}


@pytest.mark.parametrize("name", STATES)
async def test_the_person_leaves_the_list_and_the_others_get_their_certificates(
    services: Services, name: str
) -> None:
    s = services
    of = await issuing.cohort(s)
    state, after, revision = STATES[name]
    batch = await state(s, of)
    mine = await Certificate.filter(issuance_id=batch.id).order_by("id").first()
    assert mine is not None
    who = await Candidate.get(id=mine.candidate_id)
    done = await redoing.redo(s, on_the_register(s, who))
    assert done is not None and any("还没有发的证书" in one for one in done.open)
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.revision, batch.count) == (after, revision, 3)
    assert roster.stored_digest(await roster_query.reserved(batch.id)) == bytes(batch.list_sha256 or b"")
    mine = await Certificate.get(id=mine.id)
    assert (mine.state, mine.claims, mine.code) == ("void", None, "")
    assert Line.from_bytes(bytes(mine.line)).name == NO_NAME
    if batch.state == "returned":
        await organisation.revise(s, batch.id, actor=ME)
    if batch.state != "generating":
        await organisation.org_sign(s, batch.id, actor=ME)
        ticket = await scan_tickets.show(s, batch.id, actor=ME)
        await scan_tickets.confirm(s, ticket.token, PIN, identity=of.identity)
        await organisation.hand_over(s, batch.id, actor=ME)
    await drained(s)
    await generation.sweep(s)
    await drained(s)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    valid = await Certificate.filter(issuance_id=batch.id, state="valid")
    assert [Line.from_bytes(bytes(one.line)).name for one in valid].count(NO_NAME) == 0 < len(valid) == 3
    assert isinstance(s.file_store, MemoryFileStore)
    assert [key for key in s.file_store.files if mine.number in key] == []


async def test_whoever_draws_it_meanwhile_keeps_no_file(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("崔子涵", "欧阳慧敏"))
    batch = await issuing.generating(s, of)
    mine = await Certificate.filter(issuance_id=batch.id).order_by("id").first()
    assert mine is not None
    who = await Candidate.get(id=mine.candidate_id)
    put_once = s.file_store.put_once

    async def slow(key: str, data: bytes) -> bytes:
        if mine.number in key:
            await redoing.redo(s, on_the_register(s, who))
        return await put_once(key, data)

    s.file_store.put_once = slow  # type: ignore[method-assign]
    await drained(s)
    assert (await Certificate.get(id=mine.id)).state == "void"
    assert (await Issuance.get(id=batch.id)).state == "issued"
    assert isinstance(s.file_store, MemoryFileStore)
    assert [key for key in s.file_store.files if mine.number in key] == []


async def test_a_certificate_that_was_to_be_replaced_is_not(services: Services) -> None:
    """A batch of one: handed over, its only certificate unmade; it ends void, and the old certificate stands."""
    s = services
    of = await correcting.issued(s)
    case = await correcting.approved(s, of)
    batch = await Issuance.get(corrects_id__not_isnull=True)
    await correcting.signed(s, of, batch)
    old = await Certificate.get(id=batch.corrects_id)
    who = await Candidate.get(id=old.candidate_id)
    done = await redoing.redo(s, on_the_register(s, who))
    assert done is not None and any("没有办完的更正" in one for one in done.open)
    await drained(s)
    assert (await Issuance.get(id=batch.id)).state == "void"
    assert (await Certificate.get(id=old.id)).state == "valid"
    assert (await Certificate.get(issuance_id=batch.id)).state == "void"
    assert case.id
