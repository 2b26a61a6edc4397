"""Forms of the pages inside WeChat: only our own pages may send them."""

from __future__ import annotations

from urllib.parse import urlsplit

from sanic import Request

from server.doors import web
from server.errors import Forbidden


def field(request: Request, name: str, longest: int = 200) -> str:
    """One text field; empty when it is missing. More than `longest` characters are cut off."""
    return web.form_text(request, name, longest)


def require_own(request: Request) -> None:
    """Refuse a form that another site sent. The cookie's SameSite already keeps those out of most browsers.

    Raises:
        Forbidden: foreign_form.
    """
    origin = request.headers.get("origin")
    fetch_site = request.headers.get("sec-fetch-site")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or fetch_site in ("cross-site", "same-site"):
        raise Forbidden("foreign_form", "这次提交不是从本页发出的，请返回页面重新操作。")
