"""One act for several things that somebody ticked: each by its own verb, each refusal named, none stops the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.errors import Refused

Made = TypeVar("Made")
MOST = 100  # things in one request


@dataclass(frozen=True, slots=True)
class Done(Generic[Made]):
    """What came of one: what its verb gave, or why it was refused."""

    id: int
    made: Made | None = None
    refused: Refused | None = None


async def each(
    ids: Sequence[int], take: Callable[[int], Awaitable[Made]], *, verb: Verb, actor: Actor
) -> list[Done[Made]]:
    """Take the act for each of them once, in their order. What was done stays done, whatever the next one comes to.

    Raises:
        Forbidden: role_not_allowed — for who may do it to none at all.
    """
    roles.require(actor, verb)
    results: list[Done[Made]] = []
    for one in dict.fromkeys(ids):
        try:
            results.append(Done(one, made=await take(one)))
        except Refused as refused:
            results.append(Done(one, refused=refused))
    return results
