"""Logging in through WeChat's web OAuth: once-only state, bound to the browser, no code left in any address."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sanic import Request, Sanic
from sanic.response import json

from server.adapters.wechat.errcodes import refusal_of
from server.domain.auth import web_login
from server.domain.ports import Services, WeChatIdentity
from server.errors import Forbidden, Misconfigured, OutsideFailure, TooMany, Unverified
from server.web.h5 import login
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLogins
from tests.kit.fakes import FakeClock, MemoryCache, MemoryRateLimiter
from tests.kit.reused_apps import own_app

App = Sanic[Any, Any]
PAGE = {"accept": "text/html"}
CALLBACK = "http://127.0.0.1:8000/h5/oauth"
SOMEBODY = WeChatIdentity("oa", "o-somebody-0000000000000000", "u-1")


@pytest.fixture
def oauth_app(services: Services) -> App:
    app = own_app(services)

    async def who(request: Request) -> Any:
        found = await login.identity(request)
        return json({"openid": found.openid, "unionid": found.unionid, "account": found.account})

    app.add_route(who, "/h5/who", methods=["GET", "POST"])
    return app


def cookies(response: Any) -> dict[str, str]:
    """Name → value of what an answer sets; its flags are checked apart."""
    return {name: str(value) for name, value in response.cookies.items()}


def header(jar: Mapping[str, str]) -> dict[str, str]:
    return {**PAGE, "cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}


async def get(app: App, path: str, jar: Mapping[str, str] | None = None) -> Any:
    client = app.asgi_client
    _, response = await client.get(path, headers=header(jar or {}), follow_redirects=False)
    return response


async def begin(app: App, path: str = "/h5/who?tab=2") -> tuple[str, dict[str, str]]:
    """Open a page as nobody: the state of the log-in and the browser's cookies."""
    response = await get(app, path)
    assert response.status == 303
    query = parse_qs(urlsplit(response.headers["location"]).query)
    return query["state"][0], cookies(response)


def prepare(services: Services, code: str, who: WeChatIdentity = SOMEBODY) -> None:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    services.wechat_logins.codes[code] = who


async def test_from_a_page_to_wechat_and_back(oauth_app: App, services: Services) -> None:
    state, jar = await begin(oauth_app)
    prepare(services, "c1")
    response = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)
    assert (response.status, response.headers["location"]) == (303, "/h5/who?tab=2")
    assert response.headers["referrer-policy"] == "no-referrer"
    flags = response.headers["set-cookie"].lower()
    assert "httponly" in flags and "samesite=lax" in flags and "secure" not in flags
    page = await get(oauth_app, "/h5/who?tab=2", {**jar, **cookies(response)})
    assert page.json == {"openid": SOMEBODY.openid, "unionid": "u-1", "account": "oa"}


async def test_cookies_are_secure_on_https(oauth_app: App, services: Services) -> None:
    exchange(services, settings=dataclasses.replace(services.settings, public_url="https://cert.example.cn"))
    response = await get(oauth_app, "/h5/who")
    assert "secure" in response.headers["set-cookie"].lower()


async def test_a_reload_of_the_callback_goes_on(oauth_app: App, services: Services) -> None:
    state, jar = await begin(oauth_app)
    prepare(services, "c1")
    first = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)
    again = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", {**jar, **cookies(first)})
    assert (again.status, again.headers["location"]) == (303, "/h5/who?tab=2")
    lost = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)  # its first answer never arrived
    assert (lost.status, cookies(lost)) == (303, cookies(first))


async def test_two_loads_at_once_exchange_the_code_once(services: Services) -> None:
    browser = web_login.new_browser()
    url = await web_login.begin(
        services, wanted="/h5/who", callback=CALLBACK, browser=browser, address="127.0.0.1"
    )
    state = parse_qs(urlsplit(url).query)["state"][0]
    prepare(services, "c1")
    arrivals = await asyncio.gather(
        *(
            web_login.finish(
                services, code="c1", state=state, browser=browser, session="", address="127.0.0.1"
            )
            for _ in range(5)
        )
    )
    assert {arrival.page for arrival in arrivals} == {"/h5/who"}
    assert len({arrival.token for arrival in arrivals}) == 1


