"""The rows of a list that somebody brought from the national portal, in the place of what it said before (S94)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from server.domain.actor import Actor
from server.domain.certificates import portal
from server.domain.certificates.portal import Pair, Weighed
from server.domain.certificates.queries import hold_portal_numbers
from server.domain.fault_points import transaction
from server.domain.people.candidates import ABOUT_ID
from server.domain.portal_lists import queries
from server.domain.ports import Keys, Services
from server.models import PortalList

JOB = "portal.compare"
_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class ListedRow:
    """What the portal says of one certificate; empty and None where the list does not say.

    Attributes:
        id_index: the identity number's blind index, never the number.
        level: a `Level`'s value.
    """

    number: str
    portal_number: str
    name: str = ""
    id_index: bytes | None = None
    level: str = ""
    issued_on: date | None = None


def blind(keys: Keys, number: str | None) -> bytes | None:
    """The blind index of an identity number, as candidates have it."""
    return keys.blind(number, about=ABOUT_ID) if number else None


async def keep(s: Services, found: Sequence[ListedRow], *, actor: Actor) -> None:
    """Keep these rows and have them compared, in the caller's transaction; the same row twice is one."""
    await hold_portal_numbers()
    unique = list({(one.number, one.portal_number): one for one in found}.values())
    of = await PortalList.create(taken_at=s.clock.now(), taken_by_name=actor.name, rows=len(unique))
    for start in range(0, len(unique), _SLICE):  # no one statement for a large list
        some = unique[start : start + _SLICE]
        ours, theirs = [one.number for one in some], [one.portal_number for one in some]
        await queries.forget_before(of.id, ours, theirs)
        await queries.keep(
            of.id,
            ours,
            theirs,
            [one.name for one in some],
            [one.id_index for one in some],
            [one.level for one in some],
            [one.issued_on for one in some],
        )
    await s.faults.reach("portal_lists.keep: the rows are kept")
    await s.queue.put(JOB, lock=JOB, once=JOB)


async def record(s: Services, pairs: Sequence[Pair], *, actor: Actor) -> Weighed:
    """Reconcile the numbers of a short list at once, and keep its rows.

    Raises: as `portal.record`.
    """
    async with transaction(s.faults, "portal_lists.record"):
        kept = [ListedRow(one.ours, one.theirs, one.name) for one in pairs]
        weighed = await portal.record(s.clock, s.faults, pairs, actor=actor)
        await keep(s, kept, actor=actor)
    return weighed
