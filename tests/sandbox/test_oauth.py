"""Web OAuth and the mini-program's log-in: strict pages, codes that die (wechat.md §3.1, §4.1, §4.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from yarl import URL

from server.sandbox import crypto
from tests.sandbox.conftest import MP, OA, Service, WeChat


def authorize(service: Service, scope: str = "snsapi_base", state: str = "s1") -> str:
    back = quote(f"{service.url}/h5/oauth", safe="")
    return (
        f"/connect/oauth2/authorize?appid={OA.appid}&redirect_uri={back}"
        f"&response_type=code&scope={scope}&state={state}"
    )


async def ask(wechat: WeChat, path: str) -> dict[str, Any]:
    url = URL(wechat.url + path, encoded=True)
    async with wechat.http.get(url, headers={"Accept": "application/json"}) as answer:
        return dict(await answer.json())


async def answer(wechat: WeChat, path: str, person: str = "p1", accept: str = "1", phone: str = "0") -> str:
    ticket = (await ask(wechat, path))["ticket"]
    form = {"ticket": ticket, "person": person, "accept": accept, "in_phone": phone}
    async with wechat.http.post(
        f"{wechat.url}/connect/oauth2/answer", data=form, allow_redirects=False
    ) as told:
        assert told.status == 302
        return told.headers["Location"]


async def code(wechat: WeChat, path: str, person: str = "p1") -> str:
    return parse_qs(urlsplit(await answer(wechat, path, person)).query)["code"][0]


async def exchange(wechat: WeChat, given: str, **more: str) -> dict[str, Any]:
    query = {"appid": OA.appid, "secret": OA.secret, "code": given, "grant_type": "authorization_code"}
    return await wechat.get("/sns/oauth2/access_token", **{**query, **more})


async def test_code_is_good_once(wechat: WeChat, service: Service) -> None:
    location = await answer(wechat, authorize(service))
    given = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{service.url}/h5/oauth?code=")
    assert given["state"] == ["s1"]
    told = await exchange(wechat, given["code"][0])
    assert (told["openid"], told["scope"], told["expires_in"]) == (wechat.openid(), "snsapi_base", 7200)
    assert "is_snapshotuser" not in told
    assert (await exchange(wechat, given["code"][0]))["errcode"] == 40163


async def test_code_dies_after_five_minutes_and_belongs_to_its_account(
    wechat: WeChat, service: Service
) -> None:
    given = await code(wechat, authorize(service))
    assert (await exchange(wechat, given, appid=MP.appid, secret=MP.secret))["errcode"] == 40029
    wechat.platform.clock.forward(300)
    assert (await exchange(wechat, given))["errcode"] == 40029
    assert (await exchange(wechat, "nonsense"))["errcode"] == 40029


async def test_refusing_brings_back_the_state_alone(wechat: WeChat, service: Service) -> None:
    location = await answer(wechat, authorize(service, "snsapi_userinfo"), accept="0")
    assert location == f"{service.url}/h5/oauth?state=s1"


async def test_inside_the_phone_it_comes_back_to_the_host_of_the_person(
    wechat: WeChat, service: Service
) -> None:
    location = await answer(wechat, authorize(service), person="p2", phone="1")
    assert location.startswith(f"http://p2.localhost:{urlsplit(wechat.url).port}/h5/oauth?code=")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("appid=wxsandboxoa1&", "", "参数错误"),
        ("appid=wxsandboxoa1", "appid=wxsandboxmp1", "10013"),
        ("&response_type=code&scope=snsapi_base", "&scope=snsapi_base&response_type=code", "参数错误"),
        ("appid=wxsandboxoa1", "from=me&appid=wxsandboxoa1", "参数错误"),
        ("response_type=code", "response_type=token", "参数错误"),
        ("snsapi_base", "snsapi_login", "10005"),
        ("state=s1", "state=" + "s" * 129, "state"),
        ("state=s1", "state=a-b", "state"),
        ("127.0.0.1", "127.0.0.2", "10003"),
        ("http%3A%2F%2F", "http://", "redirect_uri"),
        ("http%3A%2F%2F", "http%253A%252F%252F", "redirect_uri"),
    ],
)
async def test_the_page_is_strict(wechat: WeChat, service: Service, old: str, new: str, shown: str) -> None:
    told = await ask(wechat, authorize(service).replace(old, new))
    assert shown in told["error"]
    assert wechat.platform.timeline.rows()[-1]["ok"] is False


async def test_snapshot_gives_a_virtual_account(wechat: WeChat, service: Service) -> None:
    wechat.platform.switchboard.turn({"snapshot": True, "unionid": True})
    told = await exchange(wechat, await code(wechat, authorize(service, "snsapi_userinfo")))
    assert (told["is_snapshotuser"], told["openid"] == wechat.openid(), "unionid" in told) == (
        1,
        False,
        False,
    )


async def test_user_information_needs_its_scope(wechat: WeChat, service: Service) -> None:
    base = await exchange(wechat, await code(wechat, authorize(service)))
    query = {"access_token": base["access_token"], "openid": base["openid"], "lang": "zh_CN"}
    assert (await wechat.get("/sns/userinfo", **query))["errcode"] == 48001
    assert await wechat.get("/sns/auth", **query) == {"errcode": 0, "errmsg": "ok"}
    assert (await wechat.get("/sns/auth", **{**query, "openid": "o1"}))["errcode"] == 40003
    wechat.platform.switchboard.turn({"unionid": True})
    full = await exchange(wechat, await code(wechat, authorize(service, "snsapi_userinfo")))
    told = await wechat.get("/sns/userinfo", access_token=full["access_token"], openid=full["openid"])
    assert (told["nickname"], told["unionid"]) == ("林知夏", full["unionid"])


async def test_refreshing_the_web_token(wechat: WeChat, service: Service) -> None:
    told = await exchange(wechat, await code(wechat, authorize(service)))
    query = {
        "appid": OA.appid,
        "grant_type": "refresh_token",
        "refresh_token": told["refresh_token"],
    }
    again = await wechat.get("/sns/oauth2/refresh_token", **query)
    assert (again["openid"], again["access_token"] != told["access_token"]) == (told["openid"], True)
    assert (await wechat.get("/sns/oauth2/refresh_token", **{**query, "refresh_token": "x"}))[
        "errcode"
    ] == 40030
    wechat.platform.clock.forward(30 * 86400)
    assert (await wechat.get("/sns/oauth2/refresh_token", **query))["errcode"] == 42002


async def login(wechat: WeChat, given: str, **more: str) -> dict[str, Any]:
    query = {"appid": MP.appid, "secret": MP.secret, "js_code": given, "grant_type": "authorization_code"}
    return await wechat.get("/sns/jscode2session", **{**query, **more})


async def wx_login(wechat: WeChat, act: str = "login") -> str:
    return str((await wechat.post(f"/phone/api/act/p1/{act}", {}))["code"])


async def test_mini_program_login(wechat: WeChat) -> None:
    given = await wx_login(wechat)
    told = await login(wechat, given)
    assert told["openid"] == wechat.openid(1, MP)
    assert told["openid"] != wechat.openid(1, OA)
    assert (await login(wechat, given))["errcode"] == 40163
    assert (await login(wechat, "x"))["errcode"] == 40029
    token = await wechat.token(MP)
    query = {"access_token": token, "openid": told["openid"], "sig_method": "hmac_sha256"}
    good = crypto.session_signature(told["session_key"])
    assert (await wechat.get("/wxa/checksession", signature=good, **query))["errcode"] == 0
    await login(wechat, await wx_login(wechat))
    assert (await wechat.get("/wxa/checksession", signature=good, **query))["errcode"] == 87009


async def test_answers_of_the_sns_family_are_text_plain(wechat: WeChat) -> None:
    async with wechat.http.get(f"{wechat.url}/sns/jscode2session") as told:
        assert (told.status, told.content_type) == (200, "text/plain")


async def test_phone_number_has_a_code_of_its_own(wechat: WeChat) -> None:
    given = await wx_login(wechat, "phone_code")
    assert (await login(wechat, given))["errcode"] == 40029
    told = await wechat.call("/wxa/business/getuserphonenumber", {"code": given}, MP)
    assert told["phone_info"] == {
        "phoneNumber": "19900000001",
        "purePhoneNumber": "19900000001",
        "countryCode": "86",
        "watermark": {"timestamp": wechat.platform.clock.unix(), "appid": MP.appid},
    }
    again = await wechat.call("/wxa/business/getuserphonenumber", {"code": given}, MP)
    assert again["errcode"] == 40163
