"""The one writer of a day's state in the reconciliation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.reconciliation_states import STEPS, ReconciliationFacts, ReconciliationState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import ReconciliationDay


async def locked(day: date) -> ReconciliationDay:
    """The day, locked until the caller commits. Raises NotFound: day_unknown."""
    found = await ReconciliationDay.filter(day=day).select_for_update().first()
    if found is None:
        raise unknown(day)
    return found


def unknown(day: date) -> NotFound:
    return NotFound("day_unknown", f"{day:%Y-%m-%d} 还没有对账；账单在次日上午十点以后才有。")


async def advance(
    clock: Clock,
    of: ReconciliationDay,
    name: str,
    facts: ReconciliationFacts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Raises:
        Conflict: day_moved · a guard's reason.
    """
    step, state = STEPS[name], ReconciliationState(of.state)
    if state not in step.sources:
        raise Conflict("day_moved", f"这一天现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    written = {"state": step.target.value, **dict(changes or {})}
    if not await ReconciliationDay.filter(id=of.id, state=state.value).update(**written):
        raise Conflict("day_moved", "这一天刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(of, column, value)
    await audit_log.record(
        clock,
        actor,
        f"reconciliation.{name}",
        "reconciliation_day",
        of.id,
        was={"state": state.value},
        became={"state": step.target.value, "day": of.day.isoformat(), "differences": facts.found},
    )
