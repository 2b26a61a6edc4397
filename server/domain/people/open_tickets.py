"""The QR codes of a school that are shown now: all of them die when one of its officers loses the right to sign."""

from __future__ import annotations

from server.domain.ports import Clock
from server.models import ScanTicket


async def replace_tickets(clock: Clock, school_id: int) -> list[int]:
    """Every open QR of the school is dead, in the caller's transaction. The batches that show one."""
    now = clock.now()
    open_tickets = ScanTicket.filter(
        school_id=school_id, spent_at=None, replaced_at=None, expires_at__gte=now
    )
    batches = {ticket.issuance_id for ticket in await open_tickets}
    await open_tickets.update(replaced_at=now)
    return sorted(batches)
