"""成绩变更: asked for by one member of staff, decided by another."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import roles, score_changes
from server.domain.exams.results import Status
from server.domain.roles import Verb
from server.domain.score_changes.states import ScoreChangeState
from server.web.console import page_base, responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Text, Whole

bp = Blueprint("console_score_changes", url_prefix="/console")
STATES = Choice(values=tuple(state.value for state in ScoreChangeState), required=False)
CHANGE = thing(
    id="integer",
    state="string",
    state_label="string",
    name="string",
    id_masked="string",
    admission_number="string",
    plan="string",
    level="string",
    school="string",
    subject="string",
    was="string",
    becomes="string",
    outcome="string",
    outcome_becomes="string?",
    reason="string",
    requested_by="string",
    requested_at="date-time",
    decided_by="string",
    decided_at="date-time?",
    note="string",
)
DECIDED = thing(state="string")
REQUEST = {
    "admission_number": Text(shortest=1, longest=40, help="准考证号"),
    "subject": Text(longest=60, required=False, help="考试科目；只有一个科目时可以不填"),
    "status": Choice(values=tuple(status.value for status in Status), help="scored 有分数，其余为缺考等"),
    "score": Text(longest=10, required=False, help="0 到 100，最多一位小数；status 不是 scored 时不填"),
    "reason": Text(
        shortest=score_changes.SHORTEST_REASON, longest=300, help="变更的依据，例如复核记录的日期和编号"
    ),
}


async def listing(call: Call) -> HTTPResponse:
    found = await score_changes.listing(
        call.s,
        cursor=responses.after(call.query["cursor"]) or None,
        limit=call.query["limit"] or responses.PAGE,
        state=call.query["state"],
        actor=call.actor,
    )
    following = found["next_cursor"]
    return responses.json({**found, "next_cursor": str(following) if following else None})


async def request(call: Call) -> HTTPResponse:
    change = await score_changes.request(call.s, **call.body, actor=call.actor)
    found = await score_changes.listing(call.s, change_id=change.id, actor=call.actor)
    return responses.json(found["items"][0], status=201)


async def approve(call: Call) -> HTTPResponse:
    state = await score_changes.approve(call.s, call.path["change_id"], actor=call.actor)
    return responses.json({"state": state})


async def refuse(call: Call) -> HTTPResponse:
    note = call.body["note"]
    state = await score_changes.refuse(call.s, call.path["change_id"], note, actor=call.actor)
    return responses.json({"state": state})


async def withdraw(call: Call) -> HTTPResponse:
    state = await score_changes.withdraw(call.s, call.path["change_id"], actor=call.actor)
    return responses.json({"state": state})


async def page(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, {"state": STATES, "cursor": Whole()})
    found = await score_changes.listing(call.s, **wanted, actor=call.actor)
    return await page_base.render(
        call,
        "score_changes.html",
        title="成绩变更",
        nav="/console/score-changes",
        items=found["items"],
        next_cursor=found["next_cursor"],
        more_base=page_base.address("/console/score-changes", wanted),
        states=list(ScoreChangeState),
        state=wanted["state"],
        statuses=list(Status),
        may_request=roles.may(call.actor, Verb.IMPORT),
        shortest=score_changes.SHORTEST_REASON,
    )


page_base.mount(bp, "/score-changes", page, Verb.SEE_IMPORTS)

ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/score-changes",
        handler=listing,
        verb=Verb.SEE_IMPORTS,
        summary="成绩变更",
        query={**PAGING, "state": STATES},
        gives=page_of(CHANGE),
    ),
    Route(
        method="POST",
        path="/score-changes",
        handler=request,
        verb=Verb.IMPORT,
        summary="提出变更一项已公布的成绩；由另一位同事批准后生效",
        body=REQUEST,
        gives=CHANGE,
        status=201,
        creates=True,
    ),
    Route(
        method="POST",
        path="/score-changes/<change_id:int>/approve",
        handler=approve,
        verb=Verb.APPROVE_SCORES,
        summary="批准：成绩立即变更并通知考生",
        gives=DECIDED,
    ),
    Route(
        method="POST",
        path="/score-changes/<change_id:int>/refuse",
        handler=refuse,
        verb=Verb.APPROVE_SCORES,
        summary="不批准，并写明原因",
        body={"note": Text(shortest=1, longest=300)},
        gives=DECIDED,
    ),
    Route(
        method="POST",
        path="/score-changes/<change_id:int>/withdraw",
        handler=withdraw,
        verb=Verb.IMPORT,
        summary="撤回自己提出的变更",
        gives=DECIDED,
    ),
]
