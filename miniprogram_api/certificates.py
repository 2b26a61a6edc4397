"""GET /certificates, one of them, and its PDF for wx.downloadFile."""

from __future__ import annotations

from sanic import HTTPResponse
from sanic.response import json, raw

from miniprogram_api.ready_answer import answer
from miniprogram_api.session import identity
from server.domain import lookups
from server.domain.certificates import certificates
from server.domain.people import bindings
from server.errors import NotFound
from server.web.request import Asked

PERSONAL = {"cache-control": "private, no-store"}
_NOT_FOUND = "在您的证书中没有这个编号。请核对编号，或核对当前绑定的考生信息。"


async def listing(asked: Asked) -> HTTPResponse:
    return answer(asked.request, await lookups.certificates(asked.s, await identity(asked.request)))


async def one(asked: Asked, number: str) -> HTTPResponse:
    """One of one's own; every other number, there or not, is not found."""
    item = await lookups.certificate_view(asked.s, await identity(asked.request), number)
    if item is None:
        raise NotFound("certificate_not_found", _NOT_FOUND)
    return json(item, headers=PERSONAL)


async def pdf(asked: Asked, number: str) -> HTTPResponse:
    """The sealed PDF as application/pdf, which wx.openDocument asks for (wechat.md §8)."""
    who = await identity(asked.request)
    candidate = await bindings.candidate_of(asked.s, who)
    if candidate is None or await lookups.certificate_view(asked.s, who, number) is None:
        raise NotFound("certificate_not_found", _NOT_FOUND)
    body = await certificates.pdf(asked.s, number, candidate_id=candidate.id)
    name = f'inline; filename="{number}.pdf"'
    return raw(body, content_type="application/pdf", headers={**PERSONAL, "content-disposition": name})
