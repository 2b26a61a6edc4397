"""Outcomes, the release of results, and what holds a certificate back."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.exams import plans, results
from server.domain.exams.plans import PlanSettings
from server.domain.exams.queries import PlanView, plans_listing
from server.domain.exams.results import Result, Status, outcome_of
from server.domain.levels import Level
from server.domain.notices import release_announcements
from server.domain.ports import Services
from server.errors import Conflict, NotFound, Refused
from server.models import (
    AuditEntry,
    Binding,
    CertificateKind,
    Delivery,
    LookupChange,
    Plan,
    PracticeRecord,
    StandardVersion,
)
from tests.kit import make
from tests.kit.columns import column
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, Killed, KillerFaultInjector, ListQueue

LATER = datetime(
    2026, 11, 23, 6, 30, tzinfo=UTC
)  # 14:30 in Beijing, two and a half hours after the tests' noon


def scored(value: Any) -> tuple[str, Decimal]:
    return ("scored", Decimal(str(value)))


# outcomes, pure


@pytest.mark.rule("S84")
@pytest.mark.parametrize(
    ("marks", "subjects", "outcome"),
    [
        ({}, {"a"}, Result.PENDING),
        ({"a": scored(60)}, {"a"}, Result.PASSED),
        ({"a": scored(59.9)}, {"a"}, Result.FAILED),
        ({"a": scored(100), "b": scored(59)}, {"a", "b"}, Result.FAILED),
        ({"a": scored(100)}, {"a", "b"}, Result.PENDING),
        ({"a": scored(10)}, {"a", "b"}, Result.FAILED),
        ({"a": ("absent", None)}, {"a"}, Result.ABSENT),
        ({"a": ("absent", None), "b": scored(100)}, {"a", "b"}, Result.ABSENT),
        ({"a": ("absent", None), "b": scored(1)}, {"a", "b"}, Result.FAILED),
        ({"a": ("deferred", None), "b": scored(100)}, {"a", "b"}, Result.DEFERRED),
        ({"a": ("deferred", None), "b": ("absent", None)}, {"a", "b"}, Result.ABSENT),
        ({"a": ("misconduct", None), "b": scored(100)}, {"a", "b"}, Result.MISCONDUCT),
        ({"a": ("cheating", None), "b": scored(1)}, {"a", "b"}, Result.MISCONDUCT),
    ],
)
def test_the_outcome_of_several_subjects(marks: Any, subjects: set[str], outcome: Result) -> None:
    assert outcome_of(marks, subjects) is outcome


@given(
    st.dictionaries(st.sampled_from("abc"), st.decimals(0, 100, places=1), min_size=1), st.permutations("abc")
)
def test_nobody_passes_without_sixty_in_every_subject(marks: dict[str, Decimal], order: list[str]) -> None:
    told = {subject: ("scored", marks[subject]) for subject in order if subject in marks}
    passed = set(marks) == set("abc") and min(marks.values()) >= 60
    assert (outcome_of(told, "abc") is Result.PASSED) == passed


def test_every_status_and_outcome_has_its_chinese_name() -> None:
    assert [status.label for status in Status] == ["已评分", "缺考", "缓考", "违纪", "作弊"]
    assert [result.label for result in Result] == ["成绩未齐", "通过", "未通过", "缺考", "缓考", "违纪"]
    assert all(Status.of_label(status.label) is status for status in Status)


# kinds and standards


@pytest.mark.rule("S7")
async def test_a_kind_comes_with_its_dated_standards(services: Services) -> None:
    kind = await results.ensure_kind(make.KIND)
    assert kind is not None
    assert kind.code == "SPS"
    assert (await results.ensure_kind(make.KIND)) == kind
    assert (await results.standard_on(kind.id, date(2021, 10, 31))).version == "2021年首版"
    assert (await results.standard_on(kind.id, date(2021, 11, 1))).version == "2021年3.0版"
    with pytest.raises(NotFound) as refused:
        await results.standard_on(kind.id, date(2021, 4, 1))
    assert refused.value.code == "standard_unknown"
    assert await StandardVersion.all().count() == 2
    assert await results.ensure_kind("心理咨询师") is None
    assert await CertificateKind.all().count() == 1


# release


async def test_release_now_is_visible_and_told(services: Services) -> None:
    registration = await make.registration(services)
    plan = await registration.plan
    assert not results.is_released(plan, services.clock.now())
    released = await plans.release(services.clock, services.queue, plan.id, at=None, actor=make.OPERATOR)
    assert released == PlanSettings(plan.id, services.clock.now(), requires_practice=False)
    assert results.is_released(await Plan.get(id=plan.id), services.clock.now())
    assert (await Plan.get(id=plan.id)).release_at == services.clock.now()
    entry = await AuditEntry.get(action="plan.release")
    assert (entry.was, entry.became) == ({"release_at": None}, {"release_at": "2026-11-23T12:00:00+08:00"})
    assert await column(LookupChange.all(), "scope") == ["*"]
    assert isinstance(services.queue, ListQueue)
    assert services.queue.jobs == [("exams.announce", {"plan_id": plan.id})]


async def test_release_at_a_set_minute_in_beijing(services: Services, clock: FakeClock) -> None:
    plan = await (await make.registration(services)).plan
    await plans.release(
        services.clock, services.queue, plan.id, at=datetime(2026, 11, 23, 14, 29, 31), actor=make.OPERATOR
    )
    plan = await Plan.get(id=plan.id)
    assert plan.release_at == LATER
    clock.set(LATER - timedelta(microseconds=1))
    assert not results.is_released(plan, clock.now())
    clock.set(LATER)
    assert results.is_released(plan, clock.now())


async def test_a_minute_to_come_may_be_moved_and_taken_back(services: Services, clock: FakeClock) -> None:
    plan = await (await make.registration(services)).plan
    await plans.release(services.clock, services.queue, plan.id, at=LATER, actor=make.OPERATOR)
    moved = await plans.release(
        services.clock, services.queue, plan.id, at=LATER + timedelta(hours=1), actor=make.OPERATOR
    )
    assert moved.release_at == LATER + timedelta(hours=1)
    assert (await plans.cancel_release(services.clock, plan.id, actor=make.OPERATOR)).release_at is None
    assert (await plans.cancel_release(services.clock, plan.id, actor=make.OPERATOR)).release_at is None
    actions = await column(AuditEntry.all().order_by("id"), "action")
    assert actions == ["plan.release", "plan.release", "plan.cancel_release"]
    assert await LookupChange.all().count() == 3


async def test_what_is_visible_stays(services: Services, clock: FakeClock) -> None:
    plan = await (await make.registration(services)).plan
    await plans.release(services.clock, services.queue, plan.id, at=LATER, actor=make.OPERATOR)
    clock.set(LATER)
    for again in (
        plans.release(services.clock, services.queue, plan.id, at=None, actor=make.OPERATOR),
        plans.release(
            services.clock, services.queue, plan.id, at=LATER + timedelta(hours=1), actor=make.OPERATOR
        ),
        plans.cancel_release(services.clock, plan.id, actor=make.OPERATOR),
    ):
        with pytest.raises(Conflict) as refused:
            await again
        assert refused.value.code == "already_released"
    assert (await Plan.get(id=plan.id)).release_at == LATER


async def test_releases_that_make_no_sense_are_refused(services: Services) -> None:
    empty = await make.plan()
    cases: list[tuple[int, datetime | None, type[Refused], str]] = [
        (404, None, NotFound, "plan_unknown"),
        (empty.id, None, Refused, "nothing_to_release"),
        (empty.id, services.clock.now(), Refused, "release_in_past"),
        (empty.id, services.clock.now() - timedelta(days=1), Refused, "release_in_past"),
    ]
    for plan_id, at, kind, code in cases:
        with pytest.raises(kind) as refused:
            await plans.release(services.clock, services.queue, plan_id, at=at, actor=make.OPERATOR)
        assert refused.value.code == code
    assert not await AuditEntry.all().exists()


async def test_the_list_of_plans(services: Services, clock: FakeClock) -> None:
    plan = await make.plan("甲计划")
    site = await make.site()
    for outcome in ("passed", "passed", "failed", "pending"):
        await make.registration(services, on=plan, at=site, outcome=outcome)
    [listed] = await plans_listing(services.clock)
    assert listed == PlanView(
        id=plan.id,
        name="甲计划",
        exam_date=date(2023, 9, 22),
        certificate=make.KIND,
        release_at=None,
        requires_practice=False,
        registered=4,
        passed=2,
        pending=1,
        sites=1,
        state="unreleased",
        slots=[],
    )
    await plans.release(services.clock, services.queue, plan.id, at=LATER, actor=make.OPERATOR)
    assert [row.state for row in await plans_listing(services.clock)] == ["scheduled"]
    clock.set(LATER)
    assert [row.state for row in await plans_listing(services.clock)] == ["released"]


# the minute of release


async def bound(services: Services, count: int) -> Plan:
    plan, site = await make.plan(), await make.site()
    for number in range(count):
        registration = await make.registration(services, on=plan, at=site)
        await Binding.create(
            account="oa",
            openid=f"openid-{number}",
            candidate_id=registration.candidate_id,
            bound_at=services.clock.now(),
        )
    await make.registration(services, on=plan, at=site)  # of somebody who is not bound
    return plan


async def test_everybody_bound_is_told_once_at_the_minute(services: Services, clock: FakeClock) -> None:
    plan = await bound(services, 3)
    await plans.release(services.clock, services.queue, plan.id, at=LATER, actor=make.OPERATOR)
    await release_announcements.announce(services, plan_id=plan.id)
    assert await release_announcements.sweep(services) == 0
    assert not await Delivery.all().exists()
    clock.set(LATER)
    assert await release_announcements.sweep(services) == 1
    changes = await LookupChange.all().count()
    await release_announcements.announce(services, plan_id=plan.id)
    assert await LookupChange.all().count() == changes + 1
    told = await Delivery.all().order_by("openid")
    assert [delivery.openid for delivery in told] == ["openid-0", "openid-1", "openid-2"]
    assert {delivery.topic for delivery in told} == {"results_released"}
    assert {delivery.path for delivery in told} == {"/h5/results"}
    await release_announcements.announce(services, plan_id=plan.id)
    assert await release_announcements.sweep(services) == 0
    assert await Delivery.all().count() == 3


async def test_telling_goes_on_after_a_kill(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_announcements, "SLICE", 2)
    plan = await bound(services, 5)
    await plans.release(services.clock, services.queue, plan.id, at=None, actor=make.OPERATOR)
    for nth in itertools.count(1):
        exchange(services, faults=KillerFaultInjector("releases.slice_told", nth))
        try:
            await release_announcements.announce(services, plan_id=plan.id)
        except Killed:
            assert await release_announcements.sweep(services) == 1
            continue
        break
    assert nth == 4
    assert await Delivery.all().count() == 5
    assert (await Plan.get(id=plan.id)).announced_at == services.clock.now()


async def test_a_moved_minute_is_not_told_at_the_old_one(services: Services, clock: FakeClock) -> None:
    plan = await bound(services, 1)
    await plans.release(services.clock, services.queue, plan.id, at=LATER, actor=make.OPERATOR)
    await plans.release(
        services.clock, services.queue, plan.id, at=LATER + timedelta(hours=1), actor=make.OPERATOR
    )
    clock.set(LATER)
    await release_announcements.announce(services, plan_id=plan.id)
    assert not await Delivery.all().exists()


# practice and supervision hours


@pytest.mark.rule("S13")
@pytest.mark.parametrize(
    ("level", "on", "hours", "reason"),
    [
        (Level.PRIMARY, True, None, None),
        (Level.INTERMEDIATE, False, None, None),
        (Level.INTERMEDIATE, True, (50, 125), None),
        (Level.ADVANCED, True, (100, 250), None),
        (
            Level.INTERMEDIATE,
            True,
            None,
            "中级证书要求的学时未满：督导需 50 学时，已登记 0 学时；实践需 125 学时，已登记 0 学时。请联系所在院校补登学时。",
        ),
        (
            Level.INTERMEDIATE,
            True,
            (50, Decimal("124.9")),
            "中级证书要求的学时未满：实践需 125 学时，已登记 124.9 学时。请联系所在院校补登学时。",
        ),
        (
            Level.ADVANCED,
            True,
            (99, 250),
            "高级证书要求的学时未满：督导需 100 学时，已登记 99 学时。请联系所在院校补登学时。",
        ),
    ],
)
async def test_hours_hold_a_certificate_back(
    services: Services, level: Level, on: bool, hours: Any, reason: str | None
) -> None:
    registration = await make.registration(services, at=await make.site(level=level))
    await plans.set_requires_practice(services.clock, registration.plan_id, on, actor=make.OPERATOR)
    if hours is not None:
        await PracticeRecord.create(
            candidate_id=registration.candidate_id,
            level=level.value,
            supervision_hours=hours[0],
            practice_hours=hours[1],
        )
    assert await results.withheld_reason(registration) == reason


async def test_the_switch_is_in_the_trail_and_only_when_it_moves(services: Services) -> None:
    plan = await make.plan()
    for on in (True, True, False):
        assert (
            await plans.set_requires_practice(services.clock, plan.id, on, actor=make.OPERATOR)
        ).requires_practice == on
    entries = await AuditEntry.all().order_by("id")
    assert [(entry.action, entry.became) for entry in entries] == [
        ("plan.requires_practice", {"requires_practice": True}),
        ("plan.requires_practice", {"requires_practice": False}),
    ]
