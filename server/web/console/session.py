"""Logging in and out, one's password, second factor and API tokens."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain import roles
from server.domain.auth import api_tokens, login_limits, logins, second_factor
from server.domain.auth.passkeys import Assertion
from server.domain.auth.signed_in import SignedIn
from server.domain.people import captcha
from server.web import responses
from server.web.console import auth
from server.web.console import session_answers as answers
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.device_words import device_words
from server.web.console.paging import page_of
from server.web.console.session_answers import NewToken, RecoveryCodes, SecondFactorOffer, Token
from server.web.request import Asked, request_id
from server.web.routes import Route
from server.web.schema import Input, Nothing, OneOf

Password = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"format": "password"})]


class LogIn(Input):
    username: str = Field(min_length=1, max_length=60)
    password: Password
    otp: str | None = Field(default=None, max_length=20, description="启用了动态码的账号才需要；也可用恢复码")
    passkey_ticket: str | None = Field(default=None, max_length=60, description="与 passkey 一起")
    passkey: str | None = Field(
        default=None, max_length=8000, description="代替 otp：通行密钥的回答（JSON 文字）"
    )
    captcha_id: str | None = Field(
        default=None, max_length=40, description="回答为 captcha_required 时：图形验证的编号"
    )
    captcha: str | None = Field(default=None, max_length=20, description="图中的字符")


class NewPassword(Input):
    old_password: Password
    new_password: Password


class OwnPassword(Input):
    password: Password


class Code(Input):
    code: str = Field(min_length=6, max_length=20)


class WantedToken(Input):
    label: str = Field(min_length=1, max_length=60)
    days: int | None = Field(
        default=None,
        ge=1,
        le=api_tokens.LONGEST_DAYS,
        description="不填则为 90 天",
        json_schema_extra={"format": "int64"},
    )
    scopes: list[Annotated[str, OneOf(roles.SCOPES)]] | None = Field(
        default=None, max_length=len(roles.SCOPES), description="不填则只能查看（read）"
    )
    password: Password
    otp: str | None = Field(
        default=None, max_length=20, description="启用了第二重验证的账号才需要：动态码或恢复码"
    )
    passkey_ticket: str | None = Field(default=None, max_length=60, description="与 passkey 一起")
    passkey: str | None = Field(
        default=None, max_length=8000, description="代替 otp：通行密钥的回答（JSON 文字）"
    )


def view(account: SignedIn, session: logins.Session | None) -> answers.Session:
    """Who is logged in, what they may do, and the secret for X-CSRF-Token."""
    return answers.Session(
        csrf=session.csrf if session else None,
        expires_at=session.expires_at if session else None,
        staff=answers.Me(
            id=account.id,
            username=account.username,
            name=account.name,
            role=account.role.value,
            role_label=account.role.label,
            school_id=account.school_id,
            must_change_password=account.must_change_password,
            has_second_factor=account.has_second_factor,
            may=sorted(verb.name.lower() for verb in roles.PERMISSIONS[account.role]),
        ),
    )


def coming_from(asked: Asked, *, picture: str = "", answer: str = "") -> login_limits.From:
    """Where a log-in comes from, and what its browser brings along."""
    return login_limits.From(
        address=asked.address,
        request_id=request_id(asked.request),
        device=asked.request.cookies.get(auth.DEVICE) or "",
        picture=picture,
        answer=answer,
        agent=device_words(asked.request.headers.get("user-agent", "")),
    )


def entered(asked: Asked, token: str, session: logins.Session) -> HTTPResponse:
    """The answer to a log-in, with its cookies."""
    response = responses.json(view(session.staff, session))
    auth.give_cookie(asked.request, response, token)
    auth.give_device(asked.request, response, session.staff)
    return response


async def log_in(asked: Asked, body: LogIn) -> HTTPResponse:
    token, session = await logins.log_in(
        asked.s,
        body.username,
        body.password,
        body.otp or "",
        came=coming_from(asked, picture=body.captcha_id or "", answer=body.captcha or ""),
        passkey=_passkey(body),
    )
    return entered(asked, token, session)


async def picture(asked: Asked, _: Nothing) -> answers.Captcha:
    number, png = await login_limits.draw(asked.s, asked.address)
    image = "data:image/png;base64," + base64.b64encode(png).decode()
    return answers.Captcha(captcha_id=number, image=image, expires_in=captcha.SECONDS)


async def show(call: Call) -> answers.Session:
    return view(call.account, call.session)


async def log_out(call: Call) -> HTTPResponse:
    await logins.log_out(call.s.clock, call.browser_session(), actor=call.actor)
    return _without_cookie(call)


async def log_out_everywhere(call: Call) -> HTTPResponse:
    await logins.log_out_everywhere(call.s.clock, call.browser_session().staff.id, actor=call.actor)
    return _without_cookie(call)


def _without_cookie(call: Call) -> HTTPResponse:
    response = responses.nothing()
    auth.forget_cookie(call.request, response)
    return response


async def change_password(call: Call, body: NewPassword) -> HTTPResponse:
    token = await logins.change_password(
        call.s, call.browser_session(), body.old_password, body.new_password, actor=call.actor
    )
    session = await logins.open_session(call.s, token)
    response = responses.json(view(session.staff, session))
    auth.give_cookie(call.request, response, token)
    return response


async def offer_second_factor(call: Call, body: OwnPassword) -> SecondFactorOffer:
    call.browser_session()
    secret, address = await second_factor.enrol(call.s, call.account.id, body.password, actor=call.actor)
    png = base64.b64encode(call.s.pdf_renderer.qr_png(address)).decode()
    return SecondFactorOffer(secret=secret, url=address, png=f"data:image/png;base64,{png}")


def codes_shown(codes: list[str]) -> RecoveryCodes:
    """Recovery codes, one by one and as the text of a page; none where the account has its codes already."""
    return RecoveryCodes(recovery_codes=codes, recovery_text="\n".join(codes))


async def confirm_second_factor(call: Call, body: Code) -> RecoveryCodes:
    call.browser_session()
    return codes_shown(
        await second_factor.confirm_enrolment(call.s, call.account.id, body.code, actor=call.actor)
    )


async def renew_recovery_codes(call: Call, body: OwnPassword) -> RecoveryCodes:
    call.browser_session()
    return codes_shown(
        await second_factor.renew_recovery_codes(call.s, call.account.id, body.password, actor=call.actor)
    )


async def drop_second_factor(call: Call, body: OwnPassword) -> None:
    call.browser_session()
    await second_factor.drop(call.s, call.account.id, body.password, actor=call.actor)


def _passkey(body: LogIn | WantedToken) -> Assertion | None:
    return Assertion(body.passkey_ticket or "", body.passkey) if body.passkey else None


async def tokens(call: Call) -> Page[Token]:
    return page_of(Token, await api_tokens.listing(call.account.id))


async def create_token(call: Call, body: WantedToken) -> NewToken:
    call.browser_session()
    token = await api_tokens.create(
        call.s,
        call.account.id,
        body.label,
        body.days or api_tokens.USUAL_DAYS,
        proof=api_tokens.Proof(body.password, body.otp or "", _passkey(body)),
        scopes=("read",) if body.scopes is None else body.scopes,
        actor=call.actor,
    )
    return NewToken(**asdict(token.view), token=token.token)


async def revoke_token(call: Call, token_id: int) -> None:
    await api_tokens.revoke(call.s.clock, call.account.id, token_id, actor=call.actor)


_FACTOR = "/session/second-factor"
ROUTES = [
    Route("POST", "/session", log_in, "登录", takes=LogIn, gives=answers.Session, is_open=True),
    Route("POST", "/session/picture", picture, "登录前的图形验证（登录回答 captcha_required 时）",
          takes=Nothing, gives=answers.Captcha, is_open=True),
    Route("GET", "/session", show, "我是谁", gives=answers.Session, first_password_too=True),
    Route("DELETE", "/session", log_out, "退出登录", status=204, first_password_too=True),
    Route("DELETE", "/sessions", log_out_everywhere, "退出全部登录", status=204),
    Route("PUT", "/session/password", change_password, "修改自己的密码", takes=NewPassword, gives=answers.Session, first_password_too=True),
    Route("POST", _FACTOR, offer_second_factor, "开始设置动态码", takes=OwnPassword, gives=SecondFactorOffer, second_factor_too=True),
    Route("PUT", _FACTOR, confirm_second_factor, "用一个动态码确认启用", takes=Code, gives=RecoveryCodes, second_factor_too=True),
    Route("POST", f"{_FACTOR}/recovery-codes", renew_recovery_codes, "更换恢复码（只显示一次）", takes=OwnPassword, gives=RecoveryCodes),
    Route("POST", f"{_FACTOR}/drop", drop_second_factor, "停用动态码", takes=OwnPassword, status=204),
    Route("GET", "/tokens", tokens, "我的 API 令牌", gives=Page[Token]),
    Route("POST", "/tokens", create_token, "建立 API 令牌（只显示一次）", takes=WantedToken, gives=NewToken, status=201, creates=True),
    Route("DELETE", "/tokens/<token_id:int>", revoke_token, "停用 API 令牌", status=204),
]  # fmt: skip
