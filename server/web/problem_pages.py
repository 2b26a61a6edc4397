"""A refusal as a page: in the frame of the place it happened in, with a way on; never a dead end."""

from __future__ import annotations

import logging
from typing import Any

from sanic import HTTPResponse, Request

from server.web import templating
from server.web.console import auth, page_base

log = logging.getLogger("xcert.problems")
WECHAT = ("/h5", "/s/")
BARE = ("/console/login", "/console/password", "/console/logout")  # before the console, there is no frame


async def show(request: Request, *, status: int, **said: Any) -> HTTPResponse:
    """The page for this refusal.

    Args:
        said: title, detail, code, request_id, and errors where there are some.
    """
    said.setdefault("errors", [])
    if request.path.startswith("/console") and not request.path.startswith(BARE) and status < 500:
        framed = await _in_the_console(request, status, said)
        if framed is not None:
            return framed
    if request.path.startswith(WECHAT):
        home = "/h5/officer" if request.path.startswith("/s/") else "/h5/"
        return await templating.render(request, "h5/problem.html", status=status, home=home, **said)
    home = "/console/" if request.path.startswith("/console") else "/"
    return await templating.render(request, "problem.html", status=status, home=home, **said)


async def _in_the_console(request: Request, status: int, said: dict[str, Any]) -> HTTPResponse | None:
    """The same with navigation and log-out, for who is logged in; None when that cannot be told."""
    try:
        call = await auth.who(request)
        if call.session is None or call.account.must_change_password:
            return None
        response = await page_base.render(call, "problem.html", **said)
    except Exception as exc:
        log.info("a refusal is shown without the frame: %s", type(exc).__name__)
        return None
    response.status = status
    return response
