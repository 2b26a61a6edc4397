"""One act for several things that somebody ticked: each by its own verb, each refusal named, none stops the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.domain import roles
from server.domain.actor import Actor
from server.domain.health import cause_of
from server.domain.roles import Verb
from server.errors import OutsideFailure, Refused

log = logging.getLogger("xcert.several")
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
        except Exception as error:
            results.append(Done(one, refused=why_not(error)))
    return results


def why_not(error: Exception) -> Refused:
    """What somebody is told of one that did not come off: its refusal, or, of a failure, that it is not known to be done.

    What was done before it stays done and is told all the same; a failure of ours is in the log with its traceback.
    """
    if isinstance(error, Refused):
        return error
    cause = str(error) if isinstance(error, OutsideFailure) else cause_of(error)
    if cause is None:
        log.error("one of several: unexpected: %s", type(error).__name__, exc_info=error)
        return Refused(
            "internal", "系统遇到意外问题，已记录。请刷新列表，看这一项办成没有；若仍不行，请告诉管理员。"
        )
    log.warning("one of several: not now: %s", cause)
    return Refused("try_again", "系统暂时繁忙。请刷新列表，看这一项办成没有，没有办成的稍后再试。")
