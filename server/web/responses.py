"""How an answer travels: compressed where that is safe, and not at all where the visitor has it already."""

from __future__ import annotations

import gzip
import hashlib

from sanic import HTTPResponse, Request
from sanic.response import empty, raw

LEAST_BYTES = 1024  # below, the head outweighs what is won
LEVEL = 6  # a page of 25 kB in a third of a millisecond
VARY = "Accept-Encoding"


def takes_gzip(request: Request) -> bool:
    """The visitor's Accept-Encoding allows gzip (RFC 9110 §12.5.3; `gzip;q=0` forbids it)."""
    for offered in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = offered.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compress(request: Request, response: HTTPResponse) -> HTTPResponse:
    """The answer as gzip, if the visitor takes it and it is worth it.

    Only for answers without a secret of the session in them: beside text that an address can choose, the compressed
    length would tell the secret letter by letter (BREACH).
    """
    body = response.body or b""
    if len(body) < LEAST_BYTES:
        return response
    response.headers["vary"] = VARY
    if takes_gzip(request):
        response.body = gzip.compress(body, LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
    return response


def etag_of(body: bytes) -> str:
    """A strong validator: the same bytes, the same tag."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """If-None-Match names this tag (RFC 9110 §13.1.2, the weak comparison)."""
    names = request.headers.get("if-none-match", "").split(",")
    return any(name.strip() in ("*", tag, f"W/{tag}") for name in names)


def unless_known(
    request: Request, body: bytes, *, content_type: str, headers: dict[str, str]
) -> HTTPResponse:
    """The file with its ETag, or 304 when the visitor has just this one. Ask for the right to it first, every time."""
    tag = etag_of(body)
    if is_known(request, tag):
        return empty(status=304, headers={**headers, "etag": tag})
    return raw(body, content_type=content_type, headers={**headers, "etag": tag})
