"""One step for many batches: each through the one writer of a batch's life, each refusal named, none stops the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

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


async def sign(s: Services, ids: Sequence[int], *, actor: Actor) -> list[Taken]:
    """签发 of each. Raises Forbidden("role_not_allowed") for who may sign none at all."""
    return await _each(s, "org_sign", organisation.org_sign, ids, actor)


async def hand_over(s: Services, ids: Sequence[int], *, actor: Actor) -> list[Taken]:
    """发放 of each. Raises Forbidden("role_not_allowed") for who may hand over none at all."""
    return await _each(s, "hand_over", organisation.hand_over, ids, actor)


async def _each(
    s: Services, name: str, take: Callable[..., Awaitable[BatchState]], ids: Sequence[int], actor: Actor
) -> list[Taken]:
    require(actor, BY_NAME[name])
    results = []
    for one in dict.fromkeys(ids):
        try:
            results.append(Taken(one, state=await take(s, one, actor=actor)))
        except Refused as refused:
            results.append(Taken(one, refused=refused))
        await s.faults.reach(f"bulk.{name}: one is done")
    return results