async def test_a_used_code_with_a_session_goes_on_and_without_starts_again(
    oauth_app: App, services: Services
) -> None:
    class Used(FakeWeChatLogins):
        async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
            raise Unverified("code_used", "这个登录链接已经用过了，请重新进入。")

    exchange(services, wechat_logins=Used())
    state, jar = await begin(oauth_app)
    refused = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)
    assert refused.status == 401
    assert "这个登录链接已经用过了" in refused.text
    assert 'href="/h5/login?next=/h5/who%3Ftab%3D2"' in refused.text
    state, jar = await begin(oauth_app)
    session = web_login.session_for(services, SOMEBODY)
    gone_on = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", {**jar, login.SESSION_COOKIE: session})
    assert (gone_on.status, gone_on.headers["location"]) == (303, "/h5/who?tab=2")


async def test_state_of_another_browser_is_refused(oauth_app: App, services: Services) -> None:
    state, _ = await begin(oauth_app)
    _, thief = await begin(oauth_app)
    prepare(services, "c1")
    response = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", thief)
    assert response.status == 401
    assert "不是在本机打开的" in response.text
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    assert "c1" in services.wechat_logins.codes  # the code was not touched


@pytest.mark.parametrize("state", ["", "x", "0" * 32, "0" * 31 + "'", "../" * 10])
async def test_unknown_state_is_refused(oauth_app: App, services: Services, state: str) -> None:
    prepare(services, "c1")
    response = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", {login.BROWSER_COOKIE: "b"})
    assert response.status == 401
    assert "登录已经过期" in response.text


async def test_state_dies_after_ten_minutes(oauth_app: App, services: Services) -> None:
    state, jar = await begin(oauth_app)
    prepare(services, "c1")
    assert isinstance(services.clock, FakeClock)
    services.clock.forward(seconds=600)
    assert (await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)).status == 401


async def test_refused_consent_and_dead_code_have_their_own_sentence(
    oauth_app: App, services: Services
) -> None:
    state, jar = await begin(oauth_app)
    response = await get(oauth_app, f"/h5/oauth?state={state}", jar)
    assert response.status == 401
    assert "您没有同意授权" in response.text
    state, jar = await begin(oauth_app)
    response = await get(oauth_app, f"/h5/oauth?code=dead&state={state}", jar)
    assert response.status == 401
    assert "微信登录已失效" in response.text


async def test_a_snapshot_user_is_nobody(oauth_app: App, services: Services) -> None:
    state, jar = await begin(oauth_app)
    prepare(services, "c1", dataclasses.replace(SOMEBODY, is_snapshot=True))
    response = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)
    assert response.status == 403
    assert "请使用完整服务" in response.text
    assert login.SESSION_COOKIE not in cookies(response)
    with pytest.raises(Forbidden):
        state2 = parse_qs(
            urlsplit(
                await web_login.begin(
                    services, wanted="/h5/who", callback=CALLBACK, browser="b", address="127.0.0.1"
                )
            ).query
        )["state"][0]
        prepare(services, "c2", dataclasses.replace(SOMEBODY, is_snapshot=True))
        await web_login.finish(
            services, code="c2", state=state2, browser="b", session="", address="127.0.0.1"
        )


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "/h5/oauth?code=1",
        "/h5/login?next=/",
        "/a\r\nset-cookie: x",
        "",
        "h5/who",
        "/" + "a" * 2000,
    ],
)
def test_no_way_out_of_this_service(wanted: str) -> None:
    assert login.local_page(wanted) == "/h5/results"


async def test_other_browsers_are_told_how(oauth_app: App, services: Services) -> None:
    exchange(services, settings=dataclasses.replace(services.settings, oa_appid="wx0123456789abcdef"))
    response = await get(oauth_app, "/h5/who")
    assert response.status == 403
    assert "请在微信中打开" in response.text
    assert "http://127.0.0.1:8000/h5/who" in response.text
    _, inside = await oauth_app.asgi_client.get(
        "/h5/who",
        headers={**PAGE, "user-agent": "Mozilla/5.0 MicroMessenger/8.0.50(0x28003250)"},
        follow_redirects=False,
    )
    assert inside.status == 303
    _, work = await oauth_app.asgi_client.get(
        "/h5/who",
        headers={**PAGE, "user-agent": "Mozilla/5.0 wxwork/4.1 MicroMessenger/7.0.1"},
        follow_redirects=False,
    )
    assert work.status == 403


