"""People: the page of the schools' signing officers, and candidates whose binding has to be undone."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.lookups import worklist
from server.domain.people import binding_removal, conflicts, officers
from server.domain.people.officer_states import OfficerState
from server.domain.roles import Verb
from server.errors import Invalid
from server.web.console import page_base, responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Text, Whole

bp = Blueprint("console_people", url_prefix="/console")

FILTERS = {
    "school_id": Whole(required=False),
    "state": Choice(values=tuple(state.value for state in OfficerState), required=False),
    "name": Text(longest=60, required=False),
}


async def officer_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, {**FILTERS, "cursor": PAGING["cursor"]})
    found = await officers.listing(call.s, **wanted, limit=responses.PAGE, actor=call.actor)
    return await page_base.render(
        call,
        "officers.html",
        title="院校签发负责人",
        nav="/console/officers",
        wanted=wanted,
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/officers", wanted),
        states=list(OfficerState),
        schools=await worklist.schools(call.actor),
        own_school=call.actor.school_id,
        may_invite=roles.may(call.actor, Verb.INVITE),
        may_confirm=roles.may(call.actor, Verb.CONFIRM),
        may_suspend=roles.may(call.actor, Verb.SUSPEND),
        signs=roles.may(call.actor, Verb.SIGN),
        blocked=await conflicts.blocked_schools(call.actor.id),
    )


async def candidates(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, {"q": Text(longest=60)})["q"]
    items, problem = [], ""
    if wanted:
        try:
            items = await binding_removal.find(call.s, wanted, actor=call.actor)
        except Invalid as refusal:
            wanted, problem = "", refusal.errors[0].detail
    return await page_base.render(
        call,
        "people.html",
        title="考生绑定",
        nav="/console/people",
        q=wanted or "",
        problem=problem,
        items=items,
        may_unbind=roles.may(call.actor, Verb.UNBIND),
    )


async def search(call: Call) -> HTTPResponse:
    items = await binding_removal.find(call.s, call.query["q"], actor=call.actor)
    return responses.json({"items": items, "next_cursor": None})


async def unbind(call: Call) -> HTTPResponse:
    ended = await binding_removal.release(
        call.s,
        call.path["candidate_id"],
        call.body["reason"],
        account=call.body["account"],
        actor=call.actor,
    )
    return responses.json({"ended": ended})


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/people",
        handler=search,
        verb=Verb.SEE_PEOPLE,
        summary="按完整姓名或准考证号查找考生",
        query={"q": Text(shortest=1, longest=60, help="完整姓名或准考证号；不接受证件号码")},
        gives=page_of(
            thing(
                {
                    "bindings": {
                        "type": "array",
                        "items": thing(account="string", account_label="string", bound_at="date-time"),
                    }
                },
                id="integer",
                name="string",
                id_masked="string",
                school="string?",
            )
        ),
    ),
    Route(
        method="POST",
        path="/people/<candidate_id:int>/unbind",
        handler=unbind,
        verb=Verb.UNBIND,
        summary="解除一位考生的微信绑定，写明原因",
        body={
            "reason": Text(shortest=1, longest=400),
            "account": Choice(values=("oa", "mp"), required=False, help="不填则两处都解除"),
        },
        gives=thing(ended="integer"),
    ),
]

page_base.mount(bp, "/people", candidates, Verb.SEE_PEOPLE)
page_base.mount(bp, "/officers", officer_list, Verb.SEE_OFFICERS)
