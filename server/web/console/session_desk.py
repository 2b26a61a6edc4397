"""Log-ins as a list: one's own, and those of others for administrators."""

from __future__ import annotations

from datetime import datetime

from server.domain.auth import session_list
from server.domain.auth.session_list import LogIn
from server.domain.roles import Verb
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.paging import page_of
from server.web.routes import Route
from server.web.schema import Answer


class OpenSession(Answer):
    id: str
    is_this: bool
    proofs: list[str]
    device: str
    address: str
    began_at: datetime
    last_used_at: datetime
    expires_at: datetime


def shown(one: LogIn, call: Call) -> OpenSession:
    """A log-in as the API answers it, and pages show it."""
    return OpenSession(
        id=one.id,
        is_this=call.session is not None and call.session.id == one.id,
        proofs=[proof.label for proof in one.proofs],
        device=one.device,
        address=one.address,
        began_at=one.began_at,
        last_used_at=one.last_used_at,
        expires_at=one.expires_at,
    )


async def own(call: Call) -> Page[OpenSession]:
    call.browser_session()
    found = await session_list.own(call.s.clock, call.account.id)
    return page_of(OpenSession, [shown(one, call) for one in found])


async def end_own(call: Call, session_id: str) -> None:
    call.browser_session()
    await session_list.end_own(call.s.clock, call.account.id, session_id, actor=call.actor)


async def anothers(call: Call, staff_id: int) -> Page[OpenSession]:
    found = await session_list.of_another(call.s.clock, staff_id, actor=call.actor)
    return page_of(OpenSession, [shown(one, call) for one in found])


async def end_anothers(call: Call, staff_id: int, session_id: str) -> None:
    await session_list.end_anothers(call.s.clock, staff_id, session_id, actor=call.actor)


_ONE, _MAY = "/staff/<staff_id:int>/sessions", Verb.MANAGE_STAFF
ROUTES = [
    Route("GET", "/sessions", own, "我的登录：在哪些设备上", gives=Page[OpenSession]),
    Route("DELETE", "/sessions/<session_id:str>", end_own, "结束我的一次登录", status=204),
    Route("GET", _ONE, anothers, "一个账号的登录", gives=Page[OpenSession], verb=_MAY),
    Route("DELETE", f"{_ONE}/<session_id:str>", end_anothers, "结束这个账号的一次登录", status=204, verb=_MAY),
]  # fmt: skip
