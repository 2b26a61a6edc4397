"""The portal's rows against our certificates, three ways: only theirs, only ours, or the same one told otherwise (S94).

The portal's is the authoritative record: nothing of ours is changed by a difference, people are told of it.
"""

from __future__ import annotations

from server.domain.certificates.queries import hold_portal_numbers
from server.domain.fault_points import transaction
from server.domain.people.names import same_name
from server.domain.portal_lists import queries
from server.domain.ports import Services
from server.models import PortalList

SYSTEM_NAME = "系统"
AGREES = "再次核对时已相符"


async def compare(s: Services) -> None:
    """Write down what differs; the same again changes nothing. Job `portal.compare` and sweep `portal.sweep`.

    What somebody settled stays settled unless it differs in something else; what is not found any more is settled
    by itself.
    """
    async with transaction(s.faults, "portal_lists.compare"):
        await hold_portal_numbers()
        newest = await PortalList.all().order_by("-id").first()
        if newest is None:
            return
        others = [id for id, theirs, ours in await queries.names() if not same_name(theirs, ours)]
        await queries.compare(newest.id, others, s.clock.now(), SYSTEM_NAME, AGREES)
        await s.faults.reach("portal_lists.compare: the differences are written")
