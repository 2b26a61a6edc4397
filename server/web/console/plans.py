"""Exam plans: the list, and the release of results."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain.exams import plans, timetable
from server.domain.levels import Level
from server.domain.roles import Verb
from server.models import Plan
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Flag, Moment, Text

SLOT = thing(
    level="string", level_label="string", subject="string", starts_at="date-time?", ends_at="date-time?"
)
PLAN = thing(
    id="integer",
    name="string",
    certificate="string",
    exam_date="date",
    release_at="date-time?",
    state="string",
    requires_practice="boolean",
    registered="integer",
    passed="integer",
    pending="integer",
    sites="integer",
    slots={"type": "array", "items": SLOT},
)
CHANGED = thing(id="integer", release_at="date-time?", requires_practice="boolean")


def _changed(plan: Plan) -> HTTPResponse:
    return responses.json(
        {"id": plan.id, "release_at": plan.release_at, "requires_practice": plan.requires_practice}
    )


async def listing(call: Call) -> HTTPResponse:
    return responses.json({"items": await plans.plans_listing(call.s), "next_cursor": None})


async def release(call: Call) -> HTTPResponse:
    return _changed(await plans.release(call.s, call.path["plan_id"], at=call.body["at"], actor=call.actor))


async def cancel_release(call: Call) -> HTTPResponse:
    return _changed(await plans.cancel_release(call.s, call.path["plan_id"], actor=call.actor))


async def set_practice(call: Call) -> HTTPResponse:
    on = call.body["requires_practice"]
    return _changed(await plans.set_requires_practice(call.s, call.path["plan_id"], on, actor=call.actor))


async def set_time(call: Call) -> HTTPResponse:
    return responses.json(
        await timetable.set_time(call.s, call.path["plan_id"], **call.body, actor=call.actor)
    )


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/plans",
        handler=listing,
        verb=Verb.SEE_PLANS,
        summary="考试计划",
        gives=page_of(PLAN),
    ),
    Route(
        method="POST",
        path="/plans/<plan_id:int>/release",
        handler=release,
        verb=Verb.RELEASE,
        summary="公布成绩：立即，或从某一分钟起",
        body={"at": Moment(required=False, help="不填表示立即")},
        gives=CHANGED,
    ),
    Route(
        method="POST",
        path="/plans/<plan_id:int>/cancel-release",
        handler=cancel_release,
        verb=Verb.RELEASE,
        summary="取消尚未到时间的公布",
        gives=CHANGED,
    ),
    Route(
        method="POST",
        path="/plans/<plan_id:int>/practice",
        handler=set_practice,
        verb=Verb.RELEASE,
        summary="是否要求实践与督导学时",
        body={"requires_practice": Flag()},
        gives=CHANGED,
    ),
    Route(
        method="POST",
        path="/plans/<plan_id:int>/times",
        handler=set_time,
        verb=Verb.RELEASE,
        summary="登记一个科目的考试时间",
        body={
            "level": Choice(values=tuple(level.value for level in Level)),
            "subject": Text(shortest=1, longest=60),
            "starts": Text(shortest=1, longest=8, help="北京时间，如 9:00"),
            "ends": Text(shortest=1, longest=8, help="北京时间，如 11:00"),
        },
        gives=SLOT,
    ),
]
