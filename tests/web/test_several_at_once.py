"""Several ticked rows at once: each has its own answer, the rule of two persons holds for each, who may do none may do none."""

from __future__ import annotations

from typing import Any, ClassVar

import asyncpg
import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import AuditEntry, Delivery, FeeWaiver, Officer, PlanSlot, Score
from tests.kit import issuing, make, paying
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import FakeClock
from tests.kit.noticing import put, the_row

App = Sanic[Any, Any]
GONE = 987_654
WHY = "家庭经济困难，按规定减免"


def said(answer: Any) -> list[tuple[int, str | None]]:
    assert answer.status == 200, answer.text
    items = answer.json["items"]
    assert answer.json["done"] == sum(one["ok"] for one in items)
    assert answer.json["refused"] == sum(not one["ok"] for one in items)
    assert all(bool(one["detail"]) is not one["ok"] for one in items)
    return [(one["id"], one["code"]) for one in items]


def ticks(page: str, steps: str) -> int:
    """How many rows can be ticked for these acts, on a page that has all it takes to act on them."""
    assert page.count('id="bulk"') == page.count('id="bulk-ask"') == page.count("js/console-bulk.js") == 1
    return page.count(f'data-steps="{steps}"')


async def test_waivers_are_asked_for_and_approved_together_by_two(app: App, services: Services) -> None:
    plan = await paying.priced(services)
    first, second = [await paying.owing(services, plan) for _ in range(2)]
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    page = (await finance.page("/console/fees")).text
    assert ticks(page, "waive") == 2 and 'data-bulk="/fees/waive"' in page
    asked = await finance(
        "POST", "/fees/waive", {"ids": [first.id, second.id, first.id, GONE], "reason": WHY}
    )
    assert said(asked) == [(first.id, None), (second.id, None), (GONE, "fee_unknown")]
    assert 'data-steps="waive"' not in (await finance.page("/console/fees")).text
    mine = await other("POST", "/fees/waive", {"ids": [first.id], "reason": WHY})
    assert said(mine) == [(first.id, "waiver_open")]
    ids = [one.id for one in await FeeWaiver.all().order_by("id")]
    assert said(await finance("POST", "/waivers/approve", {"ids": ids})) == [
        (one, "same_person") for one in ids
    ]
    assert 'data-steps="approve"' not in (await finance.page("/console/waivers")).text
    seen = (await other.page("/console/waivers")).text
    assert ticks(seen, "approve") == 2 and f'data-fen="{first.amount_fen}"' in seen
    assert said(await other("POST", "/waivers/approve", {"ids": [ids[0], GONE]})) == [
        (ids[0], None),
        (GONE, "waiver_unknown"),
    ]
    assert [one.state for one in await FeeWaiver.all().order_by("id")] == ["approved", "asked"]
    # What the dialog says of a fee that was paid before its approval.
    assert "批准以前已经付了的不能减免，请走退款；批准以后才付进来的自动退回。" in seen
    await paying.paid(services, FakePay(services.settings, services.clock), second)
    assert said(await other("POST", "/waivers/approve", {"ids": [ids[1]]})) == [(ids[1], "fee_not_owed")]
    auditor = await seated(app, services, Role.AUDITOR)
    assert code(await auditor("POST", "/waivers/approve", {"ids": ids})) == (403, "role_not_allowed")
    short = await other("POST", "/fees/waive", {"ids": [first.id], "reason": "短"})
    assert (short.status, (await other("POST", "/waivers/approve", {"ids": []})).status) == (422, 422)


async def test_a_failure_at_one_of_them_hides_nothing_of_the_others(app: App, services: Services) -> None:
    plan = await paying.priced(services)
    fees = [await paying.owing(services, plan) for _ in range(4)]
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    await finance("POST", "/fees/waive", {"ids": [one.id for one in fees], "reason": WHY})
    ids = [one.id for one in await FeeWaiver.all().order_by("id")]

    class Failing:
        """At the second the outside fails, at the third the database, at the fourth we ourselves."""

        errors: ClassVar[list[Exception | None]] = [
            None, OutsideFailure("没有响应"), asyncpg.DeadlockDetectedError("x"), KeyError("x"),
        ]  # fmt: skip

        async def reach(self, place: str) -> None:
            if place == "waivers.approve: the waiver is approved" and (error := self.errors.pop(0)):
                raise error

    exchange(services, faults=Failing())
    answer = await other("POST", "/waivers/approve", {"ids": ids})
    assert said(answer) == list(zip(ids, (None, "try_again", "try_again", "internal"), strict=True))
    assert [one.state for one in await FeeWaiver.all().order_by("id")] == [
        "approved",
        "asked",
        "asked",
        "asked",
    ]


