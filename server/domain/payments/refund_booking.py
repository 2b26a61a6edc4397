"""What the end of a refund does to the books, the order, its fees and the payer; in the caller's transaction, which holds
the order and its refund.
"""

from __future__ import annotations

from server.domain.actor import SYSTEM
from server.domain.payments import alarms, fees, ledger, order_transitions
from server.domain.payments.ledger import Account
from server.domain.payments.refunds import facts_of
from server.domain.payments.settlement import Cashbox
from server.models import FeeOrder, FeeRefund


async def book(box: Cashbox, order: FeeOrder, refund: FeeRefund, name: str) -> None:
    """The refund has just taken the step of this name."""
    content = {"refund": refund.number, "amount_fen": refund.amount_fen}
    if name == "finish":
        await gave(box, order, refund)
    elif name in ("end", "give_up"):
        # what was income before it was to go back is income again; what was paid too much is owed as before
        taken = await ledger.posted(f"refund:{refund.number}")
        again = {account: -entry for account, entry in taken.items()}
        await ledger.post(box.clock, f"refund:{refund.number}:ended", order.id, again)
        await _after_refund(box, order)
        await alarms.raise_alarm(box.clock, "refund_ended", refund.number, order_id=order.id, content=content)
    elif name == "stall":
        await alarms.raise_alarm(
            box.clock, "refund_abnormal", refund.number, order_id=order.id, content=content
        )


async def gave(box: Cashbox, order: FeeOrder, refund: FeeRefund) -> None:
    """The payer has it, and is told."""
    fen = refund.amount_fen
    entries = {Account.OWED_BACK: fen, Account.WECHAT: -fen}
    await ledger.post(box.clock, f"refund:{refund.number}:done", order.id, entries)
    order.refunded_fen += fen
    await order.save(update_fields=["refunded_fen"])
    await _after_refund(box, order)
    if order.refunded_fen == order.total_fen:
        await fees.give_back(order.id)
    await box.teller.refunded(order, refund)


async def _after_refund(box: Cashbox, order: FeeOrder) -> None:
    rest = {0: "gave_nothing", order.total_fen: "gave_all"}.get(order.refunded_fen, "gave_part")
    await order_transitions.advance(box.clock, order, rest, facts_of(order), actor=SYSTEM)
