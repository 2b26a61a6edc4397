"""What a handler needs of a request: the services, who asks and from where, and the fields of its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from multidict import istr
from sanic import HTTPResponse, Request

from server.domain import addresses
from server.domain.lookups import CachedAnswer
from server.domain.ports import Services
from server.errors import FieldError, Invalid

JSON = "application/json"
_IF_NONE_MATCH = istr("if-none-match")  # its case is folded once, not with every answer


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


@dataclass(slots=True)  # frozen, it would cost a hot look-up three times as much
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
    """A look-up's answer. Its head is nearly always the same: it is put together once and kept, not with every answer.

    `is_complete`: the headers that every answer carries are in it already.
    """

    __slots__ = ("_head",)
    is_complete = True

    def __init__(self, body: bytes, status: int, head: tuple[tuple[bytes, bytes], ...]) -> None:
        """Not by Sanic's own, whose header object costs more than all the rest."""
        self.asgi, self.stream, self.content_type, self._cookies = False, None, None, None
        self.body, self.status, self._head = body, status, head
        self.headers = {}  # type: ignore[assignment]  # Sanic puts length and connection in, in lower case

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        said = self.headers.items()
        return iter([*self._head, *((name.encode(), str(value).encode()) for name, value in said if value)])


@lru_cache(maxsize=4096)
def _head(etag: str, always: tuple[tuple[str, str], ...], has_body: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The head as it is sent, but for what Sanic adds."""
    more = [("content-type", JSON)] if has_body else []
    said = [("etag", etag), ("cache-control", "private, no-cache"), *more, *always]
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in said)


def answer(request: Request, ready: CachedAnswer) -> HTTPResponse:
    """Ready bytes, or 304 when the caller has them already."""
    always = request.app.ctx.always
    known = request.headers.get(_IF_NONE_MATCH)
    if known is not None and (known == ready.etag or _among(ready.etag, known)):
        return ReadyAnswer(b"", 304, _head(ready.etag, always, False))
    return ReadyAnswer(ready.body, 200, _head(ready.etag, always, True))


def _among(etag: str, known: str) -> bool:
    """If-None-Match compares weakly and may list several (RFC 9110 §13.1.2)."""
    return known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))
