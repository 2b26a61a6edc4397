"""The console API of campaigns and deliveries: who may what, the whole way, and what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain.campaigns import upkeep
from server.domain.ports import Push, Services
from server.domain.roles import Role
from server.domain.wechat_chat import chat
from server.errors import OutsideFailure
from server.models import Campaign, Delivery, Plan, StaffWeChat
from tests.kit import campaigning, make
from tests.kit.campaigning import sent_on
from tests.kit.console_desk import Browser, code, seated
from tests.kit.noticing import clock, put, wechat

App = Sanic[Any, Any]
pytestmark = pytest.mark.rule("C3")


@pytest.fixture
async def desk(app: App, services: Services) -> Browser:
    campaigning.with_templates(services)
    return await seated(app, services, Role.NOTIFIER, username="writer")


@pytest.fixture
async def other(app: App, services: Services) -> Browser:
    return await seated(app, services, Role.NOTIFIER, username="approver")


async def plan_of(s: Services, count: int) -> Plan:
    plan = await make.plan()
    await campaigning.people(s, count, on=plan)
    return plan


def body(s: Services, plan: Plan, **more: Any) -> dict[str, Any]:
    return {
        "name": "考前提醒",
        "kind": "exam",
        "ways": [
            {
                "channel": "template",
                "template": "tpl-exam",
                "fields": [
                    {"keyword": "thing1", "person": "plan"},
                    {"keyword": "name2", "person": "name"},
                    {"keyword": "thing3", "constant": "请带好身份证"},
                ],
            }
        ],
        "audience": {"plans": [plan.id]},
        "path": "/h5/results",
        "not_after": (s.clock.now() + timedelta(days=1)).isoformat(),
        "per_second": 50,
        **more,
    }


async def test_the_whole_way(services: Services, desk: Browser, other: Browser) -> None:
    plan = await plan_of(services, 3)
    await make.registration(services, on=plan)
    made = await desk("POST", "/campaigns", body(services, plan), headers={"idempotency-key": "k1"})
    again = await desk("POST", "/campaigns", body(services, plan), headers={"idempotency-key": "k1"})
    assert (made.status, again.json) == (201, made.json)
    assert await Campaign.all().count() == 1
    at = f"/campaigns/{made.json['id']}"
    shown = (await desk("GET", f"{at}/audience")).json
    assert (shown["people"], shown["reachable"], shown["is_frozen"]) == (4, 3, False)
    assert shown["unreached"] == [{"why": "没有绑定微信", "count": 1}]
    assert {one["name_masked"] for one in shown["sample"]} == {"崔**"}
    preview = (await desk("POST", f"{at}/preview", {})).json["items"]
    assert [(one["title"], [line["label"] for line in one["lines"]]) for one in preview] == [
        ("考试安排提醒", ["考试名称", "考生姓名", "备注"])
    ]
    assert preview[0]["lines"][1] == {"label": "考生姓名", "value": "崔子涵", "fault": ""}
    assert (await desk("POST", f"{at}/submit")).status == 204
    await upkeep.freeze(services, made.json["id"])
    assert code(await desk("POST", f"{at}/approve")) == (403, "same_person")
    assert (await other("POST", f"{at}/approve")).status == 204
    assert (await desk("POST", f"{at}/start", {})).status == 204
    assert (await desk("POST", f"{at}/pause")).status == 204
    assert (await desk("POST", f"{at}/resume")).status == 204
    await sent_on(services, turns=4)
    told = (await desk("GET", at)).json
    assert (told["state"], told["state_label"], told["people"], told["decided_by_name"]) == (
        "done",
        "已完成",
        4,
        "王敏",
    )
    assert told["ends"] == [
        {"state": "accepted", "state_label": "已受理", "count": 3},
        {"state": "no_way", "state_label": "无法送达", "count": 1},
    ]
    assert [one["id"] for one in (await desk("GET", "/campaigns?state=done")).json["items"]] == [told["id"]]
    rows = (await desk("GET", f"{at}/deliveries?state=no_way")).json["items"]
    assert [(one["state_label"], one["reason"], one["campaign"]) for one in rows] == [
        ("无法送达", "没有绑定微信", "考前提醒")
    ]


async def test_a_start_at_a_minute_a_cancellation_and_a_changed_pace(
    services: Services, desk: Browser, other: Browser
) -> None:
    campaign = await campaigning.approved(services, await plan_of(services, 1))
    at = f"/campaigns/{campaign.id}"
    soon = services.clock.now() + timedelta(hours=2)
    assert code(await desk("POST", f"{at}/start", {"at": "2026-01-01T09:00:00+08:00"}))[0] == 422
    assert (await desk("POST", f"{at}/start", {"at": soon.isoformat()})).status == 204
    assert (await campaigning.again(campaign)).start_at == soon
    assert (await desk("POST", f"{at}/pace", {"per_second": 2, "per_day": 5})).status == 204
    assert code(await desk("POST", f"{at}/pace", {"per_second": 400, "per_day": 5}))[0] == 422
    assert (await desk("POST", f"{at}/cancel")).status == 204
    assert code(await desk("POST", f"{at}/start", {})) == (409, "campaign_moved")
    assert code(await desk("POST", f"{at}/resume")) == (409, "campaign_moved")
    assert code(await desk("POST", f"{at}/retry-failed")) == (409, "campaign_moved")


async def test_a_draft_is_written_anew_and_declined_with_a_reason(
    services: Services, desk: Browser, other: Browser
) -> None:
    plan = await plan_of(services, 1)
    made = (await desk("POST", "/campaigns", body(services, plan))).json
    at = f"/campaigns/{made['id']}"
    assert (await other("PUT", at, body(services, plan, name="改过的"))).status == 204
    await desk("POST", f"{at}/submit")
    await upkeep.freeze(services, made["id"])
    assert code(await other("POST", f"{at}/approve")) == (403, "same_person"), "who wrote it last"
    assert code(await desk("PUT", at, body(services, plan))) == (409, "campaign_moved")
    third = await seated(desk.app, services, Role.ADMIN)
    assert (await third("POST", f"{at}/decline", {"note": "人数不对"})).status == 204
    told = (await desk("GET", at)).json
    assert (told["state"], told["note"], told["name"], told["people"]) == ("draft", "人数不对", "改过的", 0)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ISSUER, Role.FINANCE, Role.SCHOOL])
async def test_others_see_nothing_of_it(app: App, services: Services, role: Role) -> None:
    school = await make.school() if role is Role.SCHOOL else None
    somebody = await seated(app, services, role, school=school)
    for path in ("/campaigns", "/deliveries", "/campaigns/1", "/campaigns/1/deliveries"):
        assert (await somebody("GET", path)).status == 403


async def test_an_auditor_looks_and_does_nothing(app: App, services: Services) -> None:
    campaign = await campaigning.approved(services, await plan_of(services, 1))
    auditor = await seated(app, services, Role.AUDITOR)
    assert (await auditor("GET", f"/campaigns/{campaign.id}")).status == 200
    assert (await auditor("POST", f"/campaigns/{campaign.id}/start", {})).status == 403


async def test_a_list_is_counted_row_by_row(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 1)
    first = await make.registration(services, on=plan)
    second = await make.registration(services, on=plan)
    made = (await desk("POST", "/campaigns", body(services, plan, audience={"uses_list": True}))).json
    text = f"准考证号,备注\n{first.admission_number},\n{second.admission_number},\n{first.admission_number},\n99,\n,空\n"
    told = await desk(
        "POST",
        "/campaigns/lists",
        data={"campaign_id": made["id"]},
        files={"file": ("名单.csv", text.encode())},
    )
    assert told.status == 200, told.text
    counts = told.json
    assert {name: counts[name] for name in ("seen", "taken", "unchanged", "refused", "skipped")} == {
        "seen": 5,
        "taken": 2,
        "unchanged": 1,
        "refused": 1,
        "skipped": 1,
    }
    assert counts["refusals"] == [
        {"row": 5, "code": "person_unknown", "detail": "没有准考证号末四位是 99 的考生，请核对。"}
    ]
    assert (await desk("GET", f"/campaigns/{made['id']}/audience")).json["people"] == 2
    wrong = await desk(
        "POST", "/campaigns/lists", data={"campaign_id": made["id"]}, files={"file": ("a.csv", b"a,b\n1,2\n")}
    )
    assert code(wrong) == (422, "list_column")
    assert (await desk("GET", f"/campaigns/{made['id']}/audience")).json["people"] == 2


async def test_a_list_of_identity_numbers_is_found_and_not_kept(services: Services, desk: Browser) -> None:
    plan = await make.plan()
    number = make.id_number(4321)
    await make.registration(services, await make.candidate(services, number=number), on=plan)
    made = (await desk("POST", "/campaigns", body(services, plan, audience={"uses_list": True}))).json
    text = f"证件号码\n{number.lower()}\n{make.id_number(4322)}\n"
    told = await desk(
        "POST",
        "/campaigns/lists",
        data={"campaign_id": made["id"]},
        files={"file": ("名单.csv", text.encode())},
    )
    assert (told.json["taken"], told.json["refused"]) == (1, 1)
    assert number not in str((await Campaign.get()).list_counts)


async def test_a_test_message_goes_to_oneself_alone(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 2)
    made = (await desk("POST", "/campaigns", body(services, plan))).json
    at = f"/campaigns/{made['id']}"
    assert code(await desk("POST", f"{at}/test-send", {})) == (409, "wechat_not_linked")
    text = (await desk("POST", "/campaigns/link-code")).json["text"]
    answers = [await chat.answer(services, said(one)) for one in ("试发 000000x", text, text)]
    assert answers[1:] == ["已登记为王敏接收试发的微信。", "登记码不对或已过期，请在工作台重新获取。"]
    assert await StaffWeChat.all().count() == 1
    assert (await desk("POST", f"{at}/test-send", {})).status == 204
    assert [(sent.openid, sent.fields["name2"]) for sent in wechat(services).sent] == [("o-staff", "崔子涵")]
    assert await Delivery.all().count() == 0
    wechat(services).answers.append(OutsideFailure("微信没有及时回答", unknown=True))
    assert (await desk("POST", f"{at}/test-send", {})).status == 503


def said(text: str) -> Any:
    return Push("oa", "text", False, "o-staff", "gh_1", 1, f"k{text}", text=text)


async def test_what_is_unknown_waits_for_a_person(services: Services, desk: Browser) -> None:
    campaign = await campaigning.running(services, await plan_of(services, 2))
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True)] * 12
    for _ in range(12):
        await sent_on(services, turns=1, seconds=61)
    clock(services).forward(seconds=900)
    await sent_on(services, turns=4)
    listed = (await desk("GET", "/deliveries?state=unknown")).json["items"]
    assert len(listed) == 2, "listed, and not sent again by itself"
    first, second = (one["id"] for one in listed)
    assert (await desk("POST", f"/deliveries/{first}/let-be")).status == 204
    wechat(services).answers.clear()
    assert (await desk("POST", f"/deliveries/{second}/send-anew")).status == 204
    assert code(await desk("POST", f"/deliveries/{first}/send-anew")) == (409, "delivery_moved")
    await sent_on(services, turns=4)
    assert await campaigning.ends(campaign) == {"cancelled": 1, "accepted": 1}
    assert len(wechat(services).sent) == 1


async def test_deliveries_are_found_by_person_kind_and_time(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 2)
    await campaigning.running(services, plan)
    await sent_on(services, turns=3)
    await put(services)
    row = await Delivery.filter(topic="campaign").order_by("id").first()
    assert row is not None
    assert row.candidate_id is not None

    async def found(query: str) -> list[str]:
        return [one["topic"] for one in (await desk("GET", f"/deliveries?{query}")).json["items"]]

    assert await found("") == ["results_released", "campaign", "campaign"]
    assert await found("kind=results_released") == ["results_released"]
    assert await found(f"candidate_id={row.candidate_id}") == ["campaign"]
    assert await found("state=pending") == ["results_released"]
    assert await found("until=2026-11-23T00:00:00%2B08:00") == []


async def test_what_a_campaign_may_be_written_with(services: Services, desk: Browser) -> None:
    told = (await desk("GET", "/campaigns/choices")).json
    assert [(one["channel"], one["template"]) for one in told["templates"]] == [("template", "tpl-exam")]
    assert {"name": "name", "label": "姓名"} in told["person_fields"]
    wrong = body(services, await make.plan())
    wrong["ways"][0]["fields"][0] = {"keyword": "thing1", "person": "plan", "constant": "x"}
    answer = await desk("POST", "/campaigns", wrong)
    assert [one["code"] for one in answer.json["errors"]] == ["field_one_of"]


async def test_a_form_is_counted_before_it_is_saved(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 2)
    await make.registration(services, on=plan)
    asked = {
        "kind": "exam",
        "audience": {"plans": [plan.id]},
        "ways": [{"channel": "template", "template": "tpl-exam"}],
    }
    answer = await desk("POST", "/campaigns/count", asked)
    assert answer.json == {
        "people": 3,
        "reachable": 2,
        "unreached": [{"why": "没有绑定微信", "count": 1}],
    }
    assert (await desk("GET", "/campaigns")).json["items"] == []
    refused = await desk("POST", "/campaigns/count", {**asked, "audience": {}})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/audience")
