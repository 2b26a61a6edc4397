"""How the console answers a program: JSON, times with their offset, bytes as hex, files as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote

import orjson
from sanic import HTTPResponse

from server.domain.beijing import rfc3339
from server.errors import FieldError, Invalid

PAGE = 50
MOST = 200


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
    """JSON as every answer and event has it."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def json(value: Any, *, status: int = 200) -> HTTPResponse:
    """JSON that no cache keeps."""
    return HTTPResponse(
        encoded(value), status=status, content_type="application/json", headers={"cache-control": "no-store"}
    )


def nothing() -> HTTPResponse:
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


def page(rows: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """One page of `limit` out of `limit + 1` rows that were fetched; the cursor is the last shown row's id."""
    shown = list(rows[:limit])
    more = str(shown[-1]["id"]) if len(rows) > limit else None
    return {"items": shown, "next_cursor": more}


def after(cursor: str | None) -> int:
    """The id that a cursor of `page` stands for; 0 for none. Raises Invalid."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor) > 2**63 - 1:
        detail = "翻页位置无效，请从第一页开始。"
        raise Invalid(errors=[FieldError("/cursor", "cursor_invalid", detail)])
    return int(cursor)
