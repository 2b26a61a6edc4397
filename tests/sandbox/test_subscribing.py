"""What a person allows, and the policies of templates (wechat.md §4.5, §5)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from server.sandbox.config import Template
from tests.sandbox.conftest import MP, MP_TEMPLATE, OA, TEMPLATE, Service, WeChat

LONG = Template("L" * 43, "办理提醒", "mp", ("thing1",), use="long")
PAGE = Template("P" * 43, "公众号提醒", "oa", ("thing1",), use="once")
THING = {"thing1": {"value": "甲"}}


async def ask(wechat: WeChat, answers: dict[str, str], **more: Any) -> dict[str, Any]:
    url = f"{wechat.url}/phone/api/act/p1/subscribe?wait=1"
    async with wechat.http.post(url, json={"answers": answers, **more}) as answer:
        return dict(await answer.json())


async def send(wechat: WeChat, template: Template) -> int:
    path = "/cgi-bin/message/subscribe/" + ("send" if template.account == "mp" else "bizsend")
    account = MP if template.account == "mp" else OA
    data = THING if template.fields == ("thing1",) else {**THING, "phrase2": {"value": "已通过"}}
    body = {"touser": wechat.openid(1, account), "template_id": template.id, "data": data}
    return int((await wechat.call(path, body, account))["errcode"])


async def test_a_long_term_grant_lasts_until_it_is_taken_back(wechat: WeChat, service: Service) -> None:
    wechat.platform.add_template(LONG)
    assert await ask(wechat, {LONG.id: "accept"}) == {LONG.id: "accept"}
    assert [await send(wechat, LONG) for _ in range(5)] == [0] * 5
    body = {"account": "mp", "template": LONG.id}
    assert await wechat.post("/sandbox/api/grants", body) == {"left": None}
    await wechat.post("/sandbox/api/grants", {**body, "give": 0})
    assert await send(wechat, LONG) == 43101


@pytest.mark.parametrize(
    ("number", "switches", "code"),
    [
        (0, {}, 10001),
        (6, {}, 20003),
        (4, {"subscribe_ids": 3}, 20003),
        (1, {"subscribe_banned": True}, 20005),
    ],
)
async def test_pop_ups_that_fail(wechat: WeChat, number: int, switches: dict[str, Any], code: int) -> None:
    wechat.platform.switchboard.turn(switches)
    for one in range(number):
        wechat.platform.add_template(replace(MP_TEMPLATE, id=f"m{one}", title=f"提醒{one}"))
    told = await ask(wechat, {f"m{one}": "accept" for one in range(number)})
    assert told["errCode"] == code
    assert told["problem"].startswith("requestSubscribeMessage:fail ")


async def test_unknown_and_mixed_templates_and_the_main_switch(wechat: WeChat) -> None:
    wechat.platform.add_template(LONG)
    assert (await ask(wechat, {"x": "accept"}))["errCode"] == 20001
    assert (await ask(wechat, {TEMPLATE.id: "accept"}))["errCode"] == 20001
    mixed = {LONG.id: "accept", MP_TEMPLATE.id: "accept"}
    assert (await ask(wechat, mixed))["errCode"] == 20002
    await ask(wechat, {MP_TEMPLATE.id: "accept"})
    await wechat.post("/phone/api/act/p1/subscriptions", {"on": False})
    assert (await ask(wechat, {MP_TEMPLATE.id: "accept"}))["errCode"] == 20004
    assert await send(wechat, MP_TEMPLATE) == 43101
    await wechat.post("/phone/api/act/p1/subscriptions", {"on": True})
    assert await send(wechat, MP_TEMPLATE) == 0


async def test_kept_answers_go_on_silently_and_still_grant_one_each(wechat: WeChat) -> None:
    await ask(wechat, {MP_TEMPLATE.id: "accept"}, always=True)
    assert await ask(wechat, {MP_TEMPLATE.id: "reject"}) == {MP_TEMPLATE.id: "accept"}
    assert [await send(wechat, MP_TEMPLATE) for _ in range(3)] == [0, 0, 43101]


async def test_withdrawn_and_doubled_templates_are_not_granted(wechat: WeChat, service: Service) -> None:
    wechat.platform.add_template(replace(MP_TEMPLATE, id="double"))
    wechat.platform.add_template(LONG)
    wechat.platform.switchboard.turn({"withdrawn_templates": [LONG.id]})
    answers = {MP_TEMPLATE.id: "accept", "double": "accept"}
    assert await ask(wechat, answers) == {MP_TEMPLATE.id: "accept", "double": "filter"}
    assert await ask(wechat, {LONG.id: "accept"}) == {LONG.id: "ban"}
    assert len(service.arrivals) == 1
    assert await send(wechat, LONG) == 40037


async def test_one_element_stands_without_brackets_in_json(wechat: WeChat, service: Service) -> None:
    wechat.platform.switchboard.turn({"mp_push_format": "json", "push_mode": "plain"})
    wechat.platform.add_template(replace(MP_TEMPLATE, id="other", title="另一种"))
    await ask(wechat, {MP_TEMPLATE.id: "accept"})
    await ask(wechat, {MP_TEMPLATE.id: "accept", "other": "reject"})
    one, two = (json.loads(arrival.body)["List"] for arrival in service.arrivals)
    assert one == {"TemplateId": MP_TEMPLATE.id, "SubscribeStatusString": "accept", "PopupScene": "0"}
    assert [entry["SubscribeStatusString"] for entry in two] == ["accept", "reject"]


async def test_the_open_tag_of_a_page_grants_for_the_service_account(
    wechat: WeChat, service: Service
) -> None:
    """Following is not needed; the message arrives in 服务通知 (wechat.md §5)."""
    wechat.platform.add_template(PAGE)
    assert await send(wechat, PAGE) == 43101
    assert await ask(wechat, {PAGE.id: "accept"}, account="oa") == {PAGE.id: "accept"}
    assert [await send(wechat, PAGE), await send(wechat, PAGE)] == [0, 43101]
    await wechat.platform.settle()
    popup, sent = (arrival.opened() for arrival in service.arrivals)
    assert popup["SubscribeMsgPopupEvent"]["List"]["PopupScene"] == "1"
    assert (sent["Event"], sent["SubscribeMsgSentEvent"]["List"]["TemplateId"]) == (
        "subscribe_msg_sent_event",
        PAGE.id,
    )
    assert [one["title"] for one in (await wechat.get("/phone/api/feed/p1"))["notices"]] == ["公众号提醒"]


async def test_bizsend_opens_a_page_of_the_mini_program(wechat: WeChat) -> None:
    wechat.platform.add_template(PAGE)
    wechat.platform.switchboard.turn({"published_pages": ["pages/a"]})
    await wechat.post("/sandbox/api/grants", {"account": "oa", "template": PAGE.id, "give": 2})
    body = {"touser": wechat.openid(), "template_id": PAGE.id, "data": THING, "page": "https://a.cn/"}
    path = "/cgi-bin/message/subscribe/bizsend"
    wrong = {**body, "miniprogram": {"appid": MP.appid, "pagepath": "pages/none"}}
    assert (await wechat.call(path, wrong))["errcode"] == 41030
    right = {**body, "miniprogram": {"appid": MP.appid, "pagepath": "pages/a?x=1"}}
    assert await wechat.call(path, right) == {"errcode": 0, "errmsg": "ok"}
    assert await wechat.call(path, body) == {"errcode": 0, "errmsg": "ok"}
    first, other = (await wechat.get("/phone/api/feed/p1"))["notices"]
    assert (first.get("miniprogram"), other.get("url")) == ("pages/a?x=1", "https://a.cn/")


async def test_policies_of_template_messages(wechat: WeChat) -> None:
    wechat.follows()
    data = {**THING, "time2": {"value": "10:00"}}
    body = {"touser": wechat.openid(), "template_id": TEMPLATE.id, "data": data}

    async def told() -> int:
        return int((await wechat.call("/cgi-bin/message/template/send", body))["errcode"])

    wechat.platform.switchboard.turn({"refused_words": ["甲"]})
    assert await told() == 45168
    wechat.platform.switchboard.turn({"refused_words": [], "template_person_a_day": 2})
    assert [await told() for _ in range(3)] == [0, 0, 43117]
    wechat.platform.clock.forward(86400)
    assert await told() == 0
    wechat.platform.switchboard.turn({"withdrawn_templates": [TEMPLATE.id]})
    assert await told() == 43116
    assert (await wechat.call("/cgi-bin/message/wxopen/template/uniform_send", body, MP))["errcode"] == 40037


async def test_phone_numbers_are_paid_for(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"phone_numbers": 1})
    code = (await wechat.post("/phone/api/act/p1/phone_code"))["code"]
    assert (await wechat.call("/wxa/business/getuserphonenumber", {"code": code}, MP))["errcode"] == 0
    async with wechat.http.post(f"{wechat.url}/phone/api/act/p1/phone_code", json={}) as answer:
        assert (answer.status, (await answer.json())["errCode"]) == (409, 1400001)
