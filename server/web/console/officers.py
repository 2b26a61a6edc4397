"""院校签发负责人: who there is, invitations, suspension."""

from __future__ import annotations

import base64
from dataclasses import asdict

from sanic import HTTPResponse

from server.domain.lookups import worklist
from server.domain.people import invitation_lists, officers
from server.domain.people.officer_states import OfficerState
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Text, Whole

OFFICER = thing(
    id="integer",
    name="string",
    mobile_masked="string",
    school=thing(id="integer", name="string"),
    state="string",
    state_label="string",
)
INVITATION = thing(id="integer", url="string", png="string", expires_at="date-time")


async def listing(call: Call) -> HTTPResponse:
    found = await officers.listing(call.s, **call.query, actor=call.actor)
    return responses.json({"items": found.items, "next_cursor": found.next_cursor})


async def invite_list(call: Call) -> HTTPResponse:
    done = await invitation_lists.invite_all(call.s, call.body["list"], actor=call.actor)
    refused = sum(not one.url for one in done)
    items = [asdict(one) for one in done]
    return responses.json({"items": items, "done": len(done) - refused, "refused": refused}, status=201)


async def invite(call: Call) -> HTTPResponse:
    school_id = call.body["school_id"] or call.actor.school_id
    if school_id is None:
        raise Invalid(errors=[FieldError("/school_id", "missing", "请选择负责人所在的院校。")])
    return _shown(
        call,
        await officers.invite(
            call.s, school_id, call.body["name"], call.body["mobile"] or "", actor=call.actor
        ),
    )


def _shown(call: Call, made: officers.Invitation) -> HTTPResponse:
    """The link, which is shown this once, and its QR."""
    png = base64.b64encode(call.s.pdf_renderer.qr_png(made.url)).decode()
    return responses.json(
        {
            "id": made.officer_id,
            "url": made.url,
            "png": f"data:image/png;base64,{png}",
            "expires_at": made.expires_at,
        },
        status=201,
    )


async def resend(call: Call) -> HTTPResponse:
    return _shown(call, await officers.resend(call.s, call.path["officer_id"], actor=call.actor))


async def reset_pin(call: Call) -> HTTPResponse:
    return _shown(call, await officers.reset_pin(call.s, call.path["officer_id"], actor=call.actor))


async def withdraw(call: Call) -> HTTPResponse:
    await officers.withdraw(call.s, call.path["officer_id"], actor=call.actor)
    return responses.nothing()


async def confirm(call: Call) -> HTTPResponse:
    await officers.confirm(call.s, call.path["officer_id"], actor=call.actor)
    return responses.nothing()


async def resume(call: Call) -> HTTPResponse:
    await officers.resume(call.s, call.path["officer_id"], actor=call.actor)
    return responses.nothing()


async def suspend(call: Call) -> HTTPResponse:
    await officers.suspend(call.s, call.path["officer_id"], actor=call.actor)
    return responses.nothing()


async def schools(call: Call) -> HTTPResponse:
    found = await worklist.schools(call.actor)
    return responses.json({"items": [{"id": one.id, "name": one.name} for one in found], "next_cursor": None})


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/officers",
        handler=listing,
        verb=Verb.SEE_OFFICERS,
        summary="院校签发负责人",
        query={
            "school_id": Whole(required=False),
            "state": Choice(values=tuple(state.value for state in OfficerState), required=False),
            "name": Text(longest=60, required=False, help="负责人或院校名称的一部分"),
            **PAGING,
        },
        gives=page_of(OFFICER),
    ),
    Route(
        method="POST",
        path="/officers",
        handler=invite,
        verb=Verb.INVITE,
        summary="邀请一位负责人（邀请链接只显示一次）",
        body={
            "school_id": Whole(required=False, help="院校账号可不填"),
            "name": Text(shortest=1, longest=100),
            "mobile": Text(longest=30, required=False, help="必填：接受邀请时核对后四位"),
        },
        gives=INVITATION,
        status=201,
        creates=True,
    ),
    Route(
        method="POST",
        path="/officers/invitations",
        handler=invite_list,
        verb=Verb.INVITE,
        summary="按名单邀请多位负责人，逐行给出结果（邀请链接只显示一次）",
        body={
            "list": Text(shortest=1, longest=60_000, help="每行一人：院校、姓名、手机号，用制表符或逗号分开")
        },
        gives=thing(items={"type": "array", "items": {"type": "object"}}, done="integer", refused="integer"),
        status=201,
        creates=True,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/resend",
        handler=resend,
        verb=Verb.INVITE,
        summary="重发邀请：旧链接失效，新链接只显示一次",
        gives=INVITATION,
        status=201,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/withdraw",
        handler=withdraw,
        verb=Verb.SUSPEND,
        summary="撤回还没有被接受的邀请",
        status=204,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/confirm",
        handler=confirm,
        verb=Verb.CONFIRM,
        summary="确认一位负责人，之后才能签发",
        status=204,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/reset-pin",
        handler=reset_pin,
        verb=Verb.INVITE,
        summary="重置签发密码：给出只有本人微信能用的新链接",
        gives=INVITATION,
        status=201,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/resume",
        handler=resume,
        verb=Verb.INVITE,
        summary="恢复一位已停用的负责人，需再次确认",
        status=204,
    ),
    Route(
        method="POST",
        path="/officers/<officer_id:int>/suspend",
        handler=suspend,
        verb=Verb.SUSPEND,
        summary="停用一位负责人，立即生效",
        status=204,
    ),
    Route(
        method="GET",
        path="/schools",
        handler=schools,
        verb=Verb.SEE_OFFICERS,
        summary="可选择的院校",
        gives=page_of(thing(id="integer", name="string")),
    ),
]
