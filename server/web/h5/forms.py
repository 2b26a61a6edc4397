"""Forms of the pages inside WeChat: only our own pages may send them."""

from __future__ import annotations

from urllib.parse import urlsplit

from sanic import Request

from server.domain import addresses
from server.errors import Forbidden
from server.web.request import form_text, services


def field(request: Request, name: str, longest: int = 200) -> str:
    """One text field; empty when it is missing. More than `longest` characters are cut off."""
    return form_text(request, name, longest)


def require_own(request: Request) -> None:
    """Refuse a form that another site sent, or of which nothing says that our page sent it.

    Browsers say it by Origin (with every POST), by Sec-Fetch-Site, or, where they know neither, by Referer (our pages'
    Referrer-Policy is same-origin). The cookie's SameSite keeps other sites out of most browsers already, though not a
    sub-domain that somebody took over.

    Raises:
        Forbidden: foreign_form.
    """
    proofs = []
    if (origin := request.headers.get("origin")) is not None:
        proofs.append(_is_ours(request, origin))
    if (
        site := request.headers.get("sec-fetch-site", "none")
    ) != "none":  # none: the person had it sent again
        proofs.append(site == "same-origin")
    if not proofs:
        proofs.append(_is_ours(request, request.headers.get("referer", "")))
    if not all(proofs):
        raise Forbidden("foreign_form", "这次提交不是从本页发出的，请返回页面重新操作。")


def _is_ours(request: Request, address: str) -> bool:
    """Whether an address is of this service, as it is known to the world or as it was called."""
    place = addresses.split_url(address).netloc
    return place != "" and place in (
        request.host,
        urlsplit(services(request).settings.public_url).netloc,
    )
