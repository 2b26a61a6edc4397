"""Pushes: sealed, timed, retried with new signatures, and judged (wechat.md §1)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from server.sandbox import crypto, media, xml
from server.sandbox.chat import PROGRAM_UNAVAILABLE, UNAVAILABLE
from tests.kit.sandbox_pushes import reply, sealed
from tests.sandbox.conftest import CONFIG, MP, OA, Arrival, Service, WeChat, running


async def say(wechat: WeChat, text: str = "你好") -> None:
    await wechat.post("/phone/api/act/p1/write", {"text": text}, wait="1")


async def chat(wechat: WeChat) -> list[tuple[str, str]]:
    state = await wechat.get("/phone/api/feed/p1")
    return [(line["from"], line.get("text", line["kind"])) for line in state["oa"]["lines"]]


async def test_safe_mode_carries_only_the_sealed_message(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    await say(wechat)
    (arrival,) = service.arrivals
    outer = xml.read(arrival.body)
    assert (sorted(outer), outer["ToUserName"]) == (["Encrypt", "ToUserName"], OA.original_id)
    assert arrival.opened() == {
        "ToUserName": OA.original_id,
        "FromUserName": wechat.openid(),
        "CreateTime": str(wechat.platform.clock.unix()),
        "MsgType": "text",
        "Content": "你好",
        "MsgId": "24000000000000001",
    }
    query = arrival.query
    assert query["openid"] == wechat.openid()
    assert query["signature"] == crypto.signature(OA.token, query["timestamp"], query["nonce"])


@pytest.mark.parametrize(("mode", "names"), [("plain", False), ("compat", True)])
async def test_other_modes(wechat: WeChat, service: Service, mode: str, names: bool) -> None:
    wechat.follows()
    wechat.platform.switchboard.turn({"push_mode": mode})
    await say(wechat)
    (arrival,) = service.arrivals
    outer = xml.read(arrival.body)
    assert (outer["Content"], "Encrypt" in outer, "msg_signature" in arrival.query) == ("你好", names, names)


async def test_a_sealed_reply_reaches_the_chat(wechat: WeChat, service: Service) -> None:
    wechat.follows()

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text=sealed(reply(arrival, Content="欢迎")))

    service.answer = answer
    await say(wechat)
    assert await chat(wechat) == [("person", "你好"), ("account", "欢迎")]


async def test_blanks_inside_the_sealed_reply_are_taken(wechat: WeChat, service: Service) -> None:
    wechat.follows()

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text=sealed(f"\n    {reply(arrival, Content='欢迎')}\n"))

    service.answer = answer
    await say(wechat)
    assert await chat(wechat) == [("person", "你好"), ("account", "欢迎")]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda a: "ok", "XML"),
        (lambda a: " success", "XML"),
        (lambda a: "﻿" + reply(a, Content="x"), "XML"),
        (lambda a: reply(a, Content="x"), "加密"),
        (lambda a: sealed(reply(a, Content="x"), appid="wx2"), "appid"),
        (lambda a: sealed(reply(a, Content="x"), token="other"), "MsgSignature"),
        (lambda a: sealed(reply(a, Content="长" * 683)), "2048"),
        (lambda a: sealed(reply(a, kind="card")), "MsgType"),
        (lambda a: sealed(reply(a, Content="x").replace(OA.original_id, "gh_0")), "对调"),
        (lambda a: "<!DOCTYPE xml [<!ENTITY a 'b'>]><xml></xml>", "DOCTYPE"),
    ],
)
async def test_bad_replies_show_the_account_unavailable(
    wechat: WeChat, service: Service, made: object, why: str
) -> None:
    wechat.follows()

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text=made(arrival))  # type: ignore[operator]

    service.answer = answer
    await say(wechat)
    assert await chat(wechat) == [("person", "你好"), ("system", UNAVAILABLE)]
    row = wechat.platform.timeline.rows()[-1]
    assert (row["ok"], why in row["verdict"], len(service.arrivals)) == (False, True, 1)


async def test_no_answer_is_retried_three_times_with_new_signatures(
    impatient: WeChat, service: Service
) -> None:
    impatient.follows()

    async def answer(arrival: Arrival) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    service.answer = answer
    await say(impatient)
    assert len(service.arrivals) == 4
    assert len({a.opened()["MsgId"] for a in service.arrivals}) == 1
    assert len({a.query["nonce"] for a in service.arrivals}) == 4
    assert len({a.query["msg_signature"] for a in service.arrivals}) == 4
    assert len({xml.read(a.body)["Encrypt"] for a in service.arrivals}) == 4
    assert await chat(impatient) == [("person", "你好"), ("system", UNAVAILABLE)]


async def test_an_answer_at_the_second_arrival_ends_it(wechat: WeChat, service: Service) -> None:
    wechat.follows()

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text="success", status=500 if len(service.arrivals) == 1 else 200)

    service.answer = answer
    await say(wechat)
    assert len(service.arrivals) == 2
    assert [row["ok"] for row in wechat.platform.timeline.rows() if row["direction"] == "push"] == [
        False,
        True,
    ]


async def test_follow_and_unfollow(wechat: WeChat, service: Service) -> None:
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await wechat.post("/phone/api/act/p1/unfollow", {}, wait="1")
    told = [(a.opened()["Event"], a.opened()["EventKey"]) for a in service.arrivals]
    assert told == [("subscribe", ""), ("unsubscribe", "")]


async def test_who_unfollows_meanwhile_reads_no_reply(wechat: WeChat, service: Service) -> None:
    wechat.follows()

    async def answer(arrival: Arrival) -> web.Response:
        wechat.platform.people.unfollow(OA, wechat.person())
        return web.Response(text=sealed(reply(arrival, Content="还在吗")))

    service.answer = answer
    await wechat.post("/phone/api/act/p1/write", {"text": "你好"}, wait="1")
    state = await wechat.get("/phone/api/feed/p1")
    assert [(line["from"], line["text"]) for line in state["oa"]["lines"]] == [("person", "你好")]


async def test_copies_and_reverse_order(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    wechat.platform.switchboard.turn({"push_copies": 2})
    await say(wechat)
    assert [a.opened()["Content"] for a in service.arrivals] == ["你好", "你好"]
    wechat.platform.switchboard.turn({"push_copies": 1, "push_hold": 3})
    for text in ("甲", "乙", "丙"):
        await say(wechat, text)
    assert [a.opened()["Content"] for a in service.arrivals[2:]] == ["丙", "乙", "甲"]


async def test_any_event_can_be_injected_with_several_lists_and_unknown_fields(
    wechat: WeChat, service: Service
) -> None:
    listed = [{"TemplateId": "a", "SubscribeStatusString": "accept"}, {"TemplateId": "b"}]
    fields = {"Event": "subscribe_msg_popup_event", "SubscribeMsgPopupEvent": {"List": listed}, "New": "x"}
    told = await wechat.post("/sandbox/api/push", {"person": "p2", "fields": fields})
    assert told == {"verdict": "通过"}
    opened = service.arrivals[0].opened()
    assert (opened["SubscribeMsgPopupEvent"], opened["New"]) == ({"List": listed}, "x")


async def test_saving_the_url(wechat: WeChat) -> None:
    assert await wechat.post("/sandbox/api/verify") == {"oa": "通过", "mp": "通过"}


async def test_forgeries_are_seen_to_pass_or_to_be_refused(wechat: WeChat, service: Service) -> None:
    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(status=403)

    told = await wechat.post("/sandbox/api/forge", {"kind": "clear"})
    assert told == {"clear": {"refused": False, "status": 200, "answer": "success"}}
    service.answer = answer
    told = await wechat.post("/sandbox/api/forge", {})
    assert {kind: one["refused"] for kind, one in told.items()} == dict.fromkeys(told, True)
    assert len(told) == 9


async def test_a_push_sent_again_may_be_the_same_to_the_last_byte(
    impatient: WeChat, service: Service
) -> None:
    """Whether it is, is not settled (wechat.md §11): both can be had."""
    impatient.follows()
    impatient.platform.switchboard.turn({"push_same_signature": True})

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(status=500)

    service.answer = answer
    await say(impatient)
    assert len(service.arrivals) == 4
    assert all(arrival == service.arrivals[0] for arrival in service.arrivals)


async def test_pushes_queued_before_a_change_of_key(wechat: WeChat, service: Service) -> None:
    """They are sealed with the key before; an answer may be sealed with either (wechat.md §1.2)."""
    wechat.follows()
    before = "Z" * 42 + "A"
    wechat.platform.switchboard.turn({"push_key": before})

    async def answer(arrival: Arrival) -> web.Response:
        told = arrival.opened(replace(OA, aes_key=before))
        text = xml.build(
            {
                "ToUserName": told["FromUserName"],
                "FromUserName": told["ToUserName"],
                "CreateTime": 1,
                "MsgType": "text",
                "Content": "好",
            }
        )
        made = crypto.encrypt(keys.pop(), OA.appid, text)
        fields = {"Encrypt": made, "MsgSignature": crypto.signature(OA.token, "99", "n1", made)}
        return web.Response(text=xml.build({**fields, "TimeStamp": 99, "Nonce": "n1"}))

    service.answer = answer
    keys = [OA.aes_key, before, "Y" * 42 + "A"][::-1]
    for _ in range(3):
        await say(wechat)
    said = await chat(wechat)
    assert [text for sender, text in said if sender != "person"] == ["好", "好", UNAVAILABLE]


async def test_after_many_failures_nothing_is_pushed_for_a_minute(
    impatient: WeChat, service: Service
) -> None:
    impatient.follows()
    impatient.platform.switchboard.turn({"push_block_after": 2})

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text="success", status=500 if len(service.arrivals) <= 8 else 200)

    service.answer = answer
    for _ in range(3):
        await say(impatient)
    assert len(service.arrivals) == 8  # two pushes of four arrivals each; the third was not sent
    assert "暂停一分钟" in impatient.platform.timeline.rows()[-1]["verdict"]
    impatient.platform.clock.forward(60)
    await say(impatient)
    assert len(service.arrivals) == 9


async def test_what_is_kept_back_too_long_goes_out_all_the_same(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    wechat.platform.switchboard.turn({"push_hold": 3})
    await say(wechat, "甲")
    await say(wechat, "乙")
    assert service.arrivals == []
    assert await wechat.post("/sandbox/api/release") == {"sent": 2}
    assert [a.opened()["Content"] for a in service.arrivals] == ["乙", "甲"]
    wechat.platform.switchboard.turn({"push_hold_seconds": 0})
    await say(wechat, "丙")
    async with asyncio.timeout(5):
        while len(service.arrivals) < 3:
            await asyncio.sleep(0)
    assert service.arrivals[2].opened()["Content"] == "丙"


async def test_failures_are_named_as_wechat_names_them(impatient: WeChat, service: Service) -> None:
    impatient.follows()

    async def slow(arrival: Arrival) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def wrong(arrival: Arrival) -> web.Response:
        return web.Response(text="nonsense")

    for answer in (slow, wrong):
        service.answer = answer
        await say(impatient)
    impatient.platform.service_url = "http://127.0.0.1:9"
    await say(impatient)
    rows = [row for row in impatient.platform.timeline.rows() if row["direction"] == "push"]
    assert [row["alarm"] for row in rows] == ["请求超时"] * 4 + ["响应失败"] + ["连接失败"] * 4


@pytest.mark.parametrize("kind", ["image", "voice", "video"])
async def test_replies_with_media(wechat: WeChat, service: Service, kind: str) -> None:
    """The file must have been uploaded, as this type, in the last three days."""
    wechat.follows()
    media_id = media.by_person(wechat.platform, OA, wechat.person(), kind)

    async def answer(arrival: Arrival) -> web.Response:
        part = {"MediaId": ids.pop()}
        return web.Response(text=sealed(reply(arrival, kind, **{kind.title(): part})))

    service.answer = answer
    ids = ["unknown", media_id]
    await say(wechat)
    await say(wechat)
    names = {"image": "［图片］", "voice": "［语音］", "video": "［视频］"}
    assert [text for sender, text in await chat(wechat) if sender != "person"] == [names[kind], UNAVAILABLE]


async def test_a_mini_program_answers_success_or_hands_over(wechat: WeChat, service: Service) -> None:
    """Anything else the person sees as a failure (DOC 《转发客服消息》)."""

    async def answer(arrival: Arrival) -> web.Response:
        told = arrival.opened(MP)
        fields = {
            "ToUserName": told["FromUserName"],
            "FromUserName": told["ToUserName"],
            "CreateTime": 1,
            "MsgType": kinds.pop(),
            "Content": "好",
        }
        made = crypto.encrypt(MP.aes_key, MP.appid, xml.build(fields))
        outer = {"Encrypt": made, "MsgSignature": crypto.signature(MP.token, "99", "n1", made)}
        return web.Response(text=xml.build({**outer, "TimeStamp": 99, "Nonce": "n1"}))

    service.answer = answer
    kinds = ["text", "transfer_customer_service"]
    for _ in range(2):
        await wechat.post("/phone/api/act/p1/write_to_program", {"text": "在吗"}, wait="1")
    lines = (await wechat.get("/phone/api/feed/p1"))["mp"]["lines"]
    assert [line["text"] for line in lines if line["from"] != "person"] == [
        "［已转接人工客服］",
        PROGRAM_UNAVAILABLE,
    ]


async def test_accounts_that_the_console_would_not_save(service: Service) -> None:
    for wrong in (replace(OA, token="a"), replace(OA, token="has space"), replace(OA, aes_key="short")):
        async for wechat in running(replace(CONFIG, accounts=(wrong,), service_url=service.url)):
            told = await wechat.post("/sandbox/api/verify")
            assert "位字母或数字" in told["oa"]
    assert service.arrivals == []
