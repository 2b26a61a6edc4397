"""Logging in and out, one's password, second factor and API tokens."""

from __future__ import annotations

import base64
from typing import Any

from sanic import HTTPResponse, Request

from server.domain.entry import api_tokens, logins
from server.domain.entry.logins import Session
from server.domain.people import roles
from server.domain.people.roles import Role
from server.doors import web
from server.doors.console import answers, entry
from server.doors.console.documents import page_of, thing
from server.doors.console.entry import Call
from server.doors.console.fields import Text, Whole
from server.doors.console.routes import OpenRoute, Route

_PASSWORD = Text(shortest=1, longest=200, secret=True)
LOG_IN = {
    "username": Text(shortest=1, longest=60),
    "password": _PASSWORD,
    "otp": Text(longest=20, required=False, help="启用了动态码的账号才需要"),
}
SESSION = thing(
    csrf="string?",
    expires_at="date-time?",
    staff=thing(
        {"must_change_password": "boolean"},
        id="integer",
        username="string",
        name="string",
        role="string",
        role_label="string",
        school_id="integer?",
        has_second_factor="boolean",
        may={"type": "array", "items": {"type": "string"}},
    ),
)
TOKEN = thing(
    id="integer", label="string", created_at="date-time", expires_at="date-time", revoked_at="date-time?"
)


def said(call: Call) -> dict[str, Any]:
    """Who is logged in, what they may do, and the secret for X-CSRF-Token."""
    return _said(call.account, call.session)


def _said(account: Any, session: Session | None) -> dict[str, Any]:
    role = Role(account.role)
    return {
        "csrf": session.csrf if session else None,
        "expires_at": session.expires_at if session else None,
        "staff": {
            "id": account.id,
            "username": account.username,
            "name": account.name,
            "role": role.value,
            "role_label": role.label,
            "school_id": account.school_id,
            "must_change_password": account.must_change_password,
            "has_second_factor": account.otp_sealed is not None,
            "may": sorted(verb.name.lower() for verb in roles.PERMISSIONS[role]),
        },
    }


async def log_in(request: Request, body: dict[str, Any]) -> HTTPResponse:
    token, session = await logins.log_in(
        web.services(request),
        body["username"],
        body["password"],
        body["otp"] or "",
        address=web.client_address(request),
        request_id=web.request_id(request),
    )
    response = answers.json(_said(session.staff, session))
    entry.give_cookie(request, response, token)
    return response


async def show(call: Call) -> HTTPResponse:
    return answers.json(said(call))


async def log_out(call: Call) -> HTTPResponse:
    await logins.log_out(call.s, call.browser_session(), actor=call.actor)
    response = answers.nothing()
    entry.drop_cookie(call.request, response)
    return response


async def log_out_everywhere(call: Call) -> HTTPResponse:
    await logins.log_out_everywhere(call.s, call.browser_session().staff.id, actor=call.actor)
    response = answers.nothing()
    entry.drop_cookie(call.request, response)
    return response


async def change_password(call: Call) -> HTTPResponse:
    token = await logins.change_password(
        call.s,
        call.browser_session(),
        call.body["old_password"],
        call.body["new_password"],
        actor=call.actor,
    )
    session = await logins.open_session(call.s, token)
    response = answers.json(_said(session.staff, session))
    entry.give_cookie(call.request, response, token)
    return response


async def offer_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    secret, address = await logins.enrol(call.s, call.account)
    png = base64.b64encode(call.s.press.qr_png(address)).decode()
    return answers.json({"secret": secret, "url": address, "png": f"data:image/png;base64,{png}"})


async def confirm_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    await logins.confirm_enrolment(call.s, call.account, call.body["code"], actor=call.actor)
    return answers.nothing()


async def drop_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    await logins.drop_second_factor(call.s, call.account, call.body["password"], actor=call.actor)
    return answers.nothing()


async def tokens(call: Call) -> HTTPResponse:
    return answers.json({"items": await api_tokens.listing(call.account), "next_cursor": None})


async def create_token(call: Call) -> HTTPResponse:
    call.browser_session()
    made = await api_tokens.create(
        call.s, call.account, call.body["label"], call.body["days"], actor=call.actor
    )
    return answers.json(made, status=201)


async def revoke_token(call: Call) -> HTTPResponse:
    await api_tokens.revoke(call.s, call.account, call.path["token_id"], actor=call.actor)
    return answers.nothing()


ROUTES: list[Route | OpenRoute] = [
    OpenRoute(method="POST", path="/session", handler=log_in, summary="登录", body=LOG_IN, gives=SESSION),
    Route(
        method="GET",
        path="/session",
        handler=show,
        verb=None,
        summary="我是谁",
        gives=SESSION,
        first_password_too=True,
    ),
    Route(
        method="DELETE",
        path="/session",
        handler=log_out,
        verb=None,
        summary="退出登录",
        status=204,
        first_password_too=True,
    ),
    Route(
        method="DELETE",
        path="/sessions",
        handler=log_out_everywhere,
        verb=None,
        summary="退出全部登录",
        status=204,
    ),
    Route(
        method="PUT",
        path="/session/password",
        handler=change_password,
        verb=None,
        summary="修改自己的密码",
        body={"old_password": _PASSWORD, "new_password": _PASSWORD},
        gives=SESSION,
        first_password_too=True,
    ),
    Route(
        method="POST",
        path="/session/second-factor",
        handler=offer_second_factor,
        verb=None,
        summary="开始设置动态码",
        gives=thing({"secret": "string"}, url="string", png="string"),
    ),
    Route(
        method="PUT",
        path="/session/second-factor",
        handler=confirm_second_factor,
        verb=None,
        summary="用一个动态码确认启用",
        body={"code": Text(shortest=6, longest=20)},
        status=204,
    ),
    Route(
        method="POST",
        path="/session/second-factor/drop",
        handler=drop_second_factor,
        verb=None,
        summary="停用动态码",
        body={"password": _PASSWORD},
        status=204,
    ),
    Route(
        method="GET", path="/tokens", handler=tokens, verb=None, summary="我的 API 令牌", gives=page_of(TOKEN)
    ),
    Route(
        method="POST",
        path="/tokens",
        handler=create_token,
        verb=None,
        summary="建立 API 令牌（只显示一次）",
        body={"label": Text(shortest=1, longest=60), "days": Whole(least=1, most=366)},
        gives=thing(
            {"token": "string"}, id="integer", label="string", created_at="date-time", expires_at="date-time"
        ),
        status=201,
        creates=True,
    ),
    Route(
        method="DELETE",
        path="/tokens/<token_id:int>",
        handler=revoke_token,
        verb=None,
        summary="停用 API 令牌",
        status=204,
    ),
]
