"""GET /certificates, one of them, its PDF for wx.downloadFile, and the credential for a wallet."""

from __future__ import annotations

from sanic import HTTPResponse
from sanic.response import raw

from miniprogram_api import lookup_answers
from miniprogram_api.ready_response import ready
from miniprogram_api.session import identity
from server.domain import lookups
from server.domain.certificates import downloads
from server.domain.certificates.wallet_credentials import MEDIA_TYPE
from server.domain.lookups.views import Standing
from server.domain.people import bound_people
from server.domain.ports import Services, WeChatIdentity
from server.errors import NotFound
from server.web import responses
from server.web.request import Asked
from server.web.schema import JSON

PERSONAL = {"cache-control": "private, no-store"}
_NOT_FOUND = "在您的证书中没有这个编号。请核对编号，或核对当前绑定的考生信息。"


async def listing(asked: Asked) -> HTTPResponse:
    return await ready(asked, "certificates", read)


async def read(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
    """The body, and how long it stands."""
    view = await lookups.certificates(s, who)
    return responses.encoded(lookup_answers.certificates(view)), view.standing


async def one(asked: Asked, number: str) -> HTTPResponse:
    """One of one's own; every other number, there or not, is not found."""
    item = await lookups.certificate(asked.s, await identity(asked.request), number)
    if item is None:
        raise NotFound("certificate_not_found", _NOT_FOUND)
    body = responses.encoded(lookup_answers.certificate(item))
    return HTTPResponse(body, content_type=JSON, headers=PERSONAL)


async def pdf(asked: Asked, number: str) -> HTTPResponse:
    """The sealed PDF as application/pdf, which wx.openDocument asks for (wechat.md §8)."""
    candidate = await _holder(asked, number)
    body = await downloads.pdf(asked.s.clock, asked.s.file_store, number, candidate_id=candidate)
    name = f'inline; filename="{number}.pdf"'
    return raw(body, content_type="application/pdf", headers={**PERSONAL, "content-disposition": name})


async def vc(asked: Asked, number: str) -> HTTPResponse:
    """The certificate as a verifiable credential; the phone keeps it or hands it on by wx.shareFileMessage."""
    body = await downloads.wallet_credential(asked.s, number, candidate_id=await _holder(asked, number))
    name = f'attachment; filename="{number}.vc.json"'
    return raw(body, content_type=MEDIA_TYPE, headers={**PERSONAL, "content-disposition": name})


async def _holder(asked: Asked, number: str) -> int:
    """Whose certificate it is that is asked for: the person's own, or none at all."""
    who = await identity(asked.request)
    candidate = await bound_people.candidate_id_of(who)
    if candidate is None or await lookups.certificate(asked.s, who, number) is None:
        raise NotFound("certificate_not_found", _NOT_FOUND)
    return candidate
