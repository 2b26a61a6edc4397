"""How a route comes to answer: who asks, what they say, done once, answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from annotated_types import MaxLen
from sanic import Blueprint, HTTPResponse, Request

from server.domain import idempotency
from server.domain.audit import incidents
from server.web import body_limits, responses, schema
from server.web.request import Asked
from server.web.routes import Api, Route
from server.web.schema import JSON, Answer, Input, Nothing

LARGEST_FILE = 64 * 1024 * 1024  # bytes of a form with a file; the file itself has a limit of its own
LARGEST_LIST = 512 * 1024  # bytes of JSON with a list in it
FILE_SECONDS = 600.0  # 50 MB at 0.7 Mbit/s
SAFE = ("GET", "HEAD", "OPTIONS")

Mounted = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]


def mount(bp: Blueprint, api: Api, routes: Iterable[Route]) -> None:
    """Put the routes on the blueprint, guarded."""
    for route in routes:
        handler = (
            _plain(route)
            if api.enter is None and (route.takes is None or route.reads_itself)
            else _reading(api, route)
        )
        bp.add_route(
            handler,
            route.path,
            methods=[route.method],
            name=route.name,
            error_format="json",  # otherwise Sanic reads the handler's source to guess it, at every start
            ctx_body=_body(api, route),
        )


def _body(api: Api, route: Route) -> body_limits.Body:
    """A file, or a long list, is read only for somebody who may send one."""
    enter = api.enter
    if enter is None or not (route.file or _is_long(route)):
        return body_limits.Body()

    async def may_send(request: Request) -> None:
        await enter(request, route)

    if route.file:
        types = ("multipart/form-data",)
        return body_limits.Body(largest=LARGEST_FILE, seconds=FILE_SECONDS, types=types, may_send=may_send)
    return body_limits.Body(largest=LARGEST_LIST, seconds=60.0, may_send=may_send)


def _is_long(route: Route) -> bool:
    """Whether one of its texts may be longer than an ordinary body, each character in up to six bytes of JSON."""
    fields = route.takes.model_fields.values() if route.takes is not None else ()
    limits = [limit.max_length for field in fields for limit in field.metadata if isinstance(limit, MaxLen)]
    return any(6 * limit > body_limits.SMALL for limit in limits)


def _plain(route: Route) -> Mounted:
    """Nothing to ask, nothing to read: the shortest way, which the hot look-ups take."""

    async def handler(request: Request, **path: Any) -> HTTPResponse | None:
        answer = await route.handler(Asked(request), **path)
        return answer if isinstance(answer, HTTPResponse) else _answered(route, answer)

    return handler


def _reading(api: Api, route: Route) -> Mounted:
    """First who, then whether they may, then what they say."""

    async def handler(request: Request, **path: Any) -> HTTPResponse | None:
        asked = Asked(request) if api.enter is None else await api.enter(request, route)
        inputs = () if route.reads_itself else _inputs(api, route, request)
        key = request.headers.get("idempotency-key")
        if route.creates and key is not None:
            return await _once(api, route, asked, key, inputs, path)
        response = _answered(route, await route.handler(asked, *inputs, **path))
        if route.completes is not None and response is not None and response.body is not None:
            response.body = await route.completes(asked, inputs[0], response.body)
        return response

    return handler


def _answered(route: Route, answer: Answer | HTTPResponse | None) -> HTTPResponse | None:
    if isinstance(answer, Answer):
        return responses.json(answer, status=route.status)
    return responses.nothing() if answer is None and route.status == 204 else answer


def _inputs(api: Api, route: Route, request: Request) -> tuple[Input, ...]:
    """What `route.takes` reads: nothing, or one."""
    undeclared = Nothing if api.refuses_undeclared and not route.is_open else None
    in_query = request.method in SAFE
    query = (route.takes if in_query else None) or undeclared
    body = None if in_query else route.takes or undeclared
    inputs = [schema.read_query(request, query)] if query is not None else []
    if body is not None:
        inputs = [schema.read_form(request, body) if route.file else schema.read_json(request, body)]
    return tuple(inputs) if route.takes is not None else ()


async def _once(
    api: Api, route: Route, asked: Asked, key: str, inputs: tuple[Input, ...], path: dict[str, Any]
) -> HTTPResponse:
    """The first answer again, for the same caller."""
    request = asked.request
    spelled = b"\n".join([request.method.encode(), request.path.encode(), _spelling(request, route)])

    async def work() -> idempotency.Answer:
        response = _answered(route, await route.handler(asked, *inputs, **path))
        assert response is not None and response.body is not None
        return idempotency.Answer(response.status, response.body)

    # A wrong password stays in the trail, whatever becomes of the transaction that its refusal rolls back.
    async with incidents.outlasting():
        answer = await idempotency.once(asked.s, await api.owner(asked), key, spelled, work)
    body = (
        await route.completes(asked, inputs[0], answer.body) if route.completes is not None else answer.body
    )
    return HTTPResponse(body, status=answer.status, content_type=JSON, headers={"cache-control": "no-store"})


def _spelling(request: Request, route: Route) -> bytes:
    """One spelling of what is asked: the boundary of a form may differ between two tries, its content may not."""
    if not route.file:
        return request.body
    parts = [f"{name}={values!r}".encode() for name, values in sorted((request.form or {}).items())]
    for name, files in sorted((request.files or {}).items()):
        parts += [f"{name}={file.name}".encode() + hashlib.sha256(file.body).digest() for file in files]
    return b"\n".join(parts)
