"""When WeChat last reached us is remembered by account, and never at the cost of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.wechat_chat import last_push
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, MemoryCache
from tests.kit.wechat_platform import GenuinePushes, mini_program, official_account, xml

App = Sanic[Any, Any]


def event(kind: str) -> str:
    return xml(
        ToUserName="gh_1", FromUserName="o" + "a" * 27, CreateTime=1700000000, MsgType="event", Event=kind
    )


async def push(app: App, services: Services, kind: str, *, account: str = "oa") -> None:
    platform = (official_account if account == "oa" else mini_program)(services.settings)
    query, body = platform.push(event(kind))
    _, response = await app.asgi_client.post(f"/wechat/{account}", params=query, content=body)
    assert (response.status, response.text) == (200, "success")


@pytest.fixture(autouse=True)
def pushed(services: Services) -> None:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))


async def test_a_genuine_push_is_noted_and_the_doctors_own_is_not(app: App, services: Services) -> None:
    assert await last_push.last(services.cache, "oa") is None
    await push(app, services, "xcert_doctor")
    assert await last_push.last(services.cache, "oa") is None
    await push(app, services, "view")
    assert await last_push.last(services.cache, "oa") == last_push.LastPush(services.clock.now(), "view")
    assert await last_push.last(services.cache, "mp") is None
    await push(app, services, "user_enter_tempsession", account="mp")
    assert await last_push.last(services.cache, "mp") is not None


async def test_a_forged_push_is_not_noted(app: App, services: Services) -> None:
    query, body = official_account(services.settings).push(event("view"))
    _, response = await app.asgi_client.post(
        "/wechat/oa", params={**query, "msg_signature": "0" * 40}, content=body
    )
    assert response.status == 401
    assert await last_push.last(services.cache, "oa") is None


async def test_a_cache_that_is_away_costs_nothing(app: App, services: Services) -> None:
    class Away(MemoryCache):
        async def set(self, key: str, value: bytes, *, seconds: float) -> None:
            if key.startswith("wechat:last_push"):
                raise ConnectionError("redis is away")
            await super().set(key, value, seconds=seconds)

    exchange(services, cache=Away(FakeClock()))
    await push(app, services, "view")
    assert await last_push.last(services.cache, "oa") is None
