"""An erasure as the register has it."""

from __future__ import annotations

from datetime import date

from server.domain.ports import Services
from server.domain.privacy.erasure_register import Entry
from server.models import Candidate


def on_the_register(s: Services, who: Candidate) -> Entry:
    """Of a candidate, approved after the backup that is put back."""
    now = s.clock.now()
    return Entry(
        kind="candidate",
        row=who.id,
        created_at=who.created_at,
        asked_on=date(2026, 11, 1),
        requested_by=1,
        requested_at=now,
        decided_by=2,
        decided_at=now,
    )
