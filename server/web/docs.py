"""/docs, for operators alone: the APIs' document, and a page that lists its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import html, raw

from server.web import templating
from server.web.request import only_operators
from server.web.schema import JSON

_ALIVE = {
    "operationId": "alive",
    "summary": "这个进程能够应答，别的都不看",
    "tags": ["ops"],
    "responses": {"200": {"description": "能够应答"}},
}
_READY = {
    "operationId": "ready",
    "summary": "这个进程能否接待访客；缺什么只告诉运维网段",
    "tags": ["ops"],
    "responses": {
        "200": {"description": "能够接待；degraded 列出要等一等的"},
        "503": {"description": "还不能接待"},
    },
}
PATHS: dict[str, Any] = {"/healthz": {"get": _ALIVE}, "/readyz": {"get": _READY}}


def door(document: Callable[[], dict[str, Any]]) -> Blueprint:
    """The blueprint.

    Args:
        document: makes the OpenAPI document; asked in a thread, when somebody first wants it: it takes
            half a second, in which this process goes on answering.
    """
    bp = Blueprint("docs", url_prefix="/docs")
    bp.middleware(only_operators, "request")
    page = (templating.TEMPLATES / "docs.html").read_text("utf-8")
    cached: list[bytes] = []

    async def show(_: Request) -> HTTPResponse:
        return html(page)

    async def spec(_: Request) -> HTTPResponse:
        if not cached:
            cached.append(await asyncio.to_thread(lambda: orjson.dumps(document())))
        return raw(cached[0], content_type=JSON)

    for path, name in (("", "page"), ("/redoc", "page_by_its_old_address")):
        bp.add_route(show, path, methods=["GET"], name=name)
    bp.add_route(spec, "/openapi.json", methods=["GET"], name="openapi")
    return bp
