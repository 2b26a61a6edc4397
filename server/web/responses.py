"""How an answer travels: JSON, files, compressed where that is safe, and not at all where the visitor has it already."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote

import orjson
from sanic import HTTPResponse, Request
from sanic.response import empty, raw

from server.domain.beijing import rfc3339
from server.web.schema import JSON, Answer

LEAST_BYTES = 1024  # below, the head outweighs what is won
LEVEL = 6  # a page of 25 kB in a third of a millisecond
VARY = "Accept-Encoding"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(type(value).__name__)


def encoded(value: Any) -> bytes:
    """JSON as every answer and event has it: times with their offset, bytes as hex."""
    plain = value.model_dump(exclude_unset=True) if isinstance(value, Answer) else value
    return orjson.dumps(plain, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def json(answer: Answer, *, status: int = 200) -> HTTPResponse:
    """JSON that no cache keeps."""
    return HTTPResponse(
        encoded(answer), status=status, content_type=JSON, headers={"cache-control": "no-store"}
    )


def nothing() -> HTTPResponse:
    """204."""
    return HTTPResponse(b"", status=204, headers={"cache-control": "no-store"})


def download(data: bytes, content_type: str, name: str) -> HTTPResponse:
    """A file to keep."""
    return HTTPResponse(data, content_type=content_type, headers=download_headers(name))


def download_headers(name: str) -> dict[str, str]:
    """RFC 6266, with the Chinese name for those who can and a plain one for the rest."""
    ascii_name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return {
        "content-disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "cache-control": "no-store",
    }


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
