"""What a handler needs of a request: the services, who asks and from where, and the fields of its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from multidict import istr
from sanic import HTTPResponse, Request

from server.domain import addresses
from server.domain.lookups import Ready
from server.domain.ports import Services
from server.errors import FieldError, Invalid

JSON = "application/json"
# Names whose case is folded once, not with every answer.
_ETAG, _CACHE_CONTROL, _CONTENT_TYPE = istr("etag"), istr("cache-control"), istr("content-type")
_IF_NONE_MATCH = istr("if-none-match")


@dataclass(frozen=True, slots=True)
class Text:
    """A text field of a JSON body."""

    help: str
    longest: int = 200
    required: bool = True
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of short texts in a JSON body."""

    help: str
    longest: int = 60
    most: int = 10
    required: bool = True


Shape = Mapping[str, Text | Texts]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as handlers see it; `said` holds the checked fields of the body."""

    request: Request
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def s(self) -> Services:
        found: Services = self.request.app.ctx.services
        return found

    @property
    def address(self) -> str:
        """The caller's address (setting XCERT_PROXIES)."""
        forwarded = self.request.headers.getall("x-forwarded-for", [])
        return addresses.caller(str(self.request.ip), forwarded, self.s.settings.proxies)

    @property
    def request_id(self) -> str:
        return str(getattr(self.request.ctx, "request_id", ""))


def read(request: Request, shape: Shape) -> dict[str, Any]:
    """The fields of a JSON body; those not required are empty when missing.

    Raises:
        Invalid: body_form, or every field that is missing or of a wrong kind.
    """
    body = request.json if request.body else {}
    if not isinstance(body, dict):
        raise Invalid(errors=[FieldError("", "body_form", "请求内容应为 JSON 对象。")])
    said: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, wanted in shape.items():
        value = body.get(name)
        empty: Any = "" if isinstance(wanted, Text) else []
        if value is None or value == empty:
            said[name] = empty
            if wanted.required:
                errors.append(FieldError(f"/{name}", f"{name}_missing", f"缺少{wanted.help}。"))
        elif not _fits(value, wanted):
            errors.append(FieldError(f"/{name}", f"{name}_form", f"{wanted.help}的格式不对。"))
        else:
            said[name] = value
    if errors:
        raise Invalid(errors=errors)
    return said


def _fits(value: Any, wanted: Text | Texts) -> bool:
    if isinstance(wanted, Text):
        return isinstance(value, str) and len(value) <= wanted.longest and "\x00" not in value
    return (
        isinstance(value, list)
        and len(value) <= wanted.most
        and all(
            isinstance(one, str) and 0 < len(one) <= wanted.longest and "\x00" not in one for one in value
        )
    )


class ReadyAnswer(HTTPResponse):
    """An answer whose headers are nearly always the same: each is encoded once, not with every answer."""

    __slots__ = ()

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        if self.status != 304:
            self.headers.setdefault(_CONTENT_TYPE, JSON)
        return iter([_header(name, str(value)) for name, value in self.headers.items()])


@lru_cache(maxsize=4096)
def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("ascii"), value.encode("ascii")


def answer(request: Request, ready: Ready) -> HTTPResponse:
    """Ready bytes, or 304 when the caller has them already."""
    headers: dict[str, str] = {_ETAG: ready.etag, _CACHE_CONTROL: "private, no-cache"}
    known = request.headers.get(_IF_NONE_MATCH)
    if known is not None and (known == ready.etag or _among(ready.etag, known)):
        return ReadyAnswer(b"", status=304, headers=headers)
    return ReadyAnswer(ready.body, headers=headers)


def _among(etag: str, known: str) -> bool:
    """If-None-Match compares weakly and may list several (RFC 9110 §13.1.2)."""
    return known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))
