"""Who may see which batches: the organisation all, a school its own once the plan's results are released.

Being on a batch's list is a result. Before the release a batch is to people outside the organisation as if it were
not there, whatever state it is in.
"""

from __future__ import annotations

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from server.domain.actor import Actor
from server.domain.people.school_scope import within
from server.domain.ports import Clock
from server.errors import NotFound
from server.models import Issuance

Row = TypeVar("Row", bound=Model)


def own(clock: Clock, query: QuerySet[Row], actor: Actor, *, through: str = "") -> QuerySet[Row]:
    """Of these rows, those that this member of staff may see.

    Args:
        query: batches, or what belongs to batches.
        through: the way from a row to its batch, such as `issuance__`.
    """
    released = {f"{through}plan__release_at__lte": clock.now()}
    return within(query, actor, school=f"{through}site__school_id", **released)


async def seen_by(clock: Clock, issuance: Issuance, actor: Actor) -> None:
    """Raises NotFound("issuance_not_found") for a batch that this member of staff may not see."""
    if not await own(clock, Issuance.filter(id=issuance.id), actor).exists():
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")


async def is_out(clock: Clock, issuance: Issuance) -> bool:
    """Whether people outside the organisation may know who is on this batch's list."""
    return await Issuance.filter(id=issuance.id, plan__release_at__lte=clock.now()).exists()
