"""The one writer of an order's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.order_states import STEPS, OrderFacts, OrderState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import FeeOrder


async def locked(*, number: str = "", order_id: int = 0) -> FeeOrder:
    """The order, locked until the caller commits. Raises NotFound: order_unknown."""
    wanted = {"number": number} if number else {"id": order_id}
    order = await FeeOrder.filter(**wanted).select_for_update().first()
    if order is None:
        raise NotFound("order_unknown", "没有这个订单，请刷新后重试。")
    return order


async def advance(
    clock: Clock,
    order: FeeOrder,
    name: str,
    facts: OrderFacts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Args:
        order: as `locked` gave it.
        changes: columns that change with the state.

    Raises:
        Conflict: order_moved · a guard's reason.
    """
    step, state = STEPS[name], OrderState(order.state)
    if state not in step.sources:
        raise Conflict("order_moved", f"这个订单现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    written = {"state": step.target.value, **dict(changes or {})}
    if not await FeeOrder.filter(id=order.id, state=state.value).update(**written):
        raise Conflict("order_moved", "这个订单刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(order, column, value)
    await audit_log.record(
        clock,
        actor,
        f"order.{name}",
        "fee_order",
        order.id,
        was={"state": state.value},
        became={"state": step.target.value, "refunded_fen": order.refunded_fen},
    )
