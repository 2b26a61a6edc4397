"""微信扫码登录 at the computer: the code, what became of it, and the log-in; binding one's own WeChat."""

from __future__ import annotations

import base64

from pydantic import Field
from sanic import HTTPResponse

from server.domain.auth import logins, scan_login
from server.domain.auth.scan_login import ScanOffer
from server.web import responses
from server.web.console import session as session_routes
from server.web.console.auth import PATH, Call
from server.web.console.session import OwnPassword
from server.web.console.session_answers import Session
from server.web.h5.login_desk import page_of_ticket
from server.web.request import Asked, drop_cookie, set_cookie
from server.web.routes import Route
from server.web.schema import Answer, Input, Nothing

COOKIE = "xcert_scan"  # which browser shows the code


class ScanCode(Answer):
    ticket: str
    number: str
    png: str
    expires_in: int


class ScanState(Answer):
    state: str


class Ticket(Input):
    ticket: str = Field(min_length=1, max_length=60)


class Claim(Ticket):
    otp: str | None = Field(
        default=None, max_length=20, description="启用了第二重验证的账号才需要；也可用恢复码"
    )


def _code(asked: Asked, made: ScanOffer) -> HTTPResponse:
    url = page_of_ticket(asked.s.settings.public_url, made.ticket)
    png = base64.b64encode(asked.s.pdf_renderer.qr_png(url)).decode()
    response = responses.json(
        ScanCode(
            ticket=made.ticket,
            number=made.number,
            png=f"data:image/png;base64,{png}",
            expires_in=scan_login.SECONDS,
        )
    )
    set_cookie(
        asked.request, response, COOKIE, made.browser, seconds=scan_login.SECONDS, strict=True, path=PATH
    )
    return response


def _browser(asked: Asked) -> str:
    return asked.request.cookies.get(COOKIE) or ""


async def offer(asked: Asked, _: Nothing) -> HTTPResponse:
    return _code(asked, await scan_login.offer(asked.s, session_routes.coming_from(asked)))


async def state(asked: Asked, body: Ticket) -> ScanState:
    return ScanState(state=await scan_login.state(asked.s, body.ticket, _browser(asked)))


async def log_in(asked: Asked, body: Claim) -> HTTPResponse:
    token, session = await logins.log_in_by_scan(
        asked.s, body.ticket, _browser(asked), body.otp or "", session_routes.coming_from(asked)
    )
    response = session_routes.entered(asked, token, session)
    drop_cookie(asked.request, response, COOKIE, path=PATH)
    return response


async def offer_binding(call: Call, body: OwnPassword) -> HTTPResponse:
    call.browser_session()
    came = session_routes.coming_from(call)
    made = await scan_login.offer_binding(call.s, call.account.id, body.password, came, actor=call.actor)
    return _code(call, made)


async def unbind(call: Call, body: OwnPassword) -> None:
    call.browser_session()
    await scan_login.unbind(call.s, call.account.id, body.password, actor=call.actor)


ROUTES = [
    Route("POST", "/session/scan-code", offer, "微信扫码登录：二维码和两位数字", takes=Nothing, gives=ScanCode, is_open=True),
    Route("POST", "/session/scan-state", state, "二维码怎样了：waiting、seen、confirmed、refused、over", takes=Ticket, gives=ScanState, is_open=True),
    Route("POST", "/session/scan", log_in, "手机上确认以后登录", takes=Claim, gives=Session, is_open=True),
    Route("POST", "/login-wechat/code", offer_binding, "绑定登录用的微信：二维码和两位数字", takes=OwnPassword, gives=ScanCode),
    Route("POST", "/login-wechat/unbind", unbind, "解除登录用的微信", takes=OwnPassword, status=204),
]  # fmt: skip
