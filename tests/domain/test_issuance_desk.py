"""The organisation's desk: who is listed, which numbers, what changes with a revision, and one winner of a race."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.certificates import revocation
from server.domain.certificates.claims import Line, is_number, list_digest, number_of
from server.domain.exams import plans as exam_plans
from server.domain.issuance import organisation, preparing, queries, scan_tickets
from server.domain.issuance.queries import HeldBackPerson
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Services
from server.models import (
    AuditEntry,
    Candidate,
    Certificate,
    Issuance,
    NumberSeries,
    PracticeRecord,
    Registration,
    StandardVersion,
)
from tests.kit import issuing, make
from tests.kit.issuing import PIN, Cohort
from tests.kit.jobs import drained
from tests.kit.refusals import code_of

ME = make.ISSUER_STAFF


async def numbers(state: str = "reserved") -> list[str]:
    return [c.number for c in await Certificate.filter(state=state).order_by("number")]


# --- preparing ---


async def test_prepare_lists_those_who_passed_and_no_others(services: Services, of: Cohort) -> None:
    batch = await issuing.prepared(services, of)
    listed = await Certificate.filter(issuance_id=batch.id).order_by("number")
    assert [c.registration_id for c in listed] == [r.id for r in of.registrations]
    assert (batch.state, batch.count, batch.revision) == ("prepared", 4, 1)
    assert bytes(batch.list_sha256 or b"") == list_digest(bytes(c.line) for c in listed)
    assert all(is_number(c.number) and c.number.startswith("26SPS1") for c in listed)
    assert [c.number[6:-1] for c in listed] == ["00000001", "00000002", "00000003", "00000004"]


@pytest.mark.rule("S7")
@pytest.mark.rule("S8")
async def test_a_line_says_what_will_be_printed(services: Services, of: Cohort) -> None:
    await StandardVersion.create(kind_id=of.site.kind_id, version="2024年4.0版", effective_on="2024-01-01")
    await issuing.prepared(services, of)
    one = await Certificate.all().order_by("number").first()
    assert one is not None

    line = Line.from_bytes(bytes(one.line))
    assert (line.name, line.level, line.plan, line.exam_date) == (
        "崔子涵",
        "primary",
        of.plan.name,
        "2023-09-22",
    )
    assert (line.standard, line.issuer, line.school) == (
        "2021年3.0版",  # in force on the day of the exam; the newer one is not
        services.settings.issuer,
        of.school.name,
    )


async def test_prepare_twice_changes_nothing(services: Services, of: Cohort) -> None:
    first = await issuing.prepared(services, of)
    before, entries = await numbers(), await AuditEntry.all().count()
    assert await preparing.prepare(services, of.plan.id, actor=make.OPERATOR) == [first.id]
    assert (await numbers(), await AuditEntry.all().count()) == (before, entries)


async def test_one_batch_for_each_site(services: Services, of: Cohort) -> None:
    second = await make.site(level=Level.ADVANCED)
    await make.registration(services, on=of.plan, at=second)
    third = await make.site()
    await make.registration(services, on=of.plan, at=third, outcome="failed", score=30)
    ids = await preparing.prepare(services, of.plan.id, actor=ME)
    assert [(await Issuance.get(id=i)).site_id for i in ids] == [of.site.id, second.id]
    assert (await numbers())[-1].startswith("26SPS3")


async def test_preparing_at_once_makes_one_batch_and_no_gap(services: Services, of: Cohort) -> None:
    await asyncio.gather(*(preparing.prepare(services, of.plan.id, actor=ME) for _ in range(6)))
    assert await Issuance.all().count() == 1
    assert len(await numbers()) == 4
    assert (await NumberSeries.get(prefix="26SPS1")).given == 4


async def test_numbers_of_many_sites_prepared_at_once_have_neither_doubles_nor_gaps(
    services: Services,
) -> None:
    plans = []
    for _ in range(6):
        plan, site = await make.plan(), await make.site()
        for _ in range(3):
            await make.registration(services, on=plan, at=site)
        plans.append(plan)
    await asyncio.gather(*(preparing.prepare(services, plan.id, actor=ME) for plan in plans))
    assert sorted(int(n[6:-1]) for n in await numbers()) == list(range(1, 19))


async def test_nobody_to_certify(services: Services) -> None:
    registration = await make.registration(services, outcome="failed", score=20)
    assert await code_of(preparing.prepare(services, registration.plan_id, actor=ME)) == "nothing_to_prepare"
    assert await code_of(preparing.prepare(services, 10**9, actor=ME)) == "plan_not_found"


@pytest.mark.rule("S13")
async def test_who_lacks_hours_is_held_back_with_the_reason(services: Services) -> None:
    of = await issuing.cohort(services, level=Level.INTERMEDIATE)
    await exam_plans.set_requires_practice(services.clock, of.plan.id, True, actor=make.ADMIN)
    assert await code_of(preparing.prepare(services, of.plan.id, actor=ME)) == "nothing_to_prepare"
    for registration, supervision in zip(of.registrations[:2], (50, 49), strict=True):
        await PracticeRecord.create(
            candidate_id=registration.candidate_id,
            level="intermediate",
            practice_hours=125,
            supervision_hours=supervision,
        )
    batch = await issuing.prepared(services, of)
    assert batch.count == 1
    view = await queries.view(services, batch.id, actor=ME)
    assert (view.held_back_count, view.not_listed_count) == (3, 0)
    assert {one.code for one in view.held_back} == {"practice_missing"}
    [almost] = [one for one in view.held_back if "49" in one.reason]
    assert almost.name_masked == "买******"


async def test_a_name_that_cannot_be_printed_is_held_back(services: Services) -> None:
    of = await issuing.cohort(services, names=("崔子涵", "王〓"))
    batch = await issuing.prepared(services, of)
    view = await queries.view(services, batch.id, actor=ME)
    assert batch.count == 1
    assert view.held_back == (
        HeldBackPerson("王〓", "王*", "glyph_missing", "证书字体缺少字符“〓”，请联系管理员补充字体。"),
    )


async def test_without_a_standard_in_force_nothing_is_prepared(services: Services, of: Cohort) -> None:
    await StandardVersion.all().update(effective_on="2023-09-23")
    assert await code_of(preparing.prepare(services, of.plan.id, actor=ME)) == "standard_missing"
    assert await Issuance.all().count() == 0


async def test_late_passers_come_into_a_further_batch_once_the_first_is_issued(
    services: Services, of: Cohort
) -> None:
    first = await issuing.generating(services, of)
    late = await make.registration(
        services, await make.candidate(services, "晚", at=of.school), on=of.plan, at=of.site
    )
    assert await preparing.prepare(services, of.plan.id, actor=ME) == [first.id]
    assert (await queries.view(services, first.id, actor=ME)).not_listed_count == 1
    await drained(services)
    [_, second] = await preparing.prepare(services, of.plan.id, actor=ME)
    [only] = await Certificate.filter(issuance_id=second)
    assert only.registration_id == late.id
    assert (await queries.view(services, first.id, actor=ME)).batch.count == 4


async def test_a_revoked_holder_is_not_certified_anew_by_preparing(services: Services, of: Cohort) -> None:

    await issuing.generating(services, of)
    await drained(services)
    await revocation.revoke(services.clock, services.faults, (await numbers("valid"))[0], "冒名", actor=ME)
    assert len(await preparing.prepare(services, of.plan.id, actor=ME)) == 1


# --- signing, withdrawing, revising ---


@pytest.mark.rule("S85")
async def test_signing_moves_the_batch_by_itself(services: Services, of: Cohort) -> None:
    batch = await issuing.prepared(services, of)
    assert await organisation.org_sign(services, batch.id, actor=ME) is BatchState.SITE_PENDING
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.org_signed_at, batch.org_signed_by) == (
        "site_pending",
        services.clock.now(),
        1,
    )


async def test_a_list_that_changed_since_is_shown_anew_before_it_is_signed(
    services: Services, of: Cohort
) -> None:
    batch = await issuing.prepared(services, of)
    old = await numbers()
    await Candidate.filter(name="崔子涵").update(name="崔子函")
    assert await code_of(organisation.org_sign(services, batch.id, actor=ME)) == "list_refreshed"
    assert (await Issuance.get(id=batch.id)).state == "prepared"
    assert await numbers("void") == [old[0]]
    assert await numbers() == [*old[1:], await new_number(5)]
    assert await organisation.org_sign(services, batch.id, actor=ME) is BatchState.SITE_PENDING


async def new_number(serial: int) -> str:

    return number_of("26", "SPS", Level.PRIMARY, serial)


@pytest.mark.parametrize("back", ["withdraw", "revise"])
async def test_going_back_adds_a_revision_and_keeps_unchanged_numbers(
    services: Services, of: Cohort, back: str
) -> None:
    shown = await issuing.shown_ticket(services, of)
    old = await numbers()
    if back == "revise":
        await scan_tickets.return_batch(services, shown.token, PIN, "一人有误", identity=of.identity)
    await Registration.filter(id=of.registrations[1].id).update(outcome="misconduct")
    batch = await Issuance.get(plan_id=of.plan.id)
    await getattr(organisation, back)(services, batch.id, actor=ME)
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.revision, batch.count, batch.org_signed_at) == ("prepared", 2, 3, None)
    assert await numbers() == [old[0], old[2], old[3]]
    assert await numbers("void") == [old[1]]
    await Registration.filter(id=of.registrations[1].id).update(outcome="passed")
    await organisation.refresh(services, batch.id, actor=ME)
    assert await numbers() == [
        old[0],
        old[2],
        old[3],
        await new_number(5),
    ]  # the void number never comes again
    entry = await AuditEntry.filter(action="issuance.refresh").order_by("-id").first()
    assert entry is not None and entry.became is not None
    assert (entry.became["reserved"], entry.became["voided"]) == (1, [])


async def test_a_returned_batch_goes_the_whole_way(services: Services, of: Cohort) -> None:
    shown = await issuing.shown_ticket(services, of)
    await scan_tickets.return_batch(services, shown.token, PIN, "请核对", identity=of.identity)
    batch = await Issuance.get(plan_id=of.plan.id)
    await organisation.revise(services, batch.id, actor=ME)
    await organisation.org_sign(services, batch.id, actor=ME)
    again = await scan_tickets.show(services, batch.id, actor=ME)
    await scan_tickets.confirm(services, again.token, PIN, identity=of.identity)
    await organisation.hand_over(services, batch.id, actor=ME)
    await drained(services)
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.revision, batch.return_reason) == ("issued", 2, "")


async def test_nobody_left_to_sign_for(services: Services, of: Cohort) -> None:
    batch = await issuing.pending(services, of)
    await Registration.filter(plan_id=of.plan.id).update(outcome="misconduct")
    await organisation.withdraw(services, batch.id, actor=ME)
    assert await code_of(organisation.org_sign(services, batch.id, actor=ME)) == "list_empty"


# --- every step against the database ---
