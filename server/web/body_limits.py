"""A request as every door gets it: with a body that was worth reading.

Before the first byte of a body is read, its route says who may send one, of what type, how long and in what time
(`Body`). Everything but an import of spreadsheets is small.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from sanic import Request
from sanic.exceptions import BadRequest, PayloadTooLarge, RequestTimeout, SanicException
from sanic.headers import parse_content_header
from sanic.request.form import parse_multipart_form
from sanic.request.parameters import RequestParameters

from server.web.connections import BoundedProtocol

SMALL = 64 * 1024  # bytes of a body, if its route does not say otherwise
FIELDS, PARTS = 200, 50  # of an urlencoded form, of a multipart form
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")  # RFC 2046 §5.1.1


@dataclass(frozen=True, slots=True)
class Body:
    """What a route takes.

    Args:
        largest: bytes.
        seconds: from the first byte asked for to the last one.
        types: media types; empty takes any.
        may_send: asked before the first byte is read; raises what is answered instead.
    """

    largest: int = SMALL
    seconds: float = 20.0
    types: tuple[str, ...] = ()
    may_send: Callable[[Request], Awaitable[None]] | None = None


_ORDINARY = Body()


class BoundedRequest(Request[Any, Any]):
    """Reads its body as its route allows, and takes a form for what it is or refuses it."""

    def __init__(self, *args: Any, **more: Any) -> None:
        try:
            super().__init__(*args, **more)
        except SanicException:
            if more.get("method") != "NONE":
                raise
            # Sanic's stand-in for a request whose head was refused; it takes the refused address once more.
            super().__init__(*args, **(more | {"url_bytes": b"*"}))

    async def receive_body(self) -> None:
        """Sanic calls this once the route is known, before its handler.

        Raises:
            PayloadTooLarge, RequestTimeout, SanicException 415, or what `Body.may_send` raises. After such an answer
            the rest is forgotten as it comes, within limits, and the connection is closed.
        """
        if self.body:
            return
        allowed = getattr(self.route.ctx, "body", _ORDINARY) if self.route is not None else _ORDINARY
        stream: Any = self.stream
        kept_alive, stream.keep_alive = getattr(stream, "keep_alive", True), False
        try:
            await self._check_head(allowed)
            stream.request_max_size = allowed.largest
            self.body = await read(self, allowed)
        except Exception:
            _forget_the_rest(stream)
            raise
        stream.keep_alive = kept_alive

    async def _check_head(self, allowed: Body) -> None:
        if allowed.may_send is not None:
            await allowed.may_send(self)
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if allowed.types and media not in allowed.types:
            raise SanicException(status_code=415)
        _check_length(self, allowed.largest)

    def get_form(self, keep_blank_values: bool = False) -> RequestParameters:
        """The fields of a form.

        Raises:
            BadRequest: it is not the form that it says it is. PayloadTooLarge: it has too many fields.
        """
        self.parsed_form, self.parsed_files = RequestParameters(), RequestParameters()
        media, parameters = parse_content_header(self.headers.get("content-type", ""))
        try:
            if media == "application/x-www-form-urlencoded":
                if self.body.count(b"&") >= FIELDS:
                    raise PayloadTooLarge
                text = self.body.decode("utf-8")
                self.parsed_form = RequestParameters(parse_qs(text, keep_blank_values=keep_blank_values))
            elif media == "multipart/form-data":
                self.parsed_form, self.parsed_files = self._parts(str(parameters["boundary"]))
        except PayloadTooLarge:
            raise
        except Exception:  # whatever a stranger's form sets off in a parser
            raise BadRequest from None
        return self.parsed_form

    def _parts(self, boundary: str) -> tuple[RequestParameters, RequestParameters]:
        if not _BOUNDARY.fullmatch(boundary):
            raise BadRequest
        if self.body.count(boundary.encode()) > PARTS + 1:
            raise PayloadTooLarge
        fields, files = parse_multipart_form(self.body, boundary.encode())
        return fields, files


def _forget_the_rest(stream: Any) -> None:
    protocol = getattr(stream, "protocol", None)
    if isinstance(protocol, BoundedProtocol):
        protocol.linger()


def _check_length(request: Request, largest: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > largest):
        raise PayloadTooLarge


async def raw(request: Request, largest: int, *, seconds: float = 10.0) -> bytes | None:
    """The bytes of a streamed body, which are what is signed; None when they are more than `largest`.

    Raises:
        RequestTimeout.
    """
    stream: Any = request.stream
    kept_alive, stream.keep_alive = getattr(stream, "keep_alive", True), False
    try:
        _check_length(request, largest)
        body = await read(request, Body(largest=largest, seconds=seconds))
    except PayloadTooLarge:
        _forget_the_rest(stream)
        return None
    stream.keep_alive = kept_alive
    return body


async def read(request: Request, allowed: Body) -> bytes:
    """The bytes of a body as they come, counted. Raises PayloadTooLarge, RequestTimeout."""
    stream: Any = request.stream
    parts, size = [], 0
    try:
        async with asyncio.timeout(allowed.seconds):
            while stream.request_body:
                part = await stream.read()
                if part is None:
                    break
                size += len(part)
                if size > allowed.largest:
                    raise PayloadTooLarge
                parts.append(part)
    except TimeoutError:
        raise RequestTimeout from None
    return b"".join(parts)
