"""证书: search, revocation, and the national portal's numbers."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain.certificates import certificates, portal
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, Refused
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Rows, Text, Whole

STATES = ("reserved", "drawing", "valid", "revoked", "superseded", "void")
WANTED = {
    "number": Text(longest=40, required=False, help="证书编号"),
    "name": Text(longest=100, required=False, help="姓名"),
    "state": Choice(values=STATES, required=False),
    "issuance_id": Whole(required=False),
}
FILTERS = {**WANTED, **PAGING}
PORTAL_ROW = {
    "number": Text(longest=40, help="本系统的证书编号"),
    "portal_number": Text(longest=portal.LONGEST, help="门户的证书编号，以门户为准"),
    "name": Text(longest=100, required=False, help="持证人姓名；填写时必须一致"),
}
CERTIFICATE = {
    "type": "object",
    "required": ["number", "state"],
    "properties": {"number": {"type": "string"}, "state": {"type": "string"}},
}


async def listing(call: Call) -> HTTPResponse:
    wanted = certificates.Wanted(**{name: call.query[name] for name in WANTED})
    found = await certificates.listing(
        call.s, wanted, cursor=call.query["cursor"], limit=call.query["limit"], actor=call.actor
    )
    return responses.json({"items": found.items, "next_cursor": found.next_cursor})


async def revoke(call: Call) -> HTTPResponse:
    await certificates.revoke(call.s, call.path["number"], call.body["reason"], actor=call.actor)
    return responses.nothing()


async def record_portal(call: Call) -> HTTPResponse:
    weighed = await portal.record(call.s, _pairs(call.body["items"]), actor=call.actor)
    refused = [
        {
            "pointer": f"/items/{place}/{why.field}",
            "number": call.body["items"][place]["number"],
            "code": why.code,
            "detail": why.detail,
        }
        for place, why in sorted(weighed.objections.items())
    ]
    return responses.json({"taken": len(weighed.changes), "unchanged": weighed.unchanged, "refused": refused})


def _pairs(items: list[dict[str, str | None]]) -> list[portal.Pair]:
    """Raises Invalid: a number that cannot be one."""
    pairs, wrong = [], []
    for place, item in enumerate(items):
        field = "number"
        try:
            ours = portal.our_number(item["number"] or "")
            field = "portal_number"
            pairs.append(portal.Pair(ours, portal.their_number(item[field] or ""), item["name"] or ""))
        except Refused as refused:
            wrong.append(FieldError(f"/items/{place}/{field}", refused.code, refused.message))
    if wrong:
        raise Invalid(errors=wrong)
    return pairs


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
    Route(
        method="POST",
        path="/certificates/portal-numbers",
        handler=record_portal,
        verb=Verb.IMPORT,
        summary="登记国家门户的证书编号（表格请用 POST /imports，kind=portal）",
        body={"items": Rows(shape=PORTAL_ROW)},
        gives=thing(
            taken="integer",
            unchanged="integer",
            refused={
                "type": "array",
                "items": thing(pointer="string", number="string", code="string", detail="string"),
            },
        ),
        creates=True,
    ),
]
