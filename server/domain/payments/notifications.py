"""Payments: so far what a genuine notification of WeChat Pay does here.

The service has no orders yet, so it asks nobody for money, and there is no order that a payment could belong to.
Orders, ledger and reconciliation will grow beside `notified`.
"""

from __future__ import annotations

import logging

from server.domain.ports import Services
from server.domain.ports.payments import PayNotification
from server.errors import NotFound

log = logging.getLogger("xcert.pay")

TEST_OF_THE_WAY = "SECURITY_ECHO.SUCCESS"  # WeChat Pay tries whether notifications arrive (wechat.md §7.3)


async def notified(s: Services, notification: PayNotification) -> None:
    """Take a genuine notification, opened and of our merchant number. It may come again, late and in any order.

    Returning means: done for good, WeChat Pay does not send it again. As long as there is no order that a payment or
    a refund belongs to, nothing may be done with it and nothing may be lost: it is refused, so that WeChat Pay goes on
    sending it for 24 hours, and each time an error stands in the log with the numbers by which somebody finds it in
    the merchant console, and nothing about the person.

    Raises:
        NotFound: order_unknown — no order of ours, or an event that we do not know.
    """
    if notification.event == TEST_OF_THE_WAY:
        log.info("WeChat Pay tried the way to us", extra={"notification": notification.id})
        return
    numbers: dict[str, str | None] = {}
    if (paid := notification.transaction) is not None:
        numbers = {"out_trade_no": paid.out_trade_no, "transaction_id": paid.transaction_id}
    if (returned := notification.refund) is not None:
        numbers = {"out_trade_no": returned.out_trade_no, "out_refund_no": returned.out_refund_no}
    log.error(
        "WeChat Pay notified what belongs to no order of ours",
        extra={"event": notification.event, "notification": notification.id, **numbers},
    )
    raise NotFound("order_unknown", "没有与这条通知相符的订单。")
