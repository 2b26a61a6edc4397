"""For other people's wallets: who we are (did:web), and which certificates ended (status lists). For everybody, from anywhere."""

from __future__ import annotations

import orjson
from sanic import Blueprint, HTTPResponse, Request

from server.domain.certificates import data_integrity, status_lists, wallet_credentials
from server.web import responses
from server.web.request import services

ANYWHERE = {"access-control-allow-origin": "*"}
ENDING = ".vc"  # of the same address, for those who can send no Accept
DID_SECONDS = 600  # as long as the published keys

bp = Blueprint("wallets")


def wants_credential(request: Request) -> bool:
    """A wallet asks: `application/vc`, or the names it had before the standard."""
    offered = request.headers.get("accept", "").lower().split(",")
    names = {one.partition(";")[0].strip() for one in offered}
    return bool(names & {"application/vc", "application/vc+ld+json", "application/vc+json"})


def credential(body: bytes, *, headers: dict[str, str]) -> HTTPResponse:
    """A credential on its way."""
    return HTTPResponse(body, content_type=wallet_credentials.MEDIA_TYPE, headers=headers)


@bp.get("/.well-known/did.json")
async def did(request: Request) -> HTTPResponse:
    """The DID document of did:web: the keys of purpose `credential`."""
    s = services(request)
    body = orjson.dumps(data_integrity.did_document(s.settings.public_url, s.keys.public()))
    headers = {"cache-control": f"public, max-age={DID_SECONDS}", **ANYWHERE}
    return responses.unless_known(request, body, content_type="application/did+json", headers=headers)


@bp.get(r"/status/<purpose:(?P<purpose>revocation|refresh)>/<number:(?P<number>[0-9]{1,6})>")
async def status(request: Request, purpose: str, number: str) -> HTTPResponse:
    """One signed status list. Everybody asks for the same, so nobody is told whom a verifier asks about."""
    body = await status_lists.signed_list(services(request), purpose, int(number))
    headers = {"cache-control": f"public, max-age={status_lists.FRESH}", **ANYWHERE}
    return responses.unless_known(request, body, content_type=wallet_credentials.MEDIA_TYPE, headers=headers)
