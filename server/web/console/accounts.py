"""账号 of staff and schools, for administrators."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain.people import staff
from server.domain.roles import Role, Verb
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Text, Whole

ACCOUNT = thing(
    {"must_change_password": "boolean"},
    id="integer",
    username="string",
    name="string",
    role="string",
    role_label="string",
    school_id="integer?",
    school="string?",
    is_active="boolean",
    has_second_factor="boolean",
    created_at="date-time",
)
ONE_TIME = thing({"one_time_password": "string"})


async def listing(call: Call) -> HTTPResponse:
    limit = call.query["limit"] or responses.PAGE
    rows = await staff.listing(responses.after(call.query["cursor"]), limit + 1)
    return responses.json(responses.page(rows, limit))


async def create(call: Call) -> HTTPResponse:
    password = await staff.create(
        call.s,
        call.body["username"],
        call.body["role"],
        name=call.body["name"],
        school=call.body["school_id"],
        actor=call.actor,
    )
    return responses.json({"one_time_password": password}, status=201)


async def reset_password(call: Call) -> HTTPResponse:
    password = await staff.reset_password(call.s, call.path["staff_id"], actor=call.actor)
    return responses.json({"one_time_password": password})


async def unlock(call: Call) -> HTTPResponse:
    await staff.unlock(call.s, call.path["staff_id"], actor=call.actor)
    return responses.nothing()


async def deactivate(call: Call) -> HTTPResponse:
    await staff.set_active(call.s, call.path["staff_id"], False, actor=call.actor)
    return responses.nothing()


async def activate(call: Call) -> HTTPResponse:
    await staff.set_active(call.s, call.path["staff_id"], True, actor=call.actor)
    return responses.nothing()


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/staff",
        handler=listing,
        verb=Verb.MANAGE_STAFF,
        summary="账号",
        query=PAGING,
        gives=page_of(ACCOUNT),
    ),
    Route(
        method="POST",
        path="/staff",
        handler=create,
        verb=Verb.MANAGE_STAFF,
        summary="建立账号（一次性密码只显示一次）",
        body={
            "username": Text(shortest=3, longest=60),
            "name": Text(longest=100, required=False),
            "role": Choice(values=tuple(role.value for role in Role)),
            "school_id": Whole(required=False, help="只用于院校账号"),
        },
        gives=ONE_TIME,
        status=201,
        creates=True,
    ),
    Route(
        method="POST",
        path="/staff/<staff_id:int>/reset-password",
        handler=reset_password,
        verb=Verb.MANAGE_STAFF,
        summary="重置密码，结束其全部登录",
        gives=ONE_TIME,
    ),
    Route(
        method="POST",
        path="/staff/<staff_id:int>/unlock",
        handler=unlock,
        verb=Verb.MANAGE_STAFF,
        summary="解除登录限制（输错密码次数过多之后）",
        status=204,
    ),
    Route(
        method="POST",
        path="/staff/<staff_id:int>/deactivate",
        handler=deactivate,
        verb=Verb.MANAGE_STAFF,
        summary="停用账号",
        status=204,
    ),
    Route(
        method="POST",
        path="/staff/<staff_id:int>/activate",
        handler=activate,
        verb=Verb.MANAGE_STAFF,
        summary="重新启用账号",
        status=204,
    ),
]
