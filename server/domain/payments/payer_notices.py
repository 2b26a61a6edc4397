"""The payer is told (C1): owed, paid, given back, closing soon; each once, in the transaction of what it tells of.

Schools pay without an openid and see it in the console; a candidate who is bound nowhere is told nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from server.domain import beijing
from server.domain.levels import Level
from server.domain.notices.telling import Notice, tell
from server.domain.payments.yuan import template_amount
from server.domain.ports import Clock, Queue
from server.models import FeeOrder, FeeRefund
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class NewFee:
    """A fee that a candidate owes from now on; `level` of the examination, `amount_fen` in fen."""

    id: int
    candidate_id: int
    level: str
    amount_fen: int
    exam_date: date


def due_notice(fee_id: int) -> str:
    """What makes it the same one: that this fee is owed."""
    return f"fee_due:{fee_id}"


def closing_notice(order_number: str) -> str:
    """What makes it the same one: that this order is about to close."""
    return f"fee_closing:{order_number}"


@dataclass(frozen=True, slots=True)
class PayerTeller:
    """Puts notices to the candidate who pays an order. Each in the caller's transaction, which holds the order."""

    settings: Settings
    clock: Clock
    queue: Queue

    async def due(self, owed: Sequence[NewFee]) -> None:
        """These fees have just been made, and the candidates pay them themselves (S57)."""
        notices = [
            Notice(
                one.candidate_id,
                due_notice(one.id),
                {
                    "what": f"{Level(one.level).label}考试费",
                    "amount": template_amount(one.amount_fen),
                    "exam_date": beijing.say_day(one.exam_date),
                },
                "/h5/orders",
            )
            for one in owed
        ]
        await tell(self.settings, self.clock, self.queue, "fee_due", notices)

    async def paid(self, order: FeeOrder) -> None:
        """The order is paid, and some of its fees are settled by it."""
        assert order.paid_at is not None
        fields = {
            "what": order.description,
            "amount": template_amount(order.total_fen),
            "paid_at": beijing.say_minute(order.paid_at),
            "order": order.number,
        }
        await self._tell("fee_paid", order, order.number, fields)

    async def refunded(self, order: FeeOrder, refund: FeeRefund) -> None:
        """The payer has this refund."""
        assert refund.settled_at is not None
        fields = {
            "reason": refund.reason,
            "amount": template_amount(refund.amount_fen),
            "refunded_at": beijing.say_minute(refund.settled_at),
            "order": order.number,
        }
        await self._tell("fee_refunded", order, refund.number, fields)

    async def closing(self, order: FeeOrder) -> None:
        """The order is open, and not for long any more."""
        fields = {
            "what": order.description,
            "amount": template_amount(order.total_fen),
            "closes_at": beijing.say_minute(order.expires_at),
            "order": order.number,
        }
        await self._tell("fee_closing", order, order.number, fields)

    async def _tell(self, topic: str, order: FeeOrder, what: str, fields: Mapping[str, str]) -> None:
        if order.candidate_id is None:
            return
        notice = Notice(order.candidate_id, f"{topic}:{what}", fields, f"/h5/orders/{order.id}")
        await tell(self.settings, self.clock, self.queue, topic, [notice])
