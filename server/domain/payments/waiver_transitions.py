"""The one writer of a waiver's state."""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.waiver_states import STEPS, WaiverFacts, WaiverState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import FeeWaiver


async def locked(waiver_id: int) -> FeeWaiver:
    """The waiver, locked until the caller commits. Raises NotFound: waiver_unknown."""
    waiver = await FeeWaiver.filter(id=waiver_id).select_for_update().first()
    if waiver is None:
        raise NotFound("waiver_unknown", "没有这项减免，请刷新后重试。")
    return waiver


async def advance(clock: Clock, waiver: FeeWaiver, name: str, facts: WaiverFacts, *, actor: Actor) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Raises:
        Conflict: waiver_moved · a guard's reason.
    """
    step, state = STEPS[name], WaiverState(waiver.state)
    if state not in step.sources:
        raise Conflict("waiver_moved", f"这项减免现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    written = {
        "state": step.target.value,
        "decided_by": actor.id,
        "decided_by_name": actor.name,
        "decided_at": clock.now(),
    }
    if not await FeeWaiver.filter(id=waiver.id, state=state.value).update(**written):
        raise Conflict("waiver_moved", "这项减免刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(waiver, column, value)
    await audit_log.record(
        clock,
        actor,
        f"waiver.{name}",
        "fee_waiver",
        waiver.id,
        was={"state": state.value},
        became={"state": step.target.value, "fee": waiver.fee_id},
    )
