"""The one writer of `officer.state`: conditional UPDATE and audit row in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people.officer_states import STEPS, OfficerState
from server.domain.ports import Clock
from server.models import Officer


def actor_of(officer: Officer) -> Actor:
    """The officer as one who acts."""
    return Actor("officer", officer.id, officer.name, "officer", officer.school_id)


async def advance(
    clock: Clock,
    officer: Officer,
    name: str,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    where: Mapping[str, Any] | None = None,
    became: Mapping[str, Any] | None = None,
) -> bool:
    """Take one step in the caller's transaction: conditional UPDATE, then the audit row `officer.<name>`.

    Args:
        officer: as the caller read it; its `state` is brought up to date.
        changes: columns that change with the state.
        where: what else must still hold of the row.
        became: what the audit row says beside the state.

    Returns: False when the officer is not (any more) in a state from which the step leads; nothing is written then.
    """
    step = STEPS[name]
    before = OfficerState(officer.state)
    if before not in step.sources:
        return False
    query = Officer.filter(id=officer.id, state=before.value, **dict(where or {}))
    if not await query.update(state=step.target.value, **dict(changes or {})):
        return False
    await audit_log.record(
        clock,
        actor,
        f"officer.{name}",
        "officer",
        officer.id,
        was={"state": before.value},
        became={"state": step.target.value, **dict(became or {})},
    )
    officer.state = step.target.value
    return True
