"""Every step of a batch against the real database: the right way, the wrong state, the wrong person, each guard, the race."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from server.domain.actor import SYSTEM, Actor
from server.domain.certificates.claims import list_digest
from server.domain.issuance import batch_query, preparing, queries
from server.domain.issuance.certificate_query import Progress
from server.domain.issuance.queries import NextStep
from server.domain.issuance.roster import digest_of
from server.domain.issuance.states import BY_NAME, STEPS, BatchState, Facts, Step, Who
from server.domain.issuance.transitions import advance, locked
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, NotFound, Refused
from server.models import AuditEntry, Certificate, CertificateKind, Issuance, Site
from tests.kit import issuing, make
from tests.kit.issuance_states import GOOD
from tests.kit.issuing import Cohort
from tests.kit.refusals import code_of

ME = make.ISSUER_STAFF


async def in_state(services: Services, of: Cohort, state: BatchState) -> Issuance:
    batch = await issuing.prepared(services, of)
    await Issuance.filter(id=batch.id).update(state=state.value)
    return await Issuance.get(id=batch.id)


WHO = {
    Who.ORGANISATION: ME,
    Who.OFFICER: Actor("officer", 1, "王签发", "officer"),
    Who.WORKER: SYSTEM,
}
by_name = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@by_name
async def test_advance_takes_the_step_and_writes_the_audit_row(
    services: Services, of: Cohort, step: Step
) -> None:
    batch = await in_state(services, of, step.source)
    await advance(services, batch, step.name, GOOD, actor=WHO[Who(step.who)])
    stored = await Issuance.get(id=batch.id)
    assert (stored.state, stored.revision) == (step.target.value, 1 + step.adds_revision)
    entry = await AuditEntry.get(action=f"issuance.{step.name}")
    assert entry.was == {"state": step.source.value, "revision": 1}
    assert entry.became == {"state": step.target.value, "revision": 1 + step.adds_revision}


@by_name
async def test_advance_in_every_other_state_changes_nothing(
    services: Services, of: Cohort, step: Step
) -> None:
    batch = await issuing.prepared(services, of)
    for state in set(BatchState) - {step.source}:
        await Issuance.filter(id=batch.id).update(state=state.value)
        with pytest.raises(Conflict):
            await advance(
                services, await Issuance.get(id=batch.id), step.name, GOOD, actor=WHO[Who(step.who)]
            )
        assert (await Issuance.get(id=batch.id)).state == state.value
    assert await AuditEntry.filter(action=f"issuance.{step.name}").count() == 0


@by_name
async def test_advance_by_the_wrong_person_changes_nothing(
    services: Services, of: Cohort, step: Step
) -> None:
    batch = await in_state(services, of, step.source)
    for who, actor in WHO.items():
        if who is not step.who:
            with pytest.raises(Forbidden):
                await advance(services, batch, step.name, GOOD, actor=actor)
    assert (await Issuance.get(id=batch.id)).state == step.source.value


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (step, field)
        for step in STEPS
        for guard, field in (
            ("someone_is_listed", {"count": 0}),
            ("list_is_current", {"list_is_current": False}),
            ("list_is_signed", {"list_is_signed": False}),
            ("revision_is_shown", {"revision_is_shown": False}),
            ("officer_is_active", {"officer_is_active": False}),
            ("officer_is_of_school", {"officer_is_of_school": False}),
            ("reason_is_given", {"has_reason": False}),
            ("all_are_sealed", {"unsealed": 1}),
        )
        if guard in {one.__name__ for one in step.guards}
    ],
    ids=lambda one: getattr(one, "name", None) or next(iter(one)),
)
async def test_advance_against_a_guard_changes_nothing(
    services: Services, of: Cohort, step: Step, field: dict[str, Any]
) -> None:
    batch = await in_state(services, of, step.source)
    with pytest.raises(Refused):
        await advance(services, batch, step.name, replace(GOOD, **field), actor=WHO[Who(step.who)])
    assert (await Issuance.get(id=batch.id)).state == step.source.value
    assert await AuditEntry.filter(action=f"issuance.{step.name}").count() == 0


@by_name
async def test_of_many_at_once_one_takes_the_step(services: Services, of: Cohort, step: Step) -> None:
    batch = await in_state(services, of, step.source)

    async def attempt() -> bool:
        seen = await Issuance.get(id=batch.id)  # all see the old state; the conditional UPDATE decides
        try:
            await advance(services, seen, step.name, GOOD, actor=WHO[Who(step.who)])
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt() for _ in range(12)))) == 1
    assert await AuditEntry.filter(action=f"issuance.{step.name}").count() == 1


async def test_locked_refuses_what_is_not_there(services: Services) -> None:
    with pytest.raises(NotFound):
        await locked(10**9)


# --- seeing ---


async def test_listing_pages_and_filters(services: Services, of: Cohort) -> None:
    first = await issuing.pending(services, of)
    others = [await issuing.cohort(services, names=("甲",)) for _ in range(2)]
    rest = [await issuing.prepared(services, one) for one in others]
    page = await batch_query.listing(services.clock, limit=2, actor=ME)
    assert [item.id for item in page.items] == [rest[1].id, rest[0].id]
    page = await batch_query.listing(services.clock, limit=2, cursor=page.next_cursor, actor=ME)
    assert ([item.id for item in page.items], page.next_cursor) == ([first.id], None)
    page = await batch_query.listing(
        services.clock, wanted=batch_query.Wanted(state="site_pending"), actor=ME
    )
    assert [item.id for item in page.items] == [first.id]
    assert (
        await code_of(
            batch_query.listing(services.clock, wanted=batch_query.Wanted(state="nonsense"), actor=ME)
        )
        == "state_unknown"
    )
    assert await code_of(batch_query.listing(services.clock, cursor="x", actor=ME)) == "cursor_unknown"


async def test_a_school_sees_its_own_batches_only(services: Services, of: Cohort) -> None:
    mine = await issuing.prepared(services, of)
    other = await issuing.cohort(services, names=("甲",))
    theirs = await issuing.prepared(services, other)
    school = Actor("staff", 7, "教务处", role="school", school_id=of.school.id)
    assert [i.id for i in (await batch_query.listing(services.clock, actor=school)).items] == [mine.id]
    assert (await queries.view(services, mine.id, actor=school)).batch.id == mine.id
    assert await code_of(queries.view(services, theirs.id, actor=school)) == "issuance_not_found"


async def test_the_view_says_what_may_be_done(services: Services, of: Cohort) -> None:
    batch = await issuing.prepared(services, of)
    view = await queries.view(services, batch.id, actor=ME)
    assert view.steps == (NextStep(BY_NAME["org_sign"], refusal=None),)
    assert view.progress == Progress(total=4, sealed=0, failed=0)
    assert (view.batch.state, view.batch.level, view.receipts) == (BatchState.PREPARED, Level.PRIMARY, ())
    assert (await queries.view(services, batch.id, actor=make.OPERATOR)).steps == ()
    assert not any(name in repr(view) for name in issuing.NAMES)


async def test_a_site_of_another_certificate_is_refused(services: Services, of: Cohort) -> None:

    other = await CertificateKind.create(code="XYZ", name="另一种证书")
    await Site.filter(id=of.site.id).update(kind_id=other.id)
    assert await code_of(preparing.prepare(services, of.plan.id, actor=ME)) == "site_other_kind"


def test_facts_say_no_by_default() -> None:
    assert Facts() == Facts(count=0, list_is_current=False, officer_is_active=False)


async def test_the_joined_digest_is_the_canonical_one(services: Services, of: Cohort) -> None:
    await issuing.prepared(services, of)
    listed = [(c.number, bytes(c.line)) for c in await Certificate.all().order_by("-number")]
    assert digest_of(listed) == list_digest(line for _, line in listed)
