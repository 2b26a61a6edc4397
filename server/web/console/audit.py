"""审计: the trail, for those who may read it."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain.audit import audit_query
from server.domain.audit.audit_query import Wanted
from server.domain.roles import Verb
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Moment, Text, Whole

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
    limit = call.query["limit"] or responses.PAGE
    wanted = Wanted(**{name: call.query[name] for name in FILTERS})
    rows = await audit_query.listing(
        wanted, after=responses.after(call.query["cursor"]), limit=limit + 1, actor=call.actor
    )
    return responses.json(responses.page(rows, limit))


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
