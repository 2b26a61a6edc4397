"""Template, subscription and customer-service messages: who may get what, when (wechat.md §4.5, §5, §6.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.sandbox import crypto, keywords
from server.sandbox.config import Template
from server.sandbox.refusals import WeChatError
from tests.sandbox.conftest import MP, MP_TEMPLATE, OA, OPEN_TEMPLATE, TEMPLATE, Service, WeChat, without_rid

DATA = {"thing1": {"value": "期末考试"}, "time2": {"value": "2026年11月23日 10:00"}}
MP_OPEN = Template("O" * 43, "", "mp")
MP_DATA = {"thing1": {"value": "申请"}, "phrase2": {"value": "已通过"}}


async def send(wechat: WeChat, **more: Any) -> dict[str, Any]:
    body = {"touser": wechat.openid(), "template_id": TEMPLATE.id, "data": DATA, **more}
    return await wechat.call("/cgi-bin/message/template/send", body)


async def test_a_template_message_arrives_and_its_end_is_pushed(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    told = await send(wechat, url="https://example.com/x")
    await wechat.platform.settle()
    assert (told["errcode"], told["errmsg"]) == (0, "ok")
    finished = service.arrivals[0].opened()
    assert (finished["Event"], finished["MsgID"], finished["Status"]) == (
        "TEMPLATESENDJOBFINISH",
        str(told["msgid"]),
        "success",
    )
    assert "MsgId" not in finished
    state = await wechat.get("/phone/api/feed/p1")
    card = {name: state["notices"][0][name] for name in ("title", "fields", "by", "url", "scene")}
    assert card == {
        "title": "成绩公布",
        "fields": [["事项", "期末考试"], ["时间", "2026年11月23日 10:00"]],
        "by": "服务号",
        "url": "https://example.com/x",
        "scene": 1043,
    }
    assert [line["kind"] for line in state["oa"]["lines"]] == ["card"]


@pytest.mark.parametrize(
    ("changed", "errcode", "said"),
    [
        ({"touser": "o0"}, 40003, "invalid openid"),
        ({"template_id": "x"}, 40037, "invalid template_id"),
        ({"template_id": MP_TEMPLATE.id}, 40037, "invalid template_id"),
        ({"data": {}}, 47001, "data format error"),
        (
            {"data": {"thing1": {"value": "a"}}},
            47003,
            "argument invalid! data.time2.value is empty",
        ),
        (
            {"data": {**DATA, "thing1": {"value": "长" * 21}}},
            47003,
            "argument invalid! data.thing1.value invalid",
        ),
        ({"miniprogram": {"appid": "wx0", "pagepath": "a"}}, 40013, "invalid appid"),
    ],
)
async def test_refusals(wechat: WeChat, changed: dict[str, Any], errcode: int, said: str) -> None:
    wechat.follows()
    assert without_rid(await send(wechat, **changed)) == {"errcode": errcode, "errmsg": said}


async def test_followers_only_and_no_openid_of_the_other_account(wechat: WeChat) -> None:
    assert (await send(wechat))["errcode"] == 43004
    wechat.follows()
    assert (await send(wechat, touser=wechat.openid(1, MP)))["errcode"] == 40003
    assert "另一个账号" in wechat.platform.timeline.rows()[-1]["verdict"]


async def test_client_msg_id_works_for_ten_minutes(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    first = await send(wechat, client_msg_id="once")
    assert await send(wechat, client_msg_id="once") == first
    wechat.platform.clock.forward(600)
    assert (await send(wechat, client_msg_id="once"))["msgid"] != first["msgid"]
    await wechat.platform.settle()
    assert len(service.arrivals) == 2


async def test_old_templates_drop_first_and_remark_and_cut_values(wechat: WeChat) -> None:
    wechat.follows()
    data = {name: {"value": "字" * 30} for name in ("first", "keyword1", "remark")}
    assert (await send(wechat, template_id=OPEN_TEMPLATE.id, data=data))["errcode"] == 0
    await wechat.platform.settle()
    state = await wechat.get("/phone/api/feed/p1")
    assert state["notices"][0]["fields"] == [["keyword1", "字" * 20]]


async def subscribe_send(wechat: WeChat, **more: Any) -> dict[str, Any]:
    body = {
        "touser": wechat.openid(1, MP),
        "template_id": MP_TEMPLATE.id,
        "page": "pages/a?x=1",
        "data": MP_DATA,
        **more,
    }
    return await wechat.call("/cgi-bin/message/subscribe/send", body, MP)


async def test_every_accept_is_one_message_and_they_stack(wechat: WeChat, service: Service) -> None:
    assert (await subscribe_send(wechat))["errcode"] == 43101
    for answer in ("accept", "reject", "accept"):
        await wechat.post("/phone/api/act/p1/subscribe", {"answers": {MP_TEMPLATE.id: answer}}, wait="1")
    told = [(await subscribe_send(wechat))["errcode"] for _ in range(3)]
    assert told == [0, 0, 43101]
    await wechat.platform.settle()
    events = [a.opened(MP) for a in service.arrivals]
    assert [e["Event"] for e in events] == ["subscribe_msg_popup_event"] * 3 + [
        "subscribe_msg_sent_event"
    ] * 2
    assert events[0]["SubscribeMsgPopupEvent"]["List"] == {
        "TemplateId": MP_TEMPLATE.id,
        "SubscribeStatusString": "accept",
        "PopupScene": "0",
    }
    assert events[-1]["SubscribeMsgSentEvent"]["List"]["ErrorStatus"] == "success"
    assert {a.path for a in service.arrivals} == {"/wechat/mp"}
    assert [card["scene"] for card in (await wechat.get("/phone/api/feed/p1"))["notices"]] == [1014, 1014]


async def test_switching_off_takes_the_grants_and_is_told(wechat: WeChat, service: Service) -> None:
    body = {"account": "mp", "template": MP_TEMPLATE.id}
    assert await wechat.post("/sandbox/api/grants", {**body, "give": 3}) == {"left": 3}
    assert await wechat.post("/sandbox/api/grants", {**body, "give": 0}) == {"left": 0}
    await wechat.platform.settle()
    assert [a.opened(MP)["Event"] for a in service.arrivals] == ["subscribe_msg_change_event"]


async def test_subscription_messages_check_page_state_and_keywords(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"published_pages": ["pages/a"]})
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"page": "pages/b"}, 41030),
        ({"page": "/pages/a"}, 41030),
        ({"miniprogram_state": "released"}, 40097),
        ({"data": {**MP_DATA, "phrase2": {"value": "English"}}}, 47003),
        ({"touser": wechat.openid(1, OA)}, 40003),
        ({"template_id": TEMPLATE.id}, 40037),
    ]
    for changed, errcode in wrong:
        assert (await subscribe_send(wechat, **changed))["errcode"] == errcode


async def custom(wechat: WeChat, **more: Any) -> int:
    body = {"touser": wechat.openid(), "msgtype": "text", "text": {"content": "回答"}, **more}
    return int((await wechat.call("/cgi-bin/message/custom/send", body))["errcode"])


async def test_window_after_a_message_is_two_days_and_five_messages(wechat: WeChat) -> None:
    wechat.follows()
    assert await custom(wechat) == 45015
    await wechat.post("/phone/api/act/p1/write", {"text": "问"}, wait="1")
    assert [await custom(wechat) for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    await wechat.post("/phone/api/act/p1/write", {"text": "再问"}, wait="1")
    wechat.platform.clock.forward(48 * 3600 - 1)
    assert await custom(wechat) == 0
    wechat.platform.clock.forward(1)
    assert await custom(wechat) == 45015


async def test_window_after_following_is_one_minute_and_three_messages(wechat: WeChat) -> None:
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    assert [await custom(wechat) for _ in range(4)] == [0, 0, 0, 45047]
    wechat.platform.clock.forward(60)
    assert await custom(wechat) == 45015


async def test_nothing_reaches_who_has_unfollowed(wechat: WeChat) -> None:
    wechat.follows()
    await wechat.post("/phone/api/act/p1/write", {"text": "问"}, wait="1")
    await wechat.post("/phone/api/act/p1/unfollow", {}, wait="1")
    assert await custom(wechat) == 45015
    await wechat.post(
        "/phone/api/act/p1/follow", {}, wait="1"
    )  # opens its own minute, and not the old two days
    assert list((await wechat.get("/sandbox/api/windows", account="oa", person="p1"))["windows"]) == ["tap"]


async def test_shapes_of_service_messages(wechat: WeChat) -> None:
    wechat.follows()
    await wechat.post("/phone/api/act/p1/write", {"text": "问"}, wait="1")
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"msgtype": "letter"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"text": {"content": "长" * 683}}, 45002),
        ({"msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
        ({"msgtype": "image"}, 47001),
    ]
    for changed, errcode in wrong:
        assert await custom(wechat, **changed) == errcode


GOOD = {
    "thing1": ["一" * 20, "a b"],
    "number2": ["12", "3.14", "9" * 32],
    "letter3": ["abcXYZ"],
    "symbol4": ["#@!"],
    "character_string5": ["A-1/2", "x" * 32],
    "time6": ["10:00", "2026年1月2日 10:00:01", "10:00~11:00", "2026-01-02 08:00 ~ 2026-01-02 09:00"],
    "date7": ["2026年1月2日", "2026-01-02", "2026/1/2", "2026.1.2 10:00", "2026年1月2日~2026年1月3日"],
    "amount8": ["¥100.5", "20元", "7"],
    "phone_number9": ["+86-0766-66888866"],
    "car_number10": ["粤A8Z888挂", "京A12345"],
    "name11": ["张三", "Jonathan Smith", "一二三四五六七八九十"],
    "phrase12": ["已通过"],
    "short_thing13": ["五个字以内"],
}
BAD = {
    "thing1": ["一" * 21, "a\nb", "", "  "],
    "number2": ["一", "1,000", "9" * 33, "-5", "１２"],
    "letter3": ["ab1", "a" * 33],
    "symbol4": ["######", "a"],
    "character_string5": ["中文", "x" * 33],
    "time6": ["早上", "10点", "25:00", "10:60", "１０:00"],
    "date7": ["1月2日", "明天", "2026年13月1日", "2026-02-32"],
    "amount8": ["一百", "12345678901", "１００元"],
    "phone_number9": ["1" * 18, "电话", "----"],
    "name11": ["一二三四五六七八九十一", "a" * 21, "张" + "a" * 10, "É" * 11, "张三2"],
    "phrase12": ["已经全部通过", "ok"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in GOOD.items() for v in values])
def test_values_that_fit(name: str, value: str) -> None:
    assert keywords.check({name: {"value": value}}, MP_OPEN, strict=True) == {name: value}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_values_that_do_not(name: str, value: str) -> None:
    with pytest.raises(WeChatError, match=f"data.{name}.value") as refused:
        keywords.check({name: {"value": value}}, MP_OPEN, strict=True)
    assert refused.value.errcode == 47003


@pytest.mark.parametrize("status", ["failed:user block", "failed: system failed"])
async def test_template_messages_may_fail_after_they_were_accepted(
    wechat: WeChat, service: Service, status: str
) -> None:
    wechat.follows()
    wechat.platform.switchboard.turn({"template_status": status})
    assert (await send(wechat))["errcode"] == 0
    await wechat.platform.settle()
    assert service.arrivals[0].opened()["Status"] == status
    assert (await wechat.get("/phone/api/feed/p1"))["notices"] == []


async def test_who_blocks_the_account_gets_nothing(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    await wechat.post("/phone/api/act/p1/block", {"on": True})
    await send(wechat)
    await wechat.platform.settle()
    assert service.arrivals[0].opened()["Status"] == "failed:user block"


async def test_the_mini_program_has_windows_of_its_own(wechat: WeChat, service: Service) -> None:
    async def custom_mp() -> int:
        body = {"touser": wechat.openid(1, MP), "msgtype": "text", "text": {"content": "您好"}}
        return int((await wechat.call("/cgi-bin/message/custom/send", body, MP))["errcode"])

    await wechat.post("/phone/api/act/p1/enter_program_chat", {}, wait="1")
    assert [await custom_mp() for _ in range(3)] == [0, 0, 45047]
    await wechat.post("/phone/api/act/p1/write_to_program", {"text": "在吗"}, wait="1")
    assert [await custom_mp() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    told = [(a.path, a.opened(MP).get("Event", "text")) for a in service.arrivals]
    assert told == [("/wechat/mp", "user_enter_tempsession"), ("/wechat/mp", "text")]


async def test_the_mini_program_may_choose_json(wechat: WeChat, service: Service) -> None:
    wechat.platform.switchboard.turn({"mp_push_format": "json"})
    await wechat.post("/phone/api/act/p1/write_to_program", {"text": "在吗"}, wait="1")
    outer = json.loads(service.arrivals[0].body)
    told = json.loads(crypto.decrypt(MP.aes_key, MP.appid, outer["Encrypt"]))
    assert (sorted(outer), told["Content"]) == (["Encrypt", "ToUserName"], "在吗")
