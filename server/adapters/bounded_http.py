"""One HTTP question to a machine of others, for code that blocks: bounded in time and size, redirected nowhere."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

CHUNK = 64 * 1024


class NoAnswer(Exception):
    """Nothing usable came back; the reason in a few words, without address or content."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        body: sent by POST as `kind`; empty: a GET.
        seconds: from the first byte to the last. most: bytes of the answer.
    """

    url: str
    body: bytes = b""
    kind: str = ""
    seconds: float = 5.0
    most: int = 64 * 1024


def ask(question: Question) -> bytes:
    """The body of an answer 200. User and password of the address are sent as Basic.

    Raises:
        NoAnswer: no connection, no answer in time, another status, too large.
    """
    ends = time.monotonic() + question.seconds
    parts = urlsplit(question.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoAnswer("网址不对")
    try:
        connection = _connection(parts.scheme, parts.hostname, parts.port, question.seconds)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"content-type": question.kind} if question.body else {}
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            connection.request("POST" if question.body else "GET", path, question.body or None, headers)
            return _read(connection, question.most, ends)
        finally:
            connection.close()
    except TimeoutError:
        raise NoAnswer("没有及时回答") from None
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise NoAnswer(f"连接不上（{type(problem).__name__}）") from None


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=_trusting())
    return http.client.HTTPConnection(host, port, timeout=seconds)


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context()


def _read(connection: http.client.HTTPConnection, most: int, ends: float) -> bytes:
    answer = connection.getresponse()
    if answer.status != 200:
        raise NoAnswer(f"HTTP {answer.status}")
    content = bytearray()
    while chunk := answer.read1(CHUNK):
        content += chunk
        if len(content) > most:
            raise NoAnswer("回答过大")
        left = ends - time.monotonic()
        if left <= 0:
            raise NoAnswer("没有及时回答")
        if connection.sock is not None:
            connection.sock.settimeout(left)
    return bytes(content)
