"""POST /mp/v1/session: wx.login's code against a bearer token."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sanic import Sanic

from miniprogram_api import session
from server.domain.auth import mini_login, sessions, web_login
from server.domain.ports import Services, WeChatIdentity
from server.errors import OutsideFailure, Unverified
from server.models import Binding, Officer
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLogins
from tests.kit.fakes import FakeClock, MemoryRateLimiter

App = Sanic[Any, Any]
WHO = WeChatIdentity("mp", "m-somebody-0000000000000000", "u-1")


def prepare(services: Services, code: str = "c1") -> None:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    services.wechat_logins.codes[code] = WHO


async def log_in(app: App, body: Any = None, **more: Any) -> Any:
    _, response = await app.asgi_client.post("/mp/v1/session", json=body or {"code": "c1"}, **more)
    return response


async def test_a_code_becomes_a_token(app: App, services: Services) -> None:
    prepare(services)
    response = await log_in(app)
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    token = response.json.pop("token")
    assert response.json == {"expires_at": "2026-11-24T00:00:00+08:00", "bound": False, "roles": []}
    assert mini_login.identity_of(services, token) == WHO


async def test_who_is_bound_and_who_signs(app: App, services: Services) -> None:
    who = await make.candidate(services)
    await Binding.create(account="mp", openid=WHO.openid, candidate=who, bound_at=services.clock.now())
    officer = await make.officer(state="suspended")
    await Officer.filter(id=officer.id).update(mp_openid=WHO.openid)
    prepare(services)
    first = (await log_in(app)).json
    assert (first["bound"], first["roles"]) == (True, ["candidate"])
    await Officer.filter(id=officer.id).update(state="active")
    await Binding.filter(openid=WHO.openid).update(unbound_at=services.clock.now())
    prepare(services)
    second = (await log_in(app)).json
    assert (second["bound"], second["roles"]) == (False, ["officer"])


@pytest.mark.parametrize("body", [{"code": ""}, {"code": 7}, {"code": "x" * 201}, {"other": 1}, [1], "text"])
async def test_a_body_without_a_code(app: App, body: Any) -> None:
    response = await log_in(app, body)
    assert (response.status, response.json["errors"][0]["code"]) == (422, "code_missing")


async def test_refused_codes_and_a_silent_wechat(app: App, services: Services) -> None:
    class Told(FakeWeChatLogins):
        answer: Exception = Unverified("code_used", "这次登录已经用过了，请重新进入。")

        async def exchange_login_code(self, code: str) -> WeChatIdentity:
            raise self.answer

    exchange(services, wechat_logins=Told())
    used = await log_in(app)
    assert (used.status, used.json["code"]) == (401, "code_used")
    Told.answer = OutsideFailure("微信没有及时回答", unknown=True)
    silent = await log_in(app)
    assert (silent.status, silent.json["code"]) == (503, "try_again")


async def test_too_many_from_one_address(app: App, services: Services) -> None:
    prepare(services)
    assert (await log_in(app)).status == 200
    assert isinstance(services.rate_limiter, MemoryRateLimiter)
    (key,) = (key for key in services.rate_limiter._counts if key.startswith("mp-login:"))
    for _ in range(session.TRIES - 1):
        await services.rate_limiter.hit(key, window=session.TRIES_WINDOW)
    refused = await log_in(app)
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (
        429,
        "too_many_logins",
        "60",
    )


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer x.y.z", "Bearer 1.e30.AA"])
async def test_without_a_genuine_token(app: App, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    _, response = await app.asgi_client.get("/mp/v1/results", headers=headers)
    assert response.status == 401
    assert response.json["code"] in ("token_missing", "session_invalid")


async def test_an_expired_token_and_one_of_a_web_page(app: App, services: Services) -> None:
    assert isinstance(services.clock, FakeClock)
    web = web_login.session_for(services, dataclasses.replace(WHO, account="oa"))
    mini = sessions.mint(services, "mp", WHO.openid, 60)
    services.clock.forward(seconds=60)
    for token, code in ((web, "session_kind"), (mini, "session_expired")):
        _, response = await app.asgi_client.get(
            "/mp/v1/results", headers={"authorization": f"Bearer {token}"}
        )
        assert (response.status, response.json["code"]) == (401, code)
