"""How a line of the table in `__init__` becomes a route, guarded and documented."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from hashlib import sha256
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic_ext.extensions.openapi.builders import OperationStore

from miniprogram_api import openapi
from miniprogram_api.request import JSON, Asked, read
from miniprogram_api.route import Route
from miniprogram_api.session import identity
from server.domain import idempotency
from server.domain.idempotency import Answer

Mounted = Callable[..., Coroutine[Any, Any, HTTPResponse]]


def mount(bp: Blueprint, routes: Iterable[Route]) -> None:
    """Put the routes on the blueprint."""
    bp.before_server_start(openapi.declare_scheme)
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    for route in routes:
        handler = _mounted(route)
        if route.shown_as:
            store[handler].exclude()
            bp.before_server_start(openapi.shown_apart(route))
        else:
            openapi.describe(store[handler], route)
        bp.add_route(handler, route.path, methods=[route.method], name=route.name)


def _mounted(route: Route) -> Mounted:
    if not route.takes or route.reads_itself:

        async def plain(request: Request, **path: Any) -> HTTPResponse:
            return await route.handler(Asked(request), **path)

        return plain

    async def reading(request: Request, **path: Any) -> HTTPResponse:
        asked = Asked(request, read(request, route.takes))
        key = request.headers.get("idempotency-key")
        if route.creates and key is not None:
            return await _once(route, asked, key)
        return await route.handler(asked, **path)

    return reading


async def _once(route: Route, asked: Asked, key: str) -> HTTPResponse:
    """The first answer again, for the holder of the token."""
    request, who = asked.request, await identity(asked.request)
    owner = f"mp:{sha256(who.openid.encode()).hexdigest()[:40]}"  # no row shows whose it is
    said = b"\n".join([request.method.encode(), request.path.encode(), request.body])

    async def work() -> Answer:
        response = await route.handler(asked)
        assert response.body is not None
        return Answer(response.status, response.body)

    answer = await idempotency.once(asked.s, owner, key, said, work)
    headers = {"cache-control": "no-store"}
    return HTTPResponse(answer.body, status=answer.status, content_type=JSON, headers=headers)
