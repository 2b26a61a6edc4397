"""Pages from Jinja2 templates, and the addresses of their styles and scripts."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sanic import HTTPResponse, Request
from sanic.response import html

from server.domain import beijing
from server.domain.payments.yuan import yuan
from server.web import responses
from server.web.request import services, wechat_page_policy

STATIC = Path(__file__).resolve().parents[2] / "static"
TEMPLATES = Path(__file__).with_name("templates")
SERVED = ("css", "js", "img")  # the certificate's font is not for the web


@lru_cache(maxsize=256)
def asset(path: str) -> str:
    """The address of a file under static/, with its content's hash: it may be cached for ever."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    environment.filters["day"] = beijing.say_day
    environment.filters["minute"] = beijing.say_minute
    environment.filters["yuan"] = yuan
    return environment


ANSWERED = re.compile(
    r"(/h5/(?:bind|officer)|/s/[A-Za-z0-9_-]{1,64})(?:/(?:confirm|return|mini-program|pairing))?"
)


def _answers(request: Request) -> str:
    """For a page inside WeChat that answers a form: where the form is shown (`here`, `above`); empty for every other page."""
    match = ANSWERED.fullmatch(request.path) if request.method == "POST" else None
    if match is None:
        return ""
    return (
        "here" if match[1] == request.path else "above"
    )  # not the address itself: it may hold a scan's token


USES_WECHAT = ("h5/", "scan/")  # templates of pages inside WeChat; they load static/js/wechat.js


async def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTTPResponse:
    """A page. It is personal or may change, so no cache keeps it.

    `subscribe` in the context: templates that the page's <wx-open-subscribe> asks for.
    """
    s = services(request)
    text = (
        _environment()
        .get_template(template)
        .render(request=request, settings=s.settings, now=s.clock.now(), answers=_answers(request), **context)
    )
    headers = {"cache-control": "no-store"}
    if template.startswith(USES_WECHAT):
        has_open_tag = bool(context.get("subscribe"))
        headers["content-security-policy"] = wechat_page_policy(s.settings, has_open_tag=has_open_tag)
    response = html(text, status=status, headers=headers)
    # A console page has the session's secret in it, beside what its address asks for (decision 0240).
    return response if "csrf" in context else responses.compress(request, response)
