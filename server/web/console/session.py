"""Logging in and out, one's password, second factor and API tokens."""

from __future__ import annotations

import base64
from typing import Any

from sanic import HTTPResponse, Request

from server.domain import roles
from server.domain.auth import api_tokens, login_limits, logins, second_factor
from server.domain.auth.logins import Session
from server.domain.people import captcha
from server.domain.roles import Role
from server.web import request as web_request
from server.web.console import auth, responses
from server.web.console.auth import Call
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Several, Text, Whole

_STRINGS = {"type": "array", "items": {"type": "string"}}
_PASSWORD = Text(shortest=1, longest=200, secret=True)
LOG_IN = {
    "username": Text(shortest=1, longest=60),
    "password": _PASSWORD,
    "otp": Text(longest=20, required=False, help="启用了动态码的账号才需要；也可用恢复码"),
    "captcha_id": Text(longest=40, required=False, help="回答为 captcha_required 时：图形验证的编号"),
    "captcha": Text(longest=20, required=False, help="图中的字符"),
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
    {"scopes": _STRINGS},
    id="integer",
    label="string",
    created_at="date-time",
    expires_at="date-time",
    revoked_at="date-time?",
)
CODES = thing({"recovery_codes": _STRINGS}, recovery_text="string")


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
        web_request.services(request),
        body["username"],
        body["password"],
        body["otp"] or "",
        came=login_limits.From(
            address=web_request.client_address(request),
            request_id=web_request.request_id(request),
            device=request.cookies.get(auth.DEVICE) or "",
            picture=body["captcha_id"] or "",
            answer=body["captcha"] or "",
        ),
    )
    response = responses.json(_said(session.staff, session))
    auth.give_cookie(request, response, token)
    auth.give_device(request, response, session.staff)
    return response


async def picture(request: Request, body: dict[str, Any]) -> HTTPResponse:
    number, png = await login_limits.draw(web_request.services(request), web_request.client_address(request))
    image = "data:image/png;base64," + base64.b64encode(png).decode()
    return responses.json({"captcha_id": number, "image": image, "expires_in": captcha.SECONDS})


async def show(call: Call) -> HTTPResponse:
    return responses.json(said(call))


async def log_out(call: Call) -> HTTPResponse:
    await logins.log_out(call.s, call.browser_session(), actor=call.actor)
    response = responses.nothing()
    auth.drop_cookie(call.request, response)
    return response


async def log_out_everywhere(call: Call) -> HTTPResponse:
    await logins.log_out_everywhere(call.s, call.browser_session().staff.id, actor=call.actor)
    response = responses.nothing()
    auth.drop_cookie(call.request, response)
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
    response = responses.json(_said(session.staff, session))
    auth.give_cookie(call.request, response, token)
    return response


async def offer_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    secret, address = await second_factor.enrol(call.s, call.account, call.body["password"], actor=call.actor)
    png = base64.b64encode(call.s.pdf_renderer.qr_png(address)).decode()
    return responses.json({"secret": secret, "url": address, "png": f"data:image/png;base64,{png}"})


def _codes(found: list[str]) -> HTTPResponse:
    return responses.json({"recovery_codes": found, "recovery_text": "\n".join(found)})


async def confirm_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    code = call.body["code"]
    return _codes(await second_factor.confirm_enrolment(call.s, call.account, code, actor=call.actor))


async def renew_recovery_codes(call: Call) -> HTTPResponse:
    call.browser_session()
    password = call.body["password"]
    return _codes(await second_factor.renew_recovery_codes(call.s, call.account, password, actor=call.actor))


async def drop_second_factor(call: Call) -> HTTPResponse:
    call.browser_session()
    await second_factor.drop(call.s, call.account, call.body["password"], actor=call.actor)
    return responses.nothing()


async def tokens(call: Call) -> HTTPResponse:
    return responses.json({"items": await api_tokens.listing(call.account), "next_cursor": None})


async def create_token(call: Call) -> HTTPResponse:
    call.browser_session()
    made = await api_tokens.create(
        call.s,
        call.account,
        call.body["label"],
        call.body["days"] or api_tokens.USUAL_DAYS,
        proof=api_tokens.Proof(password=call.body["password"], otp=call.body["otp"] or ""),
        scopes=call.body["scopes"] if call.body["scopes"] is not None else ("read",),
        actor=call.actor,
    )
    return responses.json(made, status=201)


async def revoke_token(call: Call) -> HTTPResponse:
    await api_tokens.revoke(call.s, call.account, call.path["token_id"], actor=call.actor)
    return responses.nothing()


ROUTES: list[Route | OpenRoute] = [
    OpenRoute(method="POST", path="/session", handler=log_in, summary="登录", body=LOG_IN, gives=SESSION),
    OpenRoute(
        method="POST",
        path="/session/picture",
        handler=picture,
        summary="登录前的图形验证（登录回答 captcha_required 时）",
        body={},
        gives=thing(captcha_id="string", image="string", expires_in="integer"),
    ),
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
        body={"password": _PASSWORD},
        second_factor_too=True,
        gives=thing({"secret": "string"}, url="string", png="string"),
    ),
    Route(
        method="PUT",
        path="/session/second-factor",
        handler=confirm_second_factor,
        verb=None,
        summary="用一个动态码确认启用",
        body={"code": Text(shortest=6, longest=20)},
        second_factor_too=True,
        gives=CODES,
    ),
    Route(
        method="POST",
        path="/session/second-factor/recovery-codes",
        handler=renew_recovery_codes,
        verb=None,
        summary="更换恢复码（只显示一次）",
        body={"password": _PASSWORD},
        gives=CODES,
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
        body={
            "label": Text(shortest=1, longest=60),
            "days": Whole(least=1, most=api_tokens.LONGEST_DAYS, required=False, help="不填则为 90 天"),
            "scopes": Several(values=tuple(roles.SCOPES), required=False, help="不填则只能查看（read）"),
            "password": _PASSWORD,
            "otp": Text(longest=20, required=False, help="启用了动态码的账号才需要"),
        },
        gives=thing(
            {"token": "string", "scopes": _STRINGS},
            id="integer",
            label="string",
            created_at="date-time",
            expires_at="date-time",
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
