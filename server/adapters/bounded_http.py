"""One HTTP question to a machine of others, for code that blocks: bounded in time and size, redirected nowhere."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

CHUNK = 64 * 1024


class NoAnswer(Exception):
    """Nothing usable came back; the reason in a few words, without address or content."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        body: sent by POST as `kind`; empty: a GET.
        seconds: from the beginning to the last byte. The look-up of the name is the system's and has its own limit; each
            address behind the name may take so long to be connected, and when that was too long nothing is asked. most: bytes of the answer.
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
    parts, host, port = _place(question.url)
    try:
        connection = _connection(parts.scheme, host, port, question.seconds)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"content-type": question.kind} if question.body else {}
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            with _until(connection, ends):
                connection.request("POST" if question.body else "GET", path, question.body or None, headers)
                return _read(connection, question.most)
        finally:
            connection.close()
    except TimeoutError:
        raise NoAnswer("没有及时回答") from None
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise NoAnswer(f"连接不上（{type(problem).__name__}）") from None


def _place(url: str) -> tuple[SplitResult, str, int | None]:
    """The address in parts, its host and port. Raises NoAnswer."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise NoAnswer("网址不对") from None
    if parts.scheme not in ("http", "https") or not host:
        raise NoAnswer("网址不对")
    return parts, host, port


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=_trusting())
    return http.client.HTTPConnection(host, port, timeout=seconds)


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _until(connection: http.client.HTTPConnection, ends: float) -> Iterator[None]:
    """Cut the connection off at that moment, whatever it is at: a socket's own time-out begins anew with every byte.

    Raises TimeoutError in place of whatever came of being cut off.
    """
    connection.connect()
    if time.monotonic() >= ends:
        raise TimeoutError
    wire, late = connection.sock, threading.Event()  # the connection forgets it when the body ends with it

    def cut_off() -> None:
        late.set()
        with suppress(OSError):  # it has just gone by itself
            wire.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, ends - time.monotonic()), cut_off)
    watch.daemon = True
    watch.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
    if late.is_set():  # what was read ends where it was cut off
        raise TimeoutError


def _read(connection: http.client.HTTPConnection, most: int) -> bytes:
    with connection.getresponse() as answer:
        if answer.status != 200:
            raise NoAnswer(f"HTTP {answer.status}")
        content = bytearray()
        while chunk := answer.read1(CHUNK):
            content += chunk
            if len(content) > most:
                raise NoAnswer("回答过大")
        return bytes(content)
