"""A small OpenTelemetry collector: takes what is sent to /v1/traces, or hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SECONDS = 30.0


@dataclass(frozen=True)
class Received:
    """A span as it came."""

    name: str
    trace: bytes
    number: bytes
    parent: bytes
    is_failed: bool
    facts: dict[str, Any]


class Collector:
    def __init__(self, *, hangs: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.asked, self.released = threading.Event(), threading.Event()
        outer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/cgi-bin/menu/get":
                    self._say(b'{"errcode":46003,"errmsg":"menu no exist"}')
                    return
                outer.asked.set()
                if hangs:
                    outer.released.wait(SECONDS)
                outer.bodies.append(body)
                self._say(b"")

            def _say(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[Received]:
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for one in scope.spans:
                        facts = {
                            fact.key: fact.value.string_value or fact.value.int_value
                            for fact in one.attributes
                        }
                        failed = one.status.code == 2
                        found.append(
                            Received(one.name, one.trace_id, one.span_id, one.parent_span_id, failed, facts)
                        )
        return found


@contextmanager
def collecting(*, hangs: bool = False) -> Iterator[Collector]:
    collector = Collector(hangs=hangs)
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.released.set()
        collector.server.shutdown()
        collector.server.server_close()
