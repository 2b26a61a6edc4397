"""审计: the trail, for those who may read it."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain import trail
from server.domain.people.roles import Verb
from server.domain.trail import Wanted
from server.doors.console import answers
from server.doors.console.documents import page_of, thing
from server.doors.console.entry import Call
from server.doors.console.fields import Choice, Moment, Text, Whole
from server.doors.console.imports import PAGING
from server.doors.console.routes import OpenRoute, Route

ENTRY = thing(
    id="integer",
    at="date-time",
    actor_kind="string",
    actor_id="integer?",
    actor_name="string",
    action="string",
    action_label="string",
    subject_kind="string",
    subject_id="string",
    was={"type": "object", "nullable": True},
    became={"type": "object", "nullable": True},
    address="string",
    request_id="string",
)
FILTERS = {
    "action": Text(longest=40, required=False),
    "actor_kind": Choice(values=("staff", "officer", "candidate", "system"), required=False),
    "actor_id": Whole(required=False),
    "actor_name": Text(longest=100, required=False),
    "subject_kind": Text(longest=20, required=False),
    "subject_id": Text(longest=40, required=False),
    "since": Moment(required=False),
    "until": Moment(required=False),
}


async def listing(call: Call) -> HTTPResponse:
    limit = call.query["limit"] or answers.PAGE
    wanted = Wanted(**{name: call.query[name] for name in FILTERS})
    rows = await trail.listing(
        wanted, after=answers.after(call.query["cursor"]), limit=limit + 1, actor=call.actor
    )
    return answers.json(answers.page(rows, limit))


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/audit",
        handler=listing,
        verb=Verb.SEE_AUDIT,
        summary="审计记录",
        query={**FILTERS, **PAGING},
        gives=page_of(ENTRY),
    ),
]
