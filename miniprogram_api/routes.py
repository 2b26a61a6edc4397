"""How a line of the table in `__init__` becomes a route, guarded and documented."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic_ext.extensions.openapi.builders import OperationStore

from miniprogram_api import documents
from miniprogram_api.asking import Asked, Shape, read

Handler = Callable[..., Awaitable[HTTPResponse]]
Mounted = Callable[..., Coroutine[Any, Any, HTTPResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: `takes` are the fields of the JSON body, `gives` the JSON schema of the answer or a content type."""

    method: str
    path: str
    handler: Handler
    summary: str
    takes: Shape = field(default_factory=dict)
    gives: dict[str, Any] | str = field(default_factory=dict)
    status: int = 200
    is_open: bool = False  # for those who have no token yet
    shown_as: str = ""  # the whole path in the documents, where sanic-ext cannot read it from the pattern

    @property
    def name(self) -> str:
        return f"{self.handler.__module__.rpartition('.')[2]}_{self.handler.__name__}"


def mount(bp: Blueprint, routes: Iterable[Route]) -> None:
    """Put the routes on the blueprint."""
    bp.before_server_start(documents.declare_scheme)
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    for route in routes:
        handler = _mounted(route)
        if route.shown_as:
            store[handler].exclude()
            bp.before_server_start(documents.shown_apart(route))
        else:
            documents.describe(store[handler], route)
        bp.add_route(handler, route.path, methods=[route.method], name=route.name)


def _mounted(route: Route) -> Mounted:
    if not route.takes:

        async def plain(request: Request, **path: Any) -> HTTPResponse:
            return await route.handler(Asked(request), **path)

        return plain

    async def reading(request: Request, **path: Any) -> HTTPResponse:
        return await route.handler(Asked(request, read(request, route.takes)), **path)

    return reading
