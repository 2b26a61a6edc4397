"""Notifications of WeChat Pay: kept for good before they are answered, applied by a job, each once.

One job works off whatever waits, so that a rush of notifications needs no job for each.

They come again, late and in any order (wechat.md §7.3); what they say is booked by `settlement` and `refund_sending`,
which change nothing when they are told a second time.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import orjson
from tortoise.expressions import F, Q

from server.domain.payments import alarms, refund_sending, settlement
from server.domain.payments.refund_by_hand import RefundWaits
from server.domain.payments.settlement import Cashbox
from server.domain.ports import Clock, Queue
from server.domain.ports.payments import PayNotification, PayRefund, PayTransaction
from server.models import PayInboxEntry
from server.models.database import rows

JOB = "payments.apply"
TEST_OF_THE_WAY = "SECURITY_ECHO.SUCCESS"  # WeChat Pay tries whether notifications arrive (wechat.md §7.3)
SLICE = 1000  # so many that cannot be booked yet would have to come together to keep others waiting
STUCK_AFTER, LONGEST_PAUSE = 5, timedelta(hours=1)  # the first five tries are over in half an hour
_PERSONAL = ("openid", "received_by", "bank")  # nothing of the person is kept
_KEEP = """
INSERT INTO pay_inbox (id, event, content, received_at) VALUES ($1, $2, $3::text::jsonb, $4)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
log = logging.getLogger("xcert.pay")


async def receive(clock: Clock, queue: Queue, notification: PayNotification) -> bool:
    """Keep a genuine notification, opened and of our merchant number, and wake the job that applies what waits.

    Returning means: kept for good, WeChat Pay need not send it again. False: it was kept before.

    Args:
        queue: may put the job a moment later, once for many (`GatheredJobs`): a wake-up that is lost is no loss.
    """
    if notification.event == TEST_OF_THE_WAY:
        log.info("WeChat Pay tried the way to us", extra={"notification": notification.id})
        return False
    content = {
        "transaction": _kept(notification.transaction),
        "refund": _kept(notification.refund),
    }
    if not await rows(
        _KEEP, notification.id, notification.event, orjson.dumps(content).decode(), clock.now()
    ):
        return False
    # After the commit, no transaction around both: a job that began before it would not see what was kept. WeChat Pay
    # waits, and what is kept and wakes nobody is found by the sweep.
    await queue.put(JOB, once=JOB, urgent=True)
    return True


async def apply(box: Cashbox, notification_id: str) -> None:
    """Book what a kept notification says. Safe to repeat; killed in the middle, a sweep finds it.

    What raises is tried again by the sweep, ever more slowly; after `STUCK_AFTER` times finance is told.
    """
    entry = await PayInboxEntry.filter(id=notification_id, applied_at=None).first()
    if entry is None:
        return
    try:
        await _book(box, entry)
    except Exception as problem:
        await _failed(box, entry, problem)
        raise
    if entry.failures:
        await alarms.clear(box.clock, "notification_stuck", entry.id)
    await PayInboxEntry.filter(id=entry.id, applied_at=None).update(applied_at=box.clock.now())


async def _book(box: Cashbox, entry: PayInboxEntry) -> None:
    transaction, refund = entry.content.get("transaction"), entry.content.get("refund")
    if isinstance(transaction, dict):
        await settlement.settle(box, _transaction(transaction))
    if isinstance(refund, dict):
        await refund_sending.hear(box, _refund(refund))
    if transaction is None and refund is None:
        content = {"notification": entry.id, "event": entry.event}
        await alarms.raise_alarm(box.clock, "notification_unknown", entry.id, content=content)


async def _failed(box: Cashbox, entry: PayInboxEntry, problem: Exception) -> None:
    pause = min(timedelta(minutes=2 ** min(entry.failures, 10)), LONGEST_PAUSE)
    await PayInboxEntry.filter(id=entry.id).update(
        failures=F("failures") + 1, next_try_at=box.clock.now() + pause
    )
    if entry.failures + 1 < STUCK_AFTER or isinstance(problem, RefundWaits):  # which tells of itself
        return
    said = entry.content.get("transaction") or entry.content.get("refund")
    known = said if isinstance(said, dict) else {}
    content = {
        "notification": entry.id,
        "number": known.get("out_trade_no", ""),
        "refund": known.get("out_refund_no", ""),
        "transaction_id": known.get("transaction_id", ""),
    }
    await alarms.raise_alarm(box.clock, "notification_stuck", entry.id, content=content)


async def sweep(box: Cashbox) -> None:
    """Apply what was kept and waits. Job and sweep; two at once do each entry once.

    What comes meanwhile has woken a job of its own.
    """
    due = Q(next_try_at=None) | Q(next_try_at__lte=box.clock.now())
    waiting = await PayInboxEntry.filter(due, applied_at=None).order_by("received_at").limit(SLICE)
    for entry in waiting:
        try:
            await apply(box, entry.id)
        except RefundWaits:
            log.info("refund by hand waits", extra={"notification": entry.id})
        except Exception as problem:  # one that cannot be booked yet must not keep the others waiting
            log.error("notification not applied", extra={"notification": entry.id}, exc_info=problem)


def _kept(said: PayTransaction | PayRefund | None) -> dict[str, Any] | None:
    if said is None:
        return None
    # not asdict, which copies what is in them, at a tenth of the cost of a whole notification
    return {one.name: getattr(said, one.name) for one in fields(said) if one.name not in _PERSONAL}


def _transaction(kept: dict[str, Any]) -> PayTransaction:
    return PayTransaction(**_moments(kept))


def _refund(kept: dict[str, Any]) -> PayRefund:
    return PayRefund(**_moments(kept))


def _moments(kept: dict[str, Any]) -> dict[str, Any]:
    known = {one.name for one in fields(PayTransaction)} | {one.name for one in fields(PayRefund)}
    return {
        name: datetime.fromisoformat(value) if value and name.endswith("_at") else value
        for name, value in kept.items()
        if name in known
    }
