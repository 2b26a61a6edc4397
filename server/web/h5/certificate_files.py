"""GET /h5/certificates/{number}.pdf · .jpg · .png · .vc: the certificate itself, on its way to a phone (wechat.md §8).

A phone may keep them, but asks each time whether it still may: so nothing is fetched twice, and nothing is shown that
was revoked or belongs to nobody here any more.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.domain.certificates import downloads
from server.domain.people import bound_people
from server.domain.ports import WeChatIdentity
from server.errors import NotFound
from server.web import responses, wallets
from server.web.h5.login import identity
from server.web.h5.lookups import own_certificate
from server.web.request import services

bp = Blueprint("h5_certificate_files")
PERSONAL = {"cache-control": "private, no-cache"}


async def pdf(request: Request, number: str) -> HTTPResponse:
    """The sealed PDF, inline: an iPhone shows it at once (wechat.md §8)."""
    who = await identity(request)
    await own_certificate(request, who, number)
    s = services(request)
    body = await downloads.pdf(s.clock, s.file_store, number, candidate_id=await _candidate(request, who))
    name = f'inline; filename="{number}.pdf"'
    return responses.unless_known(
        request, body, content_type="application/pdf", headers={**PERSONAL, "content-disposition": name}
    )


async def png(request: Request, number: str) -> HTTPResponse:
    """The certificate's page as a sharp picture, which a long press saves."""
    who = await identity(request)
    await own_certificate(request, who, number)
    image = await downloads.page_png(services(request), number, candidate_id=await _candidate(request, who))
    return responses.unless_known(request, image, content_type="image/png", headers=PERSONAL)


async def jpg(request: Request, number: str) -> HTTPResponse:
    """The same, small: what the certificate's page shows. JPEG, for every WeChat saves it and reads its QR."""
    who = await identity(request)
    await own_certificate(request, who, number)
    image = await downloads.page_preview(
        services(request), number, candidate_id=await _candidate(request, who)
    )
    return responses.unless_known(request, image, content_type="image/jpeg", headers=PERSONAL)


async def vc(request: Request, number: str) -> HTTPResponse:
    """The same as a verifiable credential, to be kept in a wallet of the holder's."""
    who = await identity(request)
    await own_certificate(request, who, number)
    body = await downloads.wallet_credential(
        services(request), number, candidate_id=await _candidate(request, who)
    )
    name = f'attachment; filename="{number}.vc.json"'
    return wallets.credential(body, headers={**PERSONAL, "content-disposition": name})


async def _candidate(request: Request, who: WeChatIdentity) -> int:
    candidate = await bound_people.candidate_id_of(who)
    if candidate is None:
        raise NotFound("certificate_not_found", "您已解除绑定，请重新绑定考生信息后再查看证书。")
    return candidate


bp.add_route(pdf, r"/h5/certificates/<number:(?P<number>[0-9A-Z]{8,24})\.pdf>", methods=["GET"], name="pdf")
bp.add_route(jpg, r"/h5/certificates/<number:(?P<number>[0-9A-Z]{8,24})\.jpg>", methods=["GET"], name="jpg")
bp.add_route(png, r"/h5/certificates/<number:(?P<number>[0-9A-Z]{8,24})\.png>", methods=["GET"], name="png")
bp.add_route(vc, r"/h5/certificates/<number:(?P<number>[0-9A-Z]{8,24})\.vc>", methods=["GET"], name="vc")
