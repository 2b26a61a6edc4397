"""sanic-testing's client, without a whole start of the service for every request."""

from __future__ import annotations

import re
from typing import Any

import httpx
from sanic import Request, Sanic
from sanic_testing.testing import ASGI_HOST, ASGI_PORT, SanicASGITestClient, TestingResponse

_TIME = re.compile(r'"(\d{4}-\d\d-\d\dT[^"]*)"')
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?\+08:00")


def assert_one_form_of_time(url: str, text: str) -> None:
    """Whatever JSON leaves the house writes moments in one form: RFC 3339 with Beijing's offset."""
    assert [one for one in _TIME.findall(text) if not _FORM.fullmatch(one)] == [], url


_asking: dict[str, DoorClient] = {}  # by the name of the app that has been started: whose requests these are


_starting: set[str] = set()


def is_starting(app: Sanic[Any, Any]) -> bool:
    return app.name in _starting


async def start(app: Sanic[Any, Any]) -> None:
    """Start the app for ASGI. Compiling all routes costs a hundred times what a request costs: it is done once."""
    if app.name in _asking:
        return
    _asking[app.name] = app.asgi_client
    app.asgi = True
    await app._startup()
    _starting.add(app.name)
    given = getattr(
        app.ctx, "services", None
    )  # of the test that asks first, which need not be the first to have it
    for action in ("before", "after"):
        await app._server_event("init", action)
    _starting.remove(app.name)
    app.ctx.services = given or app.ctx.services

    def collect(request: Request) -> None:
        _asking[app.name]._collect_request(request)

    for route in app.router.routes:
        route.extra.request_middleware.appendleft(collect)
    app.request_middleware.appendleft(collect)  # type: ignore[arg-type]  # as sanic-testing does


class DoorClient(SanicASGITestClient):  # type: ignore[misc]  # sanic-testing has no types
    """`await app.asgi_client.get(…)` as before: the request as the service saw it, and its answer."""

    async def request(
        self, method: str, url: str, gather_request: bool = True, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        await start(self.sanic_app)
        _asking[self.sanic_app.name] = self
        if "://" not in url:
            url = f"http://{ASGI_HOST}:{ASGI_PORT}/{url.removeprefix('/')}"
        self.gather_request = gather_request
        answer = await httpx.AsyncClient.request(self, method, url, *args, **kwargs)
        answer.__class__ = TestingResponse
        if answer.headers.get("content-type", "").startswith("application/json"):
            assert_one_form_of_time(url, answer.text)
        return self.last_request, answer
