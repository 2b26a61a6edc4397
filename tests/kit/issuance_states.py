"""Where each act may lead, as the rules say it."""

from __future__ import annotations

from server.domain.issuance.states import (
    Facts,
)

GOOD = Facts(
    count=3,
    results_released=True,
    is_second_person=True,
    list_is_current=True,
    list_is_signed=True,
    revision_is_shown=True,
    officer_is_active=True,
    officer_is_of_school=True,
    has_reason=True,
    old_is_revoked=True,
    is_nobody_left=True,
    unsealed=0,
)
