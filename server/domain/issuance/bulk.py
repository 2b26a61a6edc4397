"""One step for many batches: each through the one writer of a batch's life, each refusal named, none stops the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from server.domain import several
from server.domain.actor import Actor
from server.domain.issuance import organisation
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.issuance.transitions import require
from server.domain.ports import Services
from server.errors import Refused

MOST = 100  # batches in one request


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one batch: its new state, or why it was refused."""

    id: int
    state: BatchState | None = None
    refused: Refused | None = None


async def sign(s: Services, seen: Mapping[int, str], *, actor: Actor) -> list[Taken]:
    """签发 of each whose list is still the one that was seen: its hexadecimal list_sha256. Raises Forbidden("role_not_allowed") for who may sign none at all."""
    take = lambda one: organisation.org_sign(s, one, seen=seen[one], actor=actor)  # noqa: E731 -- one line each
    return await _each(s, "org_sign", take, seen, actor)


async def hand_over(s: Services, ids: Sequence[int], *, actor: Actor) -> list[Taken]:
    """发放 of each. Raises Forbidden("role_not_allowed") for who may hand over none at all."""
    take = lambda one: organisation.hand_over(s, one, actor=actor)  # noqa: E731 -- one line each
    return await _each(s, "hand_over", take, ids, actor)


async def _each(
    s: Services, name: str, take: Callable[[int], Awaitable[BatchState]], ids: Iterable[int], actor: Actor
) -> list[Taken]:
    require(actor, BY_NAME[name])
    results = []
    for one in dict.fromkeys(ids):
        try:
            results.append(Taken(one, state=await take(one)))
        except Exception as error:
            results.append(Taken(one, refused=several.why_not(error)))
        await s.faults.reach(f"bulk.{name}: one is done")
    return results
