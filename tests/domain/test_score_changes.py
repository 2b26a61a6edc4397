"""成绩变更: a released score changes by the act of two people, once, with a reason, and the candidate is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from server.domain import lookups, score_changes
from server.domain.actor import Actor
from server.domain.exams.results import Result
from server.domain.ports import Services, WeChatIdentity
from server.domain.score_changes import STEPS, ScoreChangeState
from server.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from server.models import (
    AuditEntry,
    Binding,
    Certificate,
    Delivery,
    Issuance,
    LookupChange,
    Plan,
    Registration,
    Score,
    ScoreChange,
)
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, KillerFaultInjector

REASON = "2026年11月23日复核，第 7 号复核记录"
AUDITOR = Actor("staff", 4, "审计员", "auditor")


@pytest.fixture
async def passed(services: Services) -> Registration:
    """Somebody who passed in a released plan, bound in the official account."""
    plan = await make.plan(release_at=services.clock.now())
    made = await make.registration(services, on=plan)
    site = await made.site
    from server.models import PlanSlot

    await PlanSlot.create(plan=plan, level=site.level, subject=make.SUBJECT)
    await Binding.create(
        account="oa", openid="oCandidate", candidate_id=made.candidate_id, bound_at=services.clock.now()
    )
    return made


async def ask(s: Services, of: Registration, actor: Actor = make.OPERATOR, **more: Any) -> ScoreChange:
    wish = {"subject": None, "status": "scored", "score": "12", "reason": REASON, **more}
    change_id = await score_changes.request(s.clock, of.admission_number, **wish, actor=actor)
    return await ScoreChange.get(id=change_id)


async def now(of: Registration) -> tuple[str, Decimal | None, str]:
    mark = await Score.get(registration_id=of.id)
    return mark.status, mark.score, (await Registration.get(id=of.id)).outcome


UNTOUCHED = ("scored", Decimal("78.5"), "passed")


async def test_one_asks_and_another_approves(services: Services, passed: Registration) -> None:
    change = await ask(services, passed)
    assert await now(passed) == UNTOUCHED
    [shown] = (await score_changes.listing(services.keys, actor=make.ADMIN)).items
    assert (shown.was, shown.becomes) == (("scored", Decimal("78.5")), ("scored", Decimal(12)))
    assert (shown.outcome, shown.outcome_becomes) == (Result.PASSED, Result.FAILED)
    assert (shown.may_decide, shown.state) == (True, ScoreChangeState.REQUESTED)
    [mine] = (await score_changes.listing(services.keys, actor=make.OPERATOR)).items
    assert mine.may_decide is False
    told = await LookupChange.all().count()
    assert await score_changes.approve(services, change.id, actor=make.ADMIN) is ScoreChangeState.APPROVED
    assert await now(passed) == ("scored", Decimal("12.0"), "failed")
    assert await LookupChange.all().count() == told + 1
    notice = await Delivery.get()
    assert (notice.topic, notice.candidate_id, notice.openid, notice.path) == (
        "results_released",
        passed.candidate_id,
        "oCandidate",
        "/h5/results",
    )
    assert notice.fields_shown["thing1"].startswith("成绩更正：")
    item = (await lookups.results(services, WeChatIdentity("oa", "oCandidate"))).items[0]
    assert (item.outcome, item.subjects[0].score, item.corrected_at) == (
        Result.FAILED,
        Decimal(12),
        datetime(2026, 11, 23, 4, tzinfo=UTC),
    )
    trail = await AuditEntry.filter(subject_kind__in=["score_change", "registration"]).order_by("id")
    assert [(e.action, e.actor_id) for e in trail] == [
        ("score_change.request", make.OPERATOR.id),
        ("score_change.approve", make.ADMIN.id),
        ("score.change", make.ADMIN.id),
    ]
    assert trail[0].became is not None and trail[0].became["reason"] == REASON
    assert (trail[2].was, trail[2].became) == (
        {"subject": make.SUBJECT, "status": "scored", "score": "78.5", "outcome": "passed"},
        {
            "subject": make.SUBJECT,
            "status": "scored",
            "score": "12.0",
            "outcome": "failed",
            "score_change": change.id,
        },
    )


async def test_nobody_approves_what_they_asked_for(services: Services, passed: Registration) -> None:
    change = await ask(services, passed, actor=make.ADMIN)
    for act in (
        score_changes.approve(services, change.id, actor=make.ADMIN),
        score_changes.refuse(services.clock, change.id, "不对", actor=make.ADMIN),
    ):
        with pytest.raises(Forbidden) as refused:
            await act
        assert refused.value.code == "same_person"
    assert await now(passed) == UNTOUCHED


async def test_who_may_what(services: Services, passed: Registration) -> None:
    change = await ask(services, passed)
    for act in (
        ask(services, passed, actor=make.ISSUER_STAFF),
        score_changes.approve(services, change.id, actor=AUDITOR),
        score_changes.refuse(services.clock, change.id, "不对", actor=AUDITOR),
        score_changes.withdraw(services.clock, change.id, actor=AUDITOR),
        score_changes.listing(services.keys, actor=Actor("staff", 9, "院校", "school", school_id=1)),
    ):
        with pytest.raises(Forbidden) as refused:
            await act
        assert refused.value.code == "role_not_allowed"
    with pytest.raises(Forbidden) as mine:
        await score_changes.withdraw(services.clock, change.id, actor=make.ADMIN)
    assert mine.value.code == "not_yours"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"score": "101"}, "score_range"),
        ({"score": "-1"}, "score_range"),
        ({"score": "59.95"}, "score_range"),
        ({"score": "nan"}, "score_range"),
        ({"score": None}, "score_range"),
        ({"status": "absent", "score": "0"}, "score_and_status"),
        ({"reason": "复核"}, "reason_short"),
        ({"reason": "　" * 12}, "reason_short"),
    ],
)
async def test_a_poor_wish_is_refused(
    services: Services, passed: Registration, wish: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await ask(services, passed, **wish)
    assert [error.code for error in refused.value.errors] == [code]
    assert not await ScoreChange.all().exists()


@pytest.mark.parametrize(
    ("wish", "code"), [({"subject": "实操"}, "subject_unknown"), ({"score": "78.5"}, "score_same")]
)
async def test_a_wish_without_an_object_is_refused(
    services: Services, passed: Registration, wish: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await ask(services, passed, **wish)
    assert refused.value.code == code
    with pytest.raises(NotFound):
        await score_changes.request(
            services.clock, "404", None, status="scored", score="1", reason=REASON, actor=make.OPERATOR
        )


async def test_only_what_is_out_needs_two_people(services: Services, passed: Registration) -> None:
    await Plan.all().update(release_at=None)
    with pytest.raises(Conflict) as refused:
        await ask(services, passed)
    assert refused.value.code == "plan_not_released"


@pytest.mark.parametrize(
    ("state", "holds", "code"),
    [
        ("prepared", True, None),
        ("returned", True, None),
        ("site_pending", False, "batch_at_school"),
        ("school_signed", True, "batch_signed"),
        ("issued", True, "batch_signed"),
        ("issued", False, None),
    ],
)
async def test_a_batch_on_its_way_keeps_its_scores(
    services: Services, passed: Registration, state: str, holds: bool, code: str | None
) -> None:
    """Whether asked before or after the batch went on."""
    early = await ask(services, passed)
    batch = await Issuance.create(plan_id=passed.plan_id, site_id=passed.site_id, state=state)
    if holds:
        await Certificate.create(
            number="26SPS100000001S",
            issuance=batch,
            registration=passed,
            candidate_id=passed.candidate_id,
            line=b"{}",
        )
    if code is None:
        await score_changes.approve(services, early.id, actor=make.ADMIN)
        assert (await now(passed))[2] == "failed"
        return
    with pytest.raises(Conflict) as refused:
        await score_changes.approve(services, early.id, actor=make.ADMIN)
    assert refused.value.code == code
    await score_changes.withdraw(services.clock, early.id, actor=make.OPERATOR)
    with pytest.raises(Conflict) as late:
        await ask(services, passed)
    assert late.value.code == code
    assert await now(passed) == UNTOUCHED


async def test_absence_and_a_first_mark(services: Services, passed: Registration) -> None:
    change = await ask(services, passed, status="absent", score=None)
    await score_changes.approve(services, change.id, actor=make.ADMIN)
    assert await now(passed) == ("absent", None, "absent")
    back = await ask(services, passed, score="60")
    await score_changes.approve(services, back.id, actor=make.ISSUER_STAFF)
    assert await now(passed) == ("scored", Decimal(60), "passed")


async def test_one_open_change_for_a_score(services: Services, passed: Registration) -> None:
    found = await asyncio.gather(*(ask(services, passed) for _ in range(3)), return_exceptions=True)
    codes = sorted(one.code if isinstance(one, Refused) else type(one).__name__ for one in found)
    assert codes == ["ScoreChange", "change_open", "change_open"]


@pytest.mark.parametrize("end", list(STEPS))
async def test_every_end_is_the_end(services: Services, passed: Registration, end: str) -> None:
    acts: dict[str, Callable[[int], Awaitable[ScoreChangeState]]] = {
        "approve": lambda at: score_changes.approve(services, at, actor=make.ADMIN),
        "refuse": lambda at: score_changes.refuse(services.clock, at, "依据不足", actor=make.ADMIN),
        "withdraw": lambda at: score_changes.withdraw(services.clock, at, actor=make.OPERATOR),
    }
    change = await ask(services, passed)
    assert await acts[end](change.id) is STEPS[end].target
    after = await now(passed)
    assert after == (("scored", Decimal(12), "failed") if end == "approve" else UNTOUCHED)
    for act in acts.values():
        with pytest.raises(Conflict) as refused:
            await act(change.id)
        assert refused.value.code == "already_decided"
    assert await now(passed) == after


async def test_two_approvals_at_once_take_effect_once(services: Services, passed: Registration) -> None:
    change = await ask(services, passed)
    both = (score_changes.approve(services, change.id, actor=who) for who in (make.ADMIN, make.ISSUER_STAFF))
    found = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "ScoreChangeState"]
    assert await AuditEntry.filter(action="score.change").count() == 1
    assert await Delivery.all().count() == 1


async def test_a_score_that_moved_meanwhile_is_not_overwritten(
    services: Services, passed: Registration
) -> None:
    change = await ask(services, passed)
    await Score.filter(registration_id=passed.id).update(score=70)
    with pytest.raises(Conflict) as refused:
        await score_changes.approve(services, change.id, actor=make.ADMIN)
    assert refused.value.code == "score_moved"


@pytest.mark.parametrize("place", ["score_changes.decided", "score_changes.written"])
async def test_a_kill_leaves_it_undecided(services: Services, passed: Registration, place: str) -> None:
    change = await ask(services, passed)
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await score_changes.approve(services, change.id, actor=make.ADMIN)
    assert await now(passed) == UNTOUCHED
    assert (await ScoreChange.get(id=change.id)).state == "requested"
    exchange(services, faults=KillerFaultInjector())
    await score_changes.approve(services, change.id, actor=make.ADMIN)
    assert (await now(passed))[2] == "failed"


async def test_numbers_of_persons_in_a_reason_are_masked(services: Services, passed: Registration) -> None:
    number = make.id_number(77)
    change = await ask(services, passed, reason=f"{number} 来电要求复核，见记录 7 号")
    kept = (await ScoreChange.get(id=change.id)).reason
    assert number not in kept and kept.endswith("见记录 7 号")
