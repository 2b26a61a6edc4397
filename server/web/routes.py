"""What a route of an API is, and what all routes of one API have in common. `mounting` makes them answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sanic import HTTPResponse, Request

from server.domain.roles import Verb
from server.web.request import Asked
from server.web.schema import Answer, Input

Handler = Callable[..., Awaitable[Answer | HTTPResponse | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of an API's table.

    The handler gets the call, what was read as `takes` if there is any, and the path's parameters by name. It returns
    the answer, None where there is no body, or a whole HTTP answer.

    Args:
        takes: the query of a GET, else the JSON body; with `file` the fields of a form beside its field `file`.
        gives: the answer; or the content type of a file or stream; None: no body.
        creates: an Idempotency-Key is honoured.
        completes: what comes from outside is put into the answer's body here: after the effect is committed, and
            again each time.
        is_open: for those who are not logged in.
        reads_itself: the handler looks at the body, `takes` is for the documents alone.
        verb: who may; None: everybody who is logged in.
        first_password_too: also before a one-time password is changed.
        second_factor_too: also for somebody who still has to set one up.
        shown_as: the whole path in the documents, where it cannot be read from the pattern.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    takes: type[Input] | None = None
    gives: type[BaseModel] | str | None = None
    status: int = 200
    creates: bool = False
    completes: Callable[[Any, Any, bytes], Awaitable[bytes]] | None = None
    file: bool = False
    is_open: bool = False
    reads_itself: bool = False
    verb: Verb | None = None
    first_password_too: bool = False
    second_factor_too: bool = False
    shown_as: str = ""

    @property
    def name(self) -> str:
        return f"{self.handler.__module__.rpartition('.')[2]}_{self.handler.__name__}"


@dataclass(frozen=True, slots=True)
class Api:
    """What all routes of one API have in common.

    Args:
        tag: its name in the documents.
        operation: how a route is called there.
        security: the ways in by name, as OpenAPI writes them.
        refuses: the statuses that any route may answer with.
        owner: whose an Idempotency-Key is; two owners' keys never meet.
        enter: who asks, if they may; raises what is answered instead. None: the handler asks.
        refuses_undeclared: a query and a body are looked at even where nothing is declared.
        secret: the header that a browser's changes must carry, and what it is.
    """

    tag: str
    operation: Callable[[Route], str]
    security: Mapping[str, Mapping[str, str]]
    refuses: tuple[int, ...]
    owner: Callable[[Any], Awaitable[str]]
    enter: Callable[[Request, Route], Awaitable[Asked]] | None = None
    refuses_undeclared: bool = False
    secret: tuple[str, str] | None = None
