"""What one route of the console API is: its path, who may, what it takes and gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sanic import HTTPResponse, Request

from server.domain.roles import Verb
from server.web.console.auth import Call
from server.web.console.schema import Shape

Handler = Callable[[Call], Awaitable[HTTPResponse | None]]
OpenHandler = Callable[[Request, dict[str, Any]], Awaitable[HTTPResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`verb` None: any member of staff. `creates`: an Idempotency-Key is honoured. `file`: the form's file field."""

    method: str
    path: str
    handler: Handler
    verb: Verb | None
    summary: str
    query: Shape = field(default_factory=dict)
    body: Shape | None = None
    form: Shape | None = None
    gives: dict[str, Any] | None = None  # JSON schema of the answer; None: see `content`
    content: str = "application/json"
    status: int = 200
    creates: bool = False
    # what comes from outside is put into the answer's body here: after the effect is committed, and again each time
    completes: Callable[[Call, bytes], Awaitable[bytes]] | None = None
    first_password_too: bool = False
    second_factor_too: bool = False  # also for somebody who still has to set one up


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRoute:
    """A route for those who are not logged in yet."""

    method: str
    path: str
    handler: OpenHandler
    summary: str
    body: Shape
    gives: dict[str, Any]
    status: int = 200
