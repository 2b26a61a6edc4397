"""证书: search and revocation."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain import certificates
from server.domain.roles import Verb
from server.doors.console import answers
from server.doors.console.documents import page_of
from server.doors.console.entry import Call
from server.doors.console.fields import Choice, Text, Whole
from server.doors.console.imports import PAGING
from server.doors.console.routes import OpenRoute, Route

STATES = ("reserved", "drawing", "valid", "revoked", "superseded", "void")
FILTERS = {
    "number": Text(longest=40, required=False, help="证书编号"),
    "name": Text(longest=100, required=False, help="姓名"),
    "state": Choice(values=STATES, required=False),
    "issuance_id": Whole(required=False),
    **PAGING,
}
CERTIFICATE = {
    "type": "object",
    "required": ["number", "state"],
    "properties": {"number": {"type": "string"}, "state": {"type": "string"}},
}


async def listing(call: Call) -> HTTPResponse:
    found = await certificates.listing(call.s, **call.query, actor=call.actor)
    return answers.json({"items": found.items, "next_cursor": found.next_cursor})


async def revoke(call: Call) -> HTTPResponse:
    await certificates.revoke(call.s, call.path["number"], call.body["reason"], actor=call.actor)
    return answers.nothing()


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/certificates",
        handler=listing,
        verb=Verb.SEE_CERTIFICATES,
        summary="查找证书",
        query=FILTERS,
        gives=page_of(CERTIFICATE),
    ),
    Route(
        method="POST",
        path="/certificates/<number:str>/revoke",
        handler=revoke,
        verb=Verb.REVOKE,
        summary="撤销证书",
        body={"reason": Text(shortest=1, longest=300)},
        status=204,
    ),
]
