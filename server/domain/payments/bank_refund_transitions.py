"""The one writer of the state of a refund by bank."""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.bank_refund_states import STEPS, BankRefundFacts, BankRefundState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import BankRefund


async def locked(bank_refund_id: int) -> BankRefund:
    """It, locked until the caller commits. Raises NotFound: bank_refund_unknown."""
    refund = await BankRefund.filter(id=bank_refund_id).select_for_update().first()
    if refund is None:
        raise unknown()
    return refund


def unknown() -> NotFound:
    return NotFound("bank_refund_unknown", "没有这笔银行退款，请刷新后重试。")


async def advance(
    clock: Clock, refund: BankRefund, name: str, facts: BankRefundFacts, *, actor: Actor
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Raises:
        Conflict: bank_refund_moved · a guard's reason.
    """
    step, state = STEPS[name], BankRefundState(refund.state)
    if state not in step.sources:
        message = f"这笔银行退款现在是“{state.label}”，不能{step.label}；请刷新后再看。"
        raise Conflict("bank_refund_moved", message)
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    written = {
        "state": step.target.value,
        "decided_by": actor.id,
        "decided_by_name": actor.name,
        "decided_at": clock.now(),
    }
    if not await BankRefund.filter(id=refund.id, state=state.value).update(**written):
        raise Conflict("bank_refund_moved", "这笔银行退款刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(refund, column, value)
    became = {"state": step.target.value, "order": refund.order_id, "amount_fen": refund.amount_fen}
    await audit_log.record(
        clock,
        actor,
        f"bank_refund.{name}",
        "bank_refund",
        refund.id,
        was={"state": state.value},
        became=became,
    )
