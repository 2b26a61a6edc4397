"""A question to somebody else's machine ends when it was said to end, whatever comes back, and however slowly."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from server.adapters import bounded_http
from server.adapters.bounded_http import NoAnswer, Question, ask

SECONDS = 0.6


@contextmanager
def dripping(at_once: bytes, piece: bytes) -> Iterator[str]:
    """A server that sends this at once, and then a piece every tenth of a second until nobody listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(at_once)
                while not ended.wait(0.1):
                    connection.sendall(piece)

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        ended.set()
        listening.close()
        serving.join(5)


@pytest.mark.parametrize(
    ("at_once", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"z"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"z"),
    ],
    ids=["status", "head", "length-of-a-piece", "body"],
)
def test_whoever_answers_byte_by_byte_is_cut_off(at_once: bytes, piece: bytes) -> None:
    begun = time.monotonic()
    with dripping(at_once, piece) as url, pytest.raises(NoAnswer, match="没有及时回答"):
        ask(Question(url, seconds=SECONDS))
    assert time.monotonic() - begun < SECONDS + 3


@pytest.mark.parametrize(
    "url",
    ["", "ca.example/ocsp", "ftp://ca.example/x", "ldap://ca.example/cn=x", "http://", "http://[x", "http://ca.example:99999/",
     "http://ca.example:x/"],
)  # fmt: skip
def test_what_is_no_address_is_told(url: str) -> None:
    """Addresses stand in other people's certificates."""
    with pytest.raises(NoAnswer, match=r"^网址不对$"):
        ask(Question(url))


def test_who_is_connected_too_late_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Late(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            time.sleep(0.3)

        def request(self, *words: Any, **more: Any) -> None:
            asked.append(words)

    monkeypatch.setattr(bounded_http, "_connection", lambda _, host, port, __: Late(host, port))
    with dripping(b"", b"") as url, pytest.raises(NoAnswer, match="没有及时回答"):
        ask(Question(url, seconds=0.2))
    assert asked == []


def test_an_answer_in_time_is_whole() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwo", b"rd") as url:
        assert ask(Question(url, seconds=5.0)) == b"word"
