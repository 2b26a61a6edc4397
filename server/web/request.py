"""What every door asks of a request, and what every answer carries."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from dataclasses import dataclass

from sanic import HTTPResponse, Request

from server import operators
from server.domain import addresses
from server.domain.actor import Caller
from server.domain.audit import unknown_proxies
from server.domain.ports import Services
from server.errors import NotFound
from server.settings import Settings

log = logging.getLogger("xcert.web")
_notes: set[asyncio.Future[None]] = set()  # the loop itself holds tasks only weakly

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def services(request: Request) -> Services:
    bundle: Services = request.app.ctx.services
    return bundle


# Not a secret, only unique: a random beginning for each process, then a count. Random bytes for every request would
# cost a hot look-up a fifteenth of its time.
_PROCESS = secrets.token_hex(4)
_count = itertools.count(1)


def caller(request: Request) -> Caller:
    """Where a request comes from, as the domain's verbs take it."""
    return Caller(client_address(request), request_id(request))


def request_id(request: Request) -> str:
    """The id that stands in logs, audit and problem documents of this request: 16 hexadecimal digits."""
    value: str | None = getattr(request.ctx, "request_id", None)
    if value is None:
        value = request.ctx.request_id = f"{_PROCESS}{next(_count) & 0xFFFFFFFF:08x}"
    return value


def form_text(request: Request, name: str, longest: int) -> str:
    """One text field of a form; empty when it is missing. Cut to `longest` characters, without NUL, which no row takes."""
    form = request.form
    value = form.get(name) if form else None
    return value.replace("\0", "")[:longest] if isinstance(value, str) else ""


@dataclass(slots=True)  # frozen, it would cost a hot look-up three times as much
class Asked:
    """A request as the handlers of both APIs see it."""

    request: Request

    @property
    def s(self) -> Services:
        bundle: Services = self.request.app.ctx.services
        return bundle

    @property
    def address(self) -> str:
        """The caller's address (setting XCERT_PROXIES)."""
        return client_address(self.request)

    @property
    def caller(self) -> Caller:
        return caller(self.request)


def method_of(request: Request) -> str:
    """The method for metrics and logs: from a closed set, whatever a stranger invents."""
    return request.method if request.method in METHODS else "other"


def client_address(request: Request) -> str:
    """The caller's address (setting XCERT_PROXIES)."""
    forwarded = request.headers.getall("x-forwarded-for", [])
    proxies = services(request).settings.proxies
    if forwarded and not proxies and not getattr(request.app.ctx, "is_unknown_proxy_told", False):
        request.app.ctx.is_unknown_proxy_told = True
        log.warning(
            "requests carry X-Forwarded-For, but XCERT_PROXIES is 0: behind a proxy everybody shares one address's limits"
        )
    if forwarded:
        _note_unknown_proxy(request, forwarded, proxies)
    return addresses.caller(str(request.ip), forwarded, proxies)


def _note_unknown_proxy(request: Request, forwarded: list[str], proxies: int) -> None:
    """Beside the answer, for the doctor."""
    notebook = getattr(request.app.ctx, "unknown_proxies", None)
    if notebook is None:
        notebook = request.app.ctx.unknown_proxies = unknown_proxies.Notebook()
    if entries := notebook.entries(forwarded, proxies):
        s = services(request)
        task = asyncio.ensure_future(unknown_proxies.note(s.clock, s.cache, entries, str(request.ip)))
        _notes.add(task)
        task.add_done_callback(_notes.discard)


def is_operator(request: Request) -> bool:
    """Whether the caller may see what is for operators (setting XCERT_OPERATIONS).

    A request that came through a proxy nobody told us of has the proxy's address, often this machine's: it may not.
    """
    settings = services(request).settings
    if not settings.operations and not settings.is_production:
        return True
    if not settings.proxies and ("x-forwarded-for" in request.headers or "forwarded" in request.headers):
        return False
    return operators.is_among(client_address(request), settings.operations or operators.LOOPBACK)


async def only_operators(request: Request) -> None:
    """Everybody else finds nothing here. Raises NotFound."""
    if not is_operator(request):
        raise NotFound


def is_secure(request: Request) -> bool:
    return services(request).settings.public_url.startswith("https://")


def set_cookie(
    request: Request,
    response: HTTPResponse,
    name: str,
    value: str,
    *,
    seconds: int,
    strict: bool = False,
    path: str = "/",
) -> None:
    """A session cookie that scripts cannot read; Secure whenever the service is reached by https."""
    response.add_cookie(
        name,
        value,
        path=path,
        max_age=seconds,
        httponly=True,
        secure=is_secure(request),
        samesite="Strict" if strict else "Lax",
    )


def drop_cookie(request: Request, response: HTTPResponse, name: str, *, path: str = "/") -> None:
    response.add_cookie(
        name, "", path=path, max_age=0, httponly=True, secure=is_secure(request), samesite="Lax"
    )


def wants_page(request: Request) -> bool:
    """A person's browser asks, not a program: problems are answered as pages."""
    if request.path.startswith(("/mp/", "/console/api/", "/wechat/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def security_headers(settings: Settings) -> dict[str, str]:
    """Sent with every answer. Only the development sandbox may show our pages in a frame."""
    secure = (
        {"strict-transport-security": "max-age=31536000"}
        if settings.public_url.startswith("https://")
        else {}
    )
    return secure | {
        "content-security-policy": _policy(settings),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }


def wechat_page_policy(settings: Settings, *, has_open_tag: bool = False) -> str:
    """The policy of a page that may load WeChat's JS-SDK: that one file more, and nothing else of its site.

    That file reports every page's address by an image of open.weixin.qq.com (`sdk/report`, in 1.6.0). `img-src` keeps
    it from doing so: an address of ours may hold a scan's token.

    An open tag is drawn by WeChat in a frame of its own: DOC 《微信开放标签说明文档》 asks pages with a policy to allow
    `frame-src https://*.qq.com webcompt:`; only pages that carry one do.
    """
    more = f"; script-src 'self' {settings.js_url}"
    return _policy(settings) + more + ("; frame-src https://*.qq.com webcompt:" if has_open_tag else "")


def _policy(settings: Settings) -> str:
    """A form sent after its session ended is answered with the way to WeChat's log-in, so forms may lead there."""
    ancestors = f"'self' {settings.open_url}" if settings.uses_sandbox else "'none'"
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"form-action 'self' {settings.open_url}; frame-ancestors {ancestors}"
    )
