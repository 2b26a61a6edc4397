"""The mini-program's session and what is sealed under it; pages that ask for the JS-SDK (wechat.md §3.2, §4.1)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from server.sandbox import crypto
from tests.sandbox.conftest import MP, OA, Service, WeChat


async def log_in(wechat: WeChat, person: str = "p1") -> dict[str, Any]:
    code = (await wechat.post(f"/phone/api/act/{person}/login"))["code"]
    query = {"appid": MP.appid, "secret": MP.secret, "js_code": code, "grant_type": "authorization_code"}
    return await wechat.get("/sns/jscode2session", **query)


async def test_user_data_are_sealed_under_the_newest_session_key(wechat: WeChat) -> None:
    """A later wx.login makes what was fetched before unreadable, hence: log in first, then fetch."""
    async with wechat.http.post(f"{wechat.url}/phone/api/act/p1/user_data", json={}) as answer:
        assert answer.status == 409
    before = (await log_in(wechat))["session_key"]
    told = await wechat.post("/phone/api/act/p1/user_data")
    assert told["signature"] == crypto.raw_data_signature(told["rawData"], before)
    opened = json.loads(crypto.open_user_data(before, told["iv"], told["encryptedData"]))
    assert opened["watermark"] == {"appid": MP.appid, "timestamp": wechat.platform.clock.unix()}
    assert opened["openId"] == wechat.openid(1, MP)
    assert json.loads(told["rawData"])["nickName"] == opened["nickName"]
    after = (await log_in(wechat))["session_key"]
    again = await wechat.post("/phone/api/act/p1/user_data")
    assert again["signature"] == crypto.raw_data_signature(again["rawData"], after)
    assert before != after


async def test_a_person_logs_in_a_hundred_times_a_minute(wechat: WeChat) -> None:
    minute = f"{MP.appid} p1 {wechat.platform.clock.unix() // 60}"
    wechat.platform.store.put("counter.login", minute, {"n": 99})
    assert "session_key" in await log_in(wechat)
    assert (await log_in(wechat))["errcode"] == 45011
    assert "session_key" in await log_in(wechat, "p2")
    wechat.platform.clock.forward(60)
    assert "session_key" in await log_in(wechat)


async def test_the_ticket_is_one_for_two_hours(wechat: WeChat) -> None:
    async def ticket() -> dict[str, Any]:
        token = await wechat.token()
        return await wechat.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")

    first = await ticket()
    wechat.platform.clock.forward(7199)
    assert await ticket() == {**first, "expires_in": 1}
    wechat.platform.clock.forward(1)
    assert (await ticket())["ticket"] != first["ticket"]


async def test_what_a_page_may_sign(wechat: WeChat, service: Service) -> None:
    token = await wechat.token()
    ticket = (await wechat.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi"))["ticket"]
    page = f"{service.url}/h5/page?x=1&from=singlemessage"

    async def judged(shown: str, signed: str, **more: Any) -> str:
        """What wx.config says on a page at `shown` whose server signed another address."""
        text = f"jsapi_ticket={ticket}&noncestr=n&timestamp=1&url={signed}"
        body = {"appId": OA.appid, "timestamp": 1, "nonceStr": "n", "signature": _sha1(text), **more}
        path = f"{wechat.url}/sandbox/api/wx-config"
        async with wechat.http.post(path, json=body, headers={"Referer": shown}) as answer:
            return str((await answer.json())["errMsg"])

    assert await judged(page, page) == "config:ok"
    assert await judged(page, page, url=page + "#part") == "config:ok"
    assert await judged(page, page + "#part") == "config:invalid signature"
    assert await judged(page, page.partition("&from")[0]) == "config:invalid signature"
    assert await judged(page, page, nonceStr="other") == "config:invalid signature"
    assert await judged("https://b.cn/", "https://b.cn/") == "config:invalid url domain"
    assert await judged(page, page, appId=MP.appid) == "config:invalid appId"
    wechat.platform.switchboard.turn({"js_domains": ["b.cn"]})
    assert await judged(page, page) == "config:invalid url domain"
    assert await judged("https://b.cn/", "https://b.cn/") == "config:ok"
    wechat.platform.clock.forward(7200)
    assert (await judged("https://b.cn/", "https://b.cn/")).startswith("config:invalid signature")


def _sha1(text: str) -> str:
    """Written out, so that the sandbox's own signature is not what it is checked by."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def test_a_rid_is_known_for_seven_days_and_quotas_are_cleared_by_secret_too(wechat: WeChat) -> None:
    refused = await wechat.call("/cgi-bin/menu/create", {"button": []})
    rid = {"rid": str(refused["errmsg"]).rpartition(" rid: ")[2]}
    wechat.platform.clock.forward(7 * 86400 - 1)
    assert (await wechat.call("/cgi-bin/openapi/rid/get", rid))["errcode"] == 0
    wechat.platform.clock.forward(1)
    assert (await wechat.call("/cgi-bin/openapi/rid/get", rid))["errcode"] == 76001
    body = {"appid": OA.appid, "appsecret": OA.secret}
    told = [(await wechat.post("/cgi-bin/clear_quota/v2", body))["errcode"] for _ in range(6)]
    more = [(await wechat.call("/cgi-bin/clear_quota", {"appid": OA.appid}))["errcode"] for _ in range(5)]
    assert told + more == [0] * 10 + [48006]
