"""The payer is told (C1): paid, given back, closing soon; each once, in the transaction of what it tells of.

Schools pay without an openid and see it in the console; a candidate who is bound nowhere is told nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.domain import beijing
from server.domain.notices import delivery, routing
from server.domain.payments.yuan import template_amount
from server.domain.ports import Clock, Queue
from server.models import FeeOrder, FeeRefund
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class PayerTeller:
    """Puts notices to the candidate who pays an order. Each in the caller's transaction, which holds the order."""

    settings: Settings
    clock: Clock
    queue: Queue

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
        ways = await routing.ways(self.settings, topic, [order.candidate_id])
        for way in ways.get(order.candidate_id, [])[:1]:
            await delivery.enqueue(
                self.clock,
                self.queue,
                topic,
                way,
                dedup=f"{topic}:{what}",
                fields=fields,
                path=f"/h5/orders/{order.id}",
            )