async def test_score_changes_are_approved_together_but_not_by_who_asked(app: App, services: Services) -> None:
    plan = await make.plan(release_at=services.clock.now())
    made = [await make.registration(services, on=plan) for _ in range(2)]
    for one in made:
        await PlanSlot.get_or_create(plan_id=plan.id, level=(await one.site).level, subject=make.SUBJECT)
    operator, admin = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.ADMIN)
    ids = []
    for one, who in zip(made, (operator, admin), strict=True):
        body = {
            "admission_number": one.admission_number,
            "status": "scored",
            "score": "12",
            "reason": "复核记录第 7 号，复核无误",
        }
        ids.append((await who("POST", "/score-changes", body)).json["id"])
    page = (await admin.page("/console/score-changes")).text
    assert ticks(page, "approve") == 1 and "78.5 → 12.0" in page
    answer = await admin("POST", "/score-changes/approve", {"ids": ids})
    assert said(answer) == [(ids[0], None), (ids[1], "same_person")]
    scores = {one.registration_id: one.score for one in await Score.all()}
    assert [str(scores[one.id]) for one in made] == ["12.0", "78.5"]


async def test_schools_are_asked_once_a_day_to_sign(app: App, services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    waiting = await issuing.prepared(services, await issuing.cohort(services))
    who = await seated(app, services, Role.ISSUER)
    page = (await who.page("/console/issuances")).text
    assert (
        ticks(page, "remind") == 1 and f'data-what="第 {batch.id} 批　{of.school.name}　初级　4 人"' in page
    )
    before = await Delivery.filter(topic="signing_reminder").count()
    ids = {"ids": [batch.id, waiting.id, GONE]}
    first = await who("POST", "/issuances/remind", ids)
    assert said(first) == [(batch.id, None), (waiting.id, "not_waiting"), (GONE, "issuance_not_found")]
    assert said(await who("POST", "/issuances/remind", ids))[0] == (batch.id, "reminded_today")
    [told] = await Delivery.filter(topic="signing_reminder").offset(before)
    assert told.officer_id == (await Officer.filter(school_id=of.school.id).first()).id  # type: ignore[union-attr]
    clock.forward(days=1)
    who = await seated(app, services, Role.ISSUER, username="issuer-two")
    assert said(await who("POST", "/issuances/remind", ids))[0] == (batch.id, None)
    assert await AuditEntry.filter(action="issuance.remind").count() == 2
    await Officer.all().update(state="suspended")
    clock.forward(days=1)
    who = await seated(app, services, Role.ISSUER, username="issuer-three")
    assert said(await who("POST", "/issuances/remind", ids))[0] == (batch.id, "no_officer_to_remind")
    operator = await seated(app, services, Role.OPERATOR)
    assert code(await operator("POST", "/issuances/remind", ids)) == (403, "role_not_allowed")


async def test_invitations_are_sent_again_with_their_links(app: App, services: Services) -> None:
    school = await make.school()
    invited = [await make.officer(school, state="invited") for _ in range(2)]
    active = await make.officer(school)
    who = await seated(app, services, Role.ADMIN)
    assert ticks((await who.page("/console/officers")).text, "resend") == 2
    answer = await who("POST", "/officers/resend", {"ids": [*(one.id for one in invited), active.id]})
    assert said(answer) == [(invited[0].id, None), (invited[1].id, None), (active.id, "not_invited")]
    links = [one["url"] for one in answer.json["items"]]
    assert len(set(links[:2])) == 2 and all("/h5/officer" in one for one in links[:2]) and links[2] == ""


@pytest.mark.parametrize(("path", "state"), [("send-anew", "pending"), ("let-be", "cancelled")])
async def test_unknown_messages_are_decided_together(
    app: App, services: Services, path: str, state: str
) -> None:
    await put(services)
    row = await the_row()
    await Delivery.filter(id=row.id).update(state="unknown")
    who = await seated(app, services, Role.NOTIFIER)
    page = (await who.page("/console/deliveries?state=unknown")).text
    assert ticks(page, "send-anew let-be") == 1 and f'data-bulk="/deliveries/{path}"' in page
    assert 'data-bulk="' not in (await who.page("/console/deliveries")).text
    ids = {"ids": [row.id, GONE]}
    assert said(await who("POST", f"/deliveries/{path}", ids)) == [(row.id, None), (GONE, "delivery_unknown")]
    assert (await the_row()).state == state
    assert said(await who("POST", f"/deliveries/{path}", ids))[0] == (row.id, "delivery_moved")
    auditor = await seated(app, services, Role.AUDITOR)
    assert code(await auditor("POST", f"/deliveries/{path}", ids)) == (403, "role_not_allowed")
