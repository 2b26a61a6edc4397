"""The pages about people: the schools' signing officers."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import waiting
from server.domain.people import backers, officers, roles
from server.domain.people.officer_life import State
from server.domain.people.roles import Verb
from server.doors.console import answers, screens
from server.doors.console.entry import Call
from server.doors.console.fields import Choice, Text, Whole
from server.doors.console.imports import PAGING

bp = Blueprint("console_people", url_prefix="/console")

FILTERS = {
    "school_id": Whole(required=False),
    "state": Choice(values=tuple(state.value for state in State), required=False),
    "name": Text(longest=60, required=False),
}


async def officer_list(call: Call) -> HTTPResponse:
    wanted = screens.read(call, {**FILTERS, "cursor": PAGING["cursor"]})
    found = await officers.listing(call.s, **wanted, limit=answers.PAGE, actor=call.actor)
    return await screens.render(
        call,
        "officers.html",
        title="院校签发负责人",
        nav="/console/officers",
        wanted=wanted,
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=screens.address("/console/officers", wanted),
        states=list(State),
        schools=await waiting.schools(call.actor),
        own_school=call.actor.school_id,
        may_invite=roles.may(call.actor, Verb.INVITE),
        may_confirm=roles.may(call.actor, Verb.CONFIRM),
        may_suspend=roles.may(call.actor, Verb.SUSPEND),
        signs=roles.may(call.actor, Verb.SIGN),
        blocked=await backers.blocked_schools(call.actor.id),
    )


screens.mount(bp, "/officers", officer_list, Verb.SEE_OFFICERS)
