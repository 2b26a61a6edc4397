"""GET /: for whoever opens the bare address: where to verify, look up and work."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.doors import pages

bp = Blueprint("front")


async def front(request: Request) -> HTTPResponse:
    """Three ways in, nothing personal."""
    return await pages.render(request, "front.html")


bp.add_route(front, "/", methods=["GET"], name="front")
