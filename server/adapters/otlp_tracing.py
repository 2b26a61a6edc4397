"""Traces to an OpenTelemetry collector, by OTLP over HTTP, from a thread of its own.

Nobody waits for the collector: what it does not take is dropped when the queue is full, and a process that ends gives it
two seconds. The libraries are loaded only where the setting asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from server.adapters import logs
from server.domain.ports import TracedSpan, Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

QUEUE, BATCH = 4096, 512  # spans
EVERY_SECONDS, ANSWER_SECONDS, END_SECONDS = 2.0, 5.0, 2.0


class OtlpTracing:
    """Implements the Tracing port."""

    def __init__(self, url: str, *, every: float = EVERY_SECONDS) -> None:
        """
        Args:
            url: of the collector; without a path, OTLP's own is added.
            every: after how many seconds what has gathered is sent.
        """
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # a full queue is no news for each span
        endpoint = url if url.rstrip("/").count("/") > 2 else f"{url.rstrip('/')}/v1/traces"
        self._resource = Resource.create(
            {"service.name": "xcert", "service.version": metadata.version("xcert")}
        )
        self._processor: BatchSpanProcessor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=ANSWER_SECONDS),
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=every * 1000,
        )

    def note(self, span: TracedSpan) -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        trace = int.from_bytes(_digest("trace", span.within)[:16], "big")

        def context(*what: str) -> SpanContext:
            number = int.from_bytes(_digest("span", *what)[:8], "big")
            return SpanContext(trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

        whole, began = context(span.within), int(span.began * 1e9)
        kind = SpanKind.CLIENT if span.is_call else SpanKind.SERVER
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=context(span.within, span.name, str(began)) if span.is_call else whole,
                parent=whole if span.is_call else None,
                resource=self._resource,
                attributes=dict(span.facts),
                kind=kind,
                status=Status(StatusCode.ERROR if span.is_failed else StatusCode.UNSET),
                start_time=began,
                end_time=began + int(span.seconds * 1e9),
            )
        )

    def end(self) -> None:
        """Give what has gathered a last chance; at most some seconds."""
        self._processor._batch_processor.shutdown(timeout_millis=int(END_SECONDS * 1000))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


@asynccontextmanager
async def told(url: str) -> AsyncIterator[OtlpTracing | None]:
    """Traces as long as the process lives; None where the setting names no collector."""
    if not url:
        yield None
        return
    tracing = OtlpTracing(url)
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.end)


class CallTrace:
    """Notes calls to others, within the request or job that makes them; one for each API that is called."""

    def __init__(self, tracing: Tracing | None) -> None:
        self._tracing = tracing

    def begin(self) -> float:
        return time.time() if self._tracing is not None else 0.0

    def end(self, began: float, name: str, *, is_failed: bool, **facts: str | int) -> None:
        if self._tracing is None:
            return
        span = TracedSpan(
            name=name,
            within=logs.span_key.get() or logs.request_id.get(),
            is_call=True,
            began=began,
            seconds=max(0.0, time.time() - began),
            is_failed=is_failed,
            facts=facts,
        )
        self._tracing.note(span)
