"""A question to somebody else's machine ends when it was said to end, whatever comes back, and however slowly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

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


def test_an_answer_in_time_is_whole() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwo", b"rd") as url:
        assert ask(Question(url, seconds=5.0)) == b"word"
