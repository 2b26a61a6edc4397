"""The one writer of a bank transfer's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.transfer_states import STEPS, TransferFacts, TransferState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import BankTransfer


async def locked(transfer_id: int) -> BankTransfer:
    """The transfer, locked until the caller commits. Raises NotFound: transfer_unknown."""
    transfer = await BankTransfer.filter(id=transfer_id).select_for_update().first()
    if transfer is None:
        raise NotFound("transfer_unknown", "没有这笔转账，请刷新后重试。")
    return transfer


def check(transfer: BankTransfer, name: str, facts: TransferFacts) -> None:
    """Whether the step may be taken now. Raises Conflict: transfer_moved · a guard's reason."""
    step, state = STEPS[name], TransferState(transfer.state)
    if state not in step.sources:
        raise Conflict("transfer_moved", f"这笔转账现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()


async def advance(
    clock: Clock,
    transfer: BankTransfer,
    name: str,
    facts: TransferFacts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Raises:
        Conflict: transfer_moved · a guard's reason.
    """
    check(transfer, name, facts)
    was, target = transfer.state, STEPS[name].target.value
    written = {
        "state": target,
        "decided_by": actor.id,
        "decided_by_name": actor.name,
        "decided_at": clock.now(),
        **dict(changes or {}),
    }
    if not await BankTransfer.filter(id=transfer.id, state=was).update(**written):
        raise Conflict("transfer_moved", "这笔转账刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(transfer, column, value)
    became = {"state": target, "amount_fen": transfer.amount_fen}
    await audit_log.record(
        clock, actor, f"transfer.{name}", "bank_transfer", transfer.id, was={"state": was}, became=became
    )
