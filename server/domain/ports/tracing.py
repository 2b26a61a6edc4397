"""The port of traces: what took how long within what; part of `ports.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedSpan:
    """One thing that was done: a request, a job or a call to WeChat.

    Attributes:
        name: from a closed set: a route, a task, an API.
        within: of which request (its id) or job; what has the same is one trace.
        is_call: it is a call to others within that; otherwise it is the request or the job itself.
        began: Unix seconds.
        facts: never anything of a person.
    """

    name: str
    within: str
    is_call: bool
    began: float
    seconds: float
    is_failed: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict)


class Tracing(Protocol):
    """Where they are told, if the setting XCERT_OTLP_URL asks for it."""

    def note(self, span: TracedSpan) -> None:
        """Returns at once and never raises, whatever becomes of it."""
