"""Fixtures of the browser tests."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, expect
from sanic import Sanic

from server.domain.auth import web_login
from server.domain.ports import Services
from server.web.h5.login import SESSION_COOKIE
from tests.kit.history import ME
from tests.kit.reused_apps import own_app
from tests.kit.windows import DESK, PHONE, Window
from tests.web.conftest import world as world  # the service and WeChat, both over HTTP


@pytest.fixture
def app(services: Services) -> Sanic[Any, Any]:
    """It listens on a socket, which an app that tests hand on to each other does not."""
    return own_app(services)


@pytest.fixture
async def base(app: Sanic[Any, Any]) -> AsyncIterator[str]:
    door = socket.create_server(("127.0.0.1", 0))
    server = await app.create_server(sock=door, return_asyncio_server=True)
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    yield f"http://127.0.0.1:{door.getsockname()[1]}"
    await server.before_stop()
    server.close()
    await server.wait_closed()
    await server.after_stop()


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=60_000)  # a bound for a slow machine, never a measure


@pytest.fixture(params=["phone", "desk"])
async def window(
    request: pytest.FixtureRequest, browser: Browser, base: str, services: Services
) -> AsyncIterator[Window]:
    size = PHONE if request.param == "phone" else DESK
    context: BrowserContext = await browser.new_context(
        viewport=size,
        device_scale_factor=2 if request.param == "phone" else 1,
        has_touch=request.param == "phone",
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    token = web_login.session_for(services, ME)
    await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": base}])
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "console",
        lambda said: (
            trouble.append(said.text)
            if said.type == "error" and "422" not in said.text and "429" not in said.text
            else None
        ),
    )
    yield Window(page, base, request.param, trouble)
    await context.close()
