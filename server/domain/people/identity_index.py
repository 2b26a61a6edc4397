"""A new `index` key: every identity number found under it, so that the old key can go out of use.

Look-ups ask under every epoch, so that nothing has to happen at once, and nobody writes a number twice meanwhile
(`number_epoch`). Pairs of former versions are found when everybody gets the new index.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people import number_epoch, queries
from server.domain.people.candidates import ABOUT_ID
from server.domain.people.invitations import ABOUT_MOBILE
from server.domain.people.queries import Indexed
from server.domain.ports import Clock, Keys
from server.models import Candidate, Officer
from server.models.database import breaks

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How many people were changed, had the new index already, or wait; and pairs of candidates with one number."""

    changed: int = 0
    unchanged: int = 0
    waiting: int = 0
    doubles: tuple[tuple[int, int], ...] = ()


async def reindex(clock: Clock, keys: Keys, *, actor: Actor) -> Reindexed:
    """Go through all candidates once, in slices of their own transactions; may be repeated at any time."""
    result, last = Reindexed(), 0
    while rows := await queries.next_indexes(last, _SLICE):
        for one in rows:
            last = one.id
            result = await _one(keys, one, result)
    await _officers(keys)
    if result.changed:
        became = {"changed": result.changed, "waiting": result.waiting, "doubles": len(result.doubles)}
        await audit_log.record(
            clock, actor, "keys.reindex", "key", f"index-{keys.epoch('index')}", became=became
        )
    return result


async def _officers(keys: Keys) -> None:
    """The phones of officers, too, by which the same person is not invited twice; they are few."""
    for officer in await Officer.filter(mobile_index__not_isnull=True, mobile_sealed__not_isnull=True):
        number = keys.decrypt(bytes(officer.mobile_sealed or b""), about=ABOUT_MOBILE)
        await Officer.filter(id=officer.id).update(mobile_index=keys.blind(number, about=ABOUT_MOBILE))


async def _one(keys: Keys, one: Indexed, result: Reindexed) -> Reindexed:
    number = keys.decrypt(one.id_sealed, about=ABOUT_ID)
    if keys.blind(number, about=ABOUT_ID) == one.id_index:
        return replace(result, unchanged=result.unchanged + 1)
    if (
        one.is_waiting
    ):  # a list that an officer is asked to sign carries a hash of the index: it must not change now
        return replace(result, waiting=result.waiting + 1)
    try:
        async with in_transaction():
            new = keys.blind(number, about=ABOUT_ID, epoch=await number_epoch.hold(keys))
            await Candidate.filter(id=one.id, id_index=one.id_index).update(id_index=new)
    except IntegrityError as error:
        if not breaks(error, "candidate_id_index"):
            raise
        other = await Candidate.get(id_index=new).only("id")
        return replace(result, doubles=(*result.doubles, (other.id, one.id)))
    return replace(result, changed=result.changed + 1)
