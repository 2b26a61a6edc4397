"""A refusal as a page: in the frame of the place it happened in, with a way on; never a dead end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sanic import HTTPResponse, Request

from server.web import templating

# A door's own frame for a refusal: request, status, what is said; None when it has none for this visitor.
Frame = Callable[[Request, int, dict[str, Any]], Awaitable[HTTPResponse | None]]
WECHAT = ("/h5", "/s/")
BARE = ("/console/login", "/console/password", "/console/logout")  # before the console, there is no frame


async def show(request: Request, *, status: int, **facts: Any) -> HTTPResponse:
    """The page for this refusal.

    Args:
        facts: title, detail, code, request_id, and errors where there are some.
    """
    facts.setdefault("errors", [])
    if request.path.startswith("/console") and not request.path.startswith(BARE) and status < 500:
        frame: Frame = request.app.ctx.console_frame
        page = await frame(request, status, facts)
        if page is not None:
            return page
    if request.path.startswith(WECHAT):
        home = "/h5/officer" if request.path.startswith("/s/") else "/h5/"
        return await templating.render(request, "h5/problem.html", status=status, home=home, **facts)
    home = "/console/" if request.path.startswith("/console") else "/"
    return await templating.render(request, "problem.html", status=status, home=home, **facts)
