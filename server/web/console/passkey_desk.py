"""Passkeys: one's own, and the log-in by one."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from sanic import HTTPResponse

from server.domain.auth import logins, passkeys
from server.domain.auth.passkeys import Assertion
from server.web.console import session as session_routes
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.paging import page_of
from server.web.console.session import OwnPassword
from server.web.console.session_answers import RecoveryCodes, Session
from server.web.request import Asked
from server.web.routes import Route
from server.web.schema import Answer, Input, Nothing

LONGEST = 8000  # characters of a credential as JSON; ours are some hundred


class Passkey(Answer):
    id: int
    label: str
    is_backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


class PasskeyOffer(Answer):
    ticket: str
    options: str


class PasskeyAnswer(Input):
    ticket: str = Field(min_length=1, max_length=60)
    credential: str = Field(
        min_length=2, max_length=LONGEST, description="PublicKeyCredential.toJSON() 写成的文字"
    )

    @property
    def assertion(self) -> Assertion:
        return Assertion(self.ticket, self.credential)


class NewPasskey(PasskeyAnswer):
    label: str = Field(min_length=1, max_length=60, description="给它起的名字，例如办公室电脑")


async def ask(asked: Asked, _: Nothing) -> PasskeyOffer:
    made = await passkeys.ask(asked.s, asked.address)
    return PasskeyOffer(ticket=made.ticket, options=made.options)


async def log_in(asked: Asked, body: PasskeyAnswer) -> HTTPResponse:
    token, session = await logins.log_in_with_passkey(
        asked.s, body.assertion, session_routes.coming_from(asked)
    )
    return session_routes.entered(asked, token, session)


async def listing(call: Call) -> Page[Passkey]:
    return page_of(Passkey, await passkeys.listing(call.account.id))


async def offer(call: Call, body: OwnPassword) -> PasskeyOffer:
    call.browser_session()
    made = await passkeys.offer(call.s, call.account.id, body.password, actor=call.actor)
    return PasskeyOffer(ticket=made.ticket, options=made.options)


async def register(call: Call, body: NewPasskey) -> RecoveryCodes:
    call.browser_session()
    codes = await passkeys.register(call.s, call.account.id, body.assertion, body.label, actor=call.actor)
    return session_routes.codes_shown(codes)


async def remove(call: Call, body: OwnPassword, passkey_id: int) -> None:
    call.browser_session()
    await passkeys.remove(call.s, call.account.id, passkey_id, body.password, actor=call.actor)


ROUTES = [
    Route("POST", "/session/passkey-offer", ask, "通行密钥登录的第一步：给浏览器的题目", takes=Nothing, gives=PasskeyOffer, is_open=True),
    Route("POST", "/session/passkey", log_in, "用通行密钥登录", takes=PasskeyAnswer, gives=Session, is_open=True),
    Route("GET", "/passkeys", listing, "我的通行密钥", gives=Page[Passkey]),
    Route("POST", "/passkeys/offer", offer, "开始添加通行密钥", takes=OwnPassword, gives=PasskeyOffer, second_factor_too=True),
    Route("POST", "/passkeys", register, "添加通行密钥；是账号的第一种第二重验证时给出恢复码", takes=NewPasskey, gives=RecoveryCodes, status=201, second_factor_too=True),
    Route("POST", "/passkeys/<passkey_id:int>/remove", remove, "移除一把通行密钥", takes=OwnPassword, status=204),
]  # fmt: skip
