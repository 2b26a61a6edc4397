"""How routes of the console API are mounted, guarded and documented."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic_ext.extensions.openapi.builders import OperationStore

from server.domain import idempotency, roles
from server.domain.idempotency import Answer
from server.errors import NotFound
from server.web import body_limits
from server.web.console import auth, openapi, schema
from server.web.console.auth import Call
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import BIGGEST

LARGEST_FILE = 64 * 1024 * 1024  # bytes of a form with a file; the file itself has a limit of its own
LARGEST_LIST = 512 * 1024  # bytes of JSON with a list in it
FILE_SECONDS = 600.0  # 50 MB at 0.7 Mbit/s

Mounted = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]


def mount(bp: Blueprint, routes: Iterable[Route | OpenRoute]) -> None:
    """Put the routes on the blueprint, guarded and documented."""
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    for route in routes:
        if isinstance(route, Route):
            handler = _guarded(route)
            openapi.describe(store[handler], route)
        else:
            handler = _open(route)
            openapi.describe_open(store[handler], route)
        name = f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}"
        bp.add_route(handler, route.path, methods=[route.method], name=name, ctx_body=_body(route))


def _body(route: Route | OpenRoute) -> body_limits.Body:
    """A file, or a long list, is read only for somebody who may send one."""
    if isinstance(route, OpenRoute):
        return body_limits.Body()
    guarded, is_long = route, _is_long(route)
    if route.form is None and not is_long:
        return body_limits.Body()

    async def may_send(request: Request) -> None:
        await _caller(request, guarded)

    if route.form is None:
        return body_limits.Body(largest=LARGEST_LIST, seconds=60.0, may_send=may_send)
    return body_limits.Body(
        largest=LARGEST_FILE, seconds=FILE_SECONDS, types=("multipart/form-data",), may_send=may_send
    )


def _is_long(route: Route) -> bool:
    """Whether one of its texts may be longer than an ordinary body, each character in up to six bytes of JSON."""
    texts = (field for field in (route.body or {}).values() if isinstance(field, schema.Text))
    return any(6 * text.longest > body_limits.SMALL for text in texts)


async def _caller(request: Request, route: Route) -> Call:
    """Who asks, if they may. Raises Unverified, Forbidden."""
    call = await auth.who(request)
    if not route.first_password_too:
        auth.refuse_first_password(call)
    if not (route.first_password_too or route.second_factor_too):
        auth.refuse_without_second_factor(call)
    if route.verb is not None:
        roles.require(call.actor, route.verb)
    return call


def _open(route: OpenRoute) -> Mounted:
    async def handler(request: Request) -> HTTPResponse:
        auth.refuse_strangers(request)
        return await route.handler(request, schema.read_json(request, route.body))

    return handler


def _guarded(route: Route) -> Mounted:
    """First who, then whether they may, then what they say."""

    async def handler(request: Request, **path: Any) -> HTTPResponse | None:
        call = await _caller(request, route)
        call.path = _checked_path(path)
        call.query = schema.read_query(request, route.query)
        if route.form is not None:
            call.body = schema.read_form(request, route.form)
        elif request.method not in auth.SAFE:
            call.body = schema.read_json(request, route.body or {})
        key = request.headers.get("idempotency-key")
        if route.creates and key is not None:
            return await _once(route, call, key)
        response = await route.handler(call)
        if route.completes is not None and response is not None and response.body is not None:
            response.body = await route.completes(call, response.body)
        return response

    return handler


def _checked_path(path: dict[str, Any]) -> dict[str, Any]:
    """Numbers that no row can have are not found."""
    for value in path.values():
        if isinstance(value, int) and not 1 <= value <= BIGGEST:
            raise NotFound
    return path


async def _once(route: Route, call: Call, key: str) -> HTTPResponse:
    request = call.request
    said = b"\n".join([request.method.encode(), request.path.encode(), _spelling(request, route)])

    async def work() -> Answer:
        response = await route.handler(call)
        assert response is not None and response.body is not None
        return Answer(response.status, response.body)

    answer = await idempotency.once(call.s, f"staff:{call.account.id}", key, said, work)
    return HTTPResponse(
        await route.completes(call, answer.body) if route.completes is not None else answer.body,
        status=answer.status,
        content_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _spelling(request: Request, route: Route) -> bytes:
    """One spelling of what is asked: the boundary of a form may differ between two tries, its content may not."""
    if route.form is None:
        return request.body
    parts = [f"{name}={values!r}".encode() for name, values in sorted((request.form or {}).items())]
    for name, files in sorted((request.files or {}).items()):
        parts += [f"{name}={file.name}".encode() + hashlib.sha256(file.body).digest() for file in files]
    return b"\n".join(parts)
