"""The one writer of a refund's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.refund_states import STEPS, RefundFacts, RefundState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import FeeRefund


async def locked(refund_id: int) -> FeeRefund:
    """The refund, locked until the caller commits. Raises NotFound: refund_unknown."""
    refund = await FeeRefund.filter(id=refund_id).select_for_update().first()
    if refund is None:
        raise NotFound("refund_unknown", "没有这笔退款，请刷新后重试。")
    return refund


async def advance(
    clock: Clock,
    refund: FeeRefund,
    name: str,
    facts: RefundFacts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Raises:
        Conflict: refund_moved · a guard's reason.
    """
    step, state = STEPS[name], RefundState(refund.state)
    if state not in step.sources:
        raise Conflict("refund_moved", f"这笔退款现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    written = {"state": step.target.value, **dict(changes or {})}
    if not await FeeRefund.filter(id=refund.id, state=state.value).update(**written):
        raise Conflict("refund_moved", "这笔退款刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(refund, column, value)
    await audit_log.record(
        clock,
        actor,
        f"refund.{name}",
        "fee_refund",
        refund.id,
        was={"state": state.value},
        became={"state": step.target.value, "amount_fen": refund.amount_fen},
    )
