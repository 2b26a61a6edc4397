"""HEAD beside every GET, and OPTIONS for every address.

Added once the server has started, as sanic-ext does, Sanic compiles its routers anew for every single route:
two seconds of each start. Added before, they cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from inspect import isawaitable
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import empty
from sanic_routing.group import RouteGroup
from sanic_routing.route import Route


def complete(app: Sanic[Any, Any]) -> None:
    """Call once, after the last door is installed and before the server starts."""
    for group in tuple(app.router.groups.values()):
        routes: tuple[Route, ...] = tuple(group)
        methods = {method for route in routes for method in route.methods}
        first = routes[0].name
        if "GET" in methods and "HEAD" not in methods:
            route_of_get = next(route for route in routes if "GET" in route.methods)
            _add(app, group, partial(_head, route_of_get.handler), "HEAD", f"{route_of_get.name}_head")
            methods.add("HEAD")
        if "OPTIONS" not in methods:
            _add(app, group, partial(_options, sorted(methods)), "OPTIONS", f"{first}_options")


def _add(app: Sanic[Any, Any], group: RouteGroup, handler: Any, method: str, name: str) -> None:
    app.add_route(
        handler, group.uri, methods=[method], strict_slashes=group.strict, unquote=group.unquote, name=name
    )


async def _head(get: Any, request: Request, *args: Any, **more: Any) -> HTTPResponse | None:
    """What GET would answer; Sanic leaves the body out."""
    answer = get(request, *args, **more)
    response: HTTPResponse | None = await answer if isawaitable(answer) else answer
    return response


async def _options(methods: Iterable[str], _: Request, **__: str) -> HTTPResponse:
    return empty(headers={"allow": ",".join([*methods, "OPTIONS"])})
