"""What a refused scan leaves as it was."""

from __future__ import annotations

from server.models import AuditEntry, Issuance, Receipt, ScanTicket
from tests.kit.issuing import Cohort


async def untouched(of: Cohort) -> None:
    """Nothing was signed: state, ticket, receipt and audit are as before."""
    batch = await Issuance.get(plan_id=of.plan.id)
    assert batch.school_signed_at is None
    assert await ScanTicket.exclude(spent_at=None).count() == 0
    assert await Receipt.all().count() == 0
    assert (
        await AuditEntry.filter(action__in=["issuance.confirm_scan", "issuance.school_return"]).count() == 0
    )
