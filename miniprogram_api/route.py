"""What one call of the mini-program API is: a line of the table in `__init__`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sanic import HTTPResponse

from miniprogram_api.request import Shape

Handler = Callable[..., Awaitable[HTTPResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: `takes` are the fields of the JSON body, `gives` the JSON schema of the answer or a content type.

    `creates`: an Idempotency-Key is honoured.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    takes: Shape = field(default_factory=dict)
    gives: dict[str, Any] | str = field(default_factory=dict)
    status: int = 200
    creates: bool = False
    reads_itself: bool = False  # the handler looks at the body, `takes` is for the documents alone
    is_open: bool = False  # for those who have no token yet
    shown_as: str = ""  # the whole path in the documents, where sanic-ext cannot read it from the pattern

    @property
    def name(self) -> str:
        return f"{self.handler.__module__.rpartition('.')[2]}_{self.handler.__name__}"