async def test_a_program_is_told_401(oauth_app: App) -> None:
    _, response = await oauth_app.asgi_client.get("/h5/who", headers={"accept": "application/json"})
    assert (response.status, response.json["code"]) == (401, "login_needed")


async def test_a_form_comes_back_to_its_page(oauth_app: App, services: Services) -> None:
    client = oauth_app.asgi_client
    for referer, wanted in (
        ("http://127.0.0.1:8000/h5/bind?from=chat", "/h5/bind?from=chat"),
        ("https://evil.example/h5/bind", "/h5/results"),
    ):
        _, response = await client.post(
            "/h5/who", headers={**PAGE, "referer": referer}, follow_redirects=False
        )
        state = parse_qs(urlsplit(response.headers["location"]).query)["state"][0]
        assert await web_login.wanted_by(services.cache, state) == wanted


async def test_login_page_takes_a_local_next(oauth_app: App, services: Services) -> None:
    response = await get(oauth_app, "/h5/login?next=https://evil.example")
    state = parse_qs(urlsplit(response.headers["location"]).query)["state"][0]
    assert await web_login.wanted_by(services.cache, state) == "/h5/results"


async def test_log_ins_of_one_address_are_limited_before_wechat_is_asked(
    app: App, services: Services
) -> None:
    """Each leaves keys for ten minutes, and each callback asks WeChat, whose minute is counted."""
    asked: list[str] = []

    class Counted(FakeWeChatLogins):
        async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
            asked.append(code)
            raise Unverified("code_invalid", "这次登录已经过期，请重新进入。")

    exchange(services, wechat_logins=Counted())
    state = "0" * 32
    await app.asgi_client.get("/h5/login", headers=PAGE, follow_redirects=False)
    assert isinstance(services.rate_limiter, MemoryRateLimiter)
    address = next(key for key in services.rate_limiter._counts if key.startswith("h5-login:")).partition(
        ":"
    )[2]
    for way in ("login", "oauth"):
        for _ in range(web_login.TRIES):
            await services.rate_limiter.hit(f"h5-{way}:{address}", window=web_login.TRIES_WINDOW)
    assert isinstance(services.cache, MemoryCache)
    before = dict(services.cache.values)
    paths = ("/h5/login", "/h5/results", f"/h5/oauth?code=c1&state={state}")
    for path in paths:
        _, response = await app.asgi_client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        assert (response.status, response.headers["retry-after"]) == (429, "60")
        assert "登录太频繁" in response.text
    assert asked == []
    assert services.cache.values == before
    _, other = await app.asgi_client.get("/healthz")
    assert other.status == 200


@pytest.mark.parametrize(
    ("failure", "status", "says", "pause"),
    [
        (refusal_of(-1, "system error"), 503, "微信暂时没有响应", "5"),
        (OutsideFailure("微信没有答复"), 503, "微信暂时没有响应", "5"),
        (Misconfigured("微信登录的设置有误"), 503, "请联系评价组织", "5"),
        (
            TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=60),
            429,
            "一分钟后再试",
            "60",
        ),
        (Forbidden("user_limited", "您的微信账号目前受限。"), 403, "账号目前受限", None),
    ],
)
async def test_a_log_in_that_failed_is_no_dead_end(
    oauth_app: App, services: Services, failure: Exception, status: int, says: str, pause: str | None
) -> None:
    """There is a way on: a link that begins the log-in again and leads to the page that was wanted."""

    class Failing(FakeWeChatLogins):
        async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
            raise failure

    exchange(services, wechat_logins=Failing())
    state, jar = await begin(oauth_app)
    page = await get(oauth_app, f"/h5/oauth?code=c1&state={state}", jar)
    assert (page.status, page.headers.get("retry-after")) == (status, pause)
    assert says in page.text and 'href="/h5/login?next=/h5/who%3Ftab%3D2"' in page.text
    assert "c1" not in page.text and state not in page.text


async def test_the_mini_program_is_told_when_to_come_again(app: App, services: Services) -> None:
    class Failing(FakeWeChatLogins):
        async def exchange_login_code(self, code: str) -> WeChatIdentity:
            raise Misconfigured("微信登录的设置有误")

    exchange(services, wechat_logins=Failing())
    _, answer = await app.asgi_client.post("/mp/v1/session", json={"code": "c"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json["detail"] == "系统的微信设置有误，请联系评价组织；修正之前重试不会成功。"
