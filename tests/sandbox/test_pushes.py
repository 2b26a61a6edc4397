"""Pushes: sealed, timed, retried with new signatures, and judged (wechat.md §1)."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from server.sandbox import crypto, xml
from server.sandbox.chat import UNAVAILABLE
from tests.sandbox.conftest import OA, Arrival, Service, WeChat


async def say(wechat: WeChat, text: str = "你好") -> None:
    await wechat.post("/phone/api/act/p1/write", {"text": text}, wait="1")


async def chat(wechat: WeChat) -> list[tuple[str, str]]:
    state = await wechat.get("/phone/api/feed/p1")
    return [(line["from"], line.get("text", line["kind"])) for line in state["oa"]["lines"]]


def reply(arrival: Arrival, kind: str = "text", **content: object) -> str:
    told = arrival.opened()
    fields = {
        "ToUserName": told["FromUserName"],
        "FromUserName": told["ToUserName"],
        "CreateTime": 1,
        "MsgType": kind,
        **content,
    }
    return xml.build(fields)


def sealed(text: str, *, appid: str = OA.appid, token: str = OA.token) -> str:
    made = crypto.encrypt(OA.aes_key, appid, text)
    signature = crypto.signature(token, "99", "n1", made)
    return xml.build({"Encrypt": made, "MsgSignature": signature, "TimeStamp": 99, "Nonce": "n1"})


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


async def test_an_answer_at_the_second_arrival_ends_it(impatient: WeChat, service: Service) -> None:
    impatient.follows()

    async def answer(arrival: Arrival) -> web.Response:
        return web.Response(text="success", status=500 if len(service.arrivals) == 1 else 200)

    service.answer = answer
    await say(impatient)
    assert len(service.arrivals) == 2
    assert [row["ok"] for row in impatient.platform.timeline.rows() if row["direction"] == "push"] == [
        False,
        True,
    ]


async def test_follow_and_unfollow(wechat: WeChat, service: Service) -> None:
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await wechat.post("/phone/api/act/p1/unfollow", {}, wait="1")
    told = [(a.opened()["Event"], a.opened()["EventKey"]) for a in service.arrivals]
    assert told == [("subscribe", ""), ("unsubscribe", "")]


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
