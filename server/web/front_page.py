"""GET /: where to verify, look up and work; GET /privacy: what is held of people, for how long, and what they may ask for."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.web import templating

bp = Blueprint("front")


async def front(request: Request) -> HTTPResponse:
    """Three ways in, nothing personal."""
    return await templating.render(request, "front.html")


async def privacy(request: Request) -> HTTPResponse:
    """The same for everybody; every phone page leads here."""
    return await templating.render(request, "h5/privacy.html", title="个人信息怎样处理")


bp.add_route(privacy, "/privacy", methods=["GET"], name="privacy")
bp.add_route(front, "/", methods=["GET"], name="front")
