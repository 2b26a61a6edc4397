"""How a look-up's answer is sent: bytes that are ready, with their ETag, or 304."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from multidict import istr
from sanic import HTTPResponse, Request

from miniprogram_api.session import identity
from server.web.ready_answers import Read, ReadyAnswer, ReadyAnswers
from server.web.request import Asked
from server.web.schema import JSON

_IF_NONE_MATCH = istr("if-none-match")  # its case is folded once, not with every answer


class ReadyResponse(HTTPResponse):
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
        fields = self.headers.items()
        return iter([*self._head, *((name.encode(), str(value).encode()) for name, value in fields if value)])


@lru_cache(maxsize=4096)
def _head(etag: str, always: tuple[tuple[str, str], ...], has_body: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The head as it is sent, but for what Sanic adds."""
    more = [("content-type", JSON)] if has_body else []
    fields = [("etag", etag), ("cache-control", "private, no-cache"), *more, *always]
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in fields)


async def ready(asked: Asked, topic: str, read: Read) -> HTTPResponse:
    """What the holder of the token is told about `topic`."""
    answers: ReadyAnswers = asked.request.app.ctx.ready_answers
    return answer(asked.request, await answers.get(asked.s, topic, await identity(asked.request), read))


def answer(request: Request, ready: ReadyAnswer) -> HTTPResponse:
    """Ready bytes, or 304 when the caller has them already."""
    always = request.app.ctx.always
    if_none_match = request.headers.get(_IF_NONE_MATCH)
    if if_none_match is not None and (if_none_match == ready.etag or _among(ready.etag, if_none_match)):
        return ReadyResponse(b"", 304, _head(ready.etag, always, False))
    return ReadyResponse(ready.body, 200, _head(ready.etag, always, True))


def _among(etag: str, if_none_match: str) -> bool:
    """If-None-Match compares weakly and may list several (RFC 9110 §13.1.2)."""
    return if_none_match.strip() == "*" or etag in (
        tag.strip().removeprefix("W/") for tag in if_none_match.split(",")
    )
