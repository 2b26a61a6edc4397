"""GET /: for whoever opens the bare address: where to verify, look up and work."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.web import templating

bp = Blueprint("front")


async def front(request: Request) -> HTTPResponse:
    """Three ways in, nothing personal."""
    return await templating.render(request, "front.html")


bp.add_route(front, "/", methods=["GET"], name="front")
