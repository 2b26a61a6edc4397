"""A time-stamp authority on a port of its own, that answers, or misbehaves, as a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server.sandbox.time_stamping import Authority, answered
from tests.kit.fakes import NOON

Answer = Callable[[bytes], bytes]


@dataclass
class StampServer:
    """What it does with the next questions.

    Attributes:
        says: the answer to a question; by default a token of `authority` at `moment`.
        status: of HTTP. drips: a byte now and then, so that the answer never ends.
    """

    authority: Authority = field(default_factory=lambda: Authority.make(NOON))
    moment: datetime = NOON
    says: Answer | None = None
    status: int = 200
    drips: bool = False
    asked: int = 0
    url: str = ""

    def answer(self, question: bytes) -> bytes:
        self.asked += 1
        if self.says is not None:
            return self.says(question)
        return answered(self.authority, question, self.moment.astimezone(UTC))


@contextmanager
def stamp_server(one: StampServer | None = None) -> Iterator[StampServer]:
    """Serves in a thread until the end of the block."""
    told = one or StampServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = told.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(told.status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if told.drips:
                self._drip(body)
            else:
                self.wfile.write(body)

        def _drip(self, body: bytes) -> None:
            try:
                for at in range(len(body)):
                    self.wfile.write(body[at : at + 1])
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:  # whoever asked has gone
                return

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
