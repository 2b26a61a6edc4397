"""WeChat Pay's objects as the port's: only what is there in the right shape is believed (wechat.md §7.3, §7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from server.domain.ports.payments import PayNotification, PayRefund, PayTransaction

Fields = Mapping[str, Any]
# Characters that our columns take, by WeChat Pay's field; nothing it documents is longer.
LONGEST = {
    "id": 64,
    "event_type": 40,
    "out_trade_no": 32,
    "transaction_id": 32,
    "out_refund_no": 64,
    "refund_id": 40,
}
LONGEST_TEXT = 1_000  # of any other
Unreadable = (AttributeError, KeyError, TypeError, ValueError)  # what the readers here raise


def transaction(fields: Fields) -> PayTransaction:
    """An order: the answer to a query or a notification's resource."""
    amount: Fields = fields.get("amount") or {}
    return PayTransaction(
        appid=_text(fields, "appid"),
        mchid=_text(fields, "mchid"),
        out_trade_no=_text(fields, "out_trade_no"),
        state=_text(fields, "trade_state"),
        state_text=_words(fields, "trade_state_desc"),
        transaction_id=_words(fields, "transaction_id") or None,
        trade_type=_words(fields, "trade_type") or None,
        total_fen=_fen(amount, "total"),
        payer_total_fen=_fen(amount, "payer_total"),
        currency=_words(amount, "currency") or "CNY",
        openid=_words(fields.get("payer") or {}, "openid") or None,
        bank=_words(fields, "bank_type") or None,
        paid_at=_moment(fields.get("success_time")),
        attach=_words(fields, "attach"),
    )


def refund(fields: Fields) -> PayRefund:
    """A refund: an answer (`status`) or a notification's resource (`refund_status`)."""
    amount: Fields = fields["amount"]
    total, refunded = _fen(amount, "total"), _fen(amount, "refund")
    if total is None or refunded is None:
        raise ValueError("a refund has amounts")
    return PayRefund(
        out_trade_no=_text(fields, "out_trade_no"),
        transaction_id=_text(fields, "transaction_id"),
        out_refund_no=_text(fields, "out_refund_no"),
        refund_id=_text(fields, "refund_id"),
        status=_text(fields, "refund_status" if "refund_status" in fields else "status"),
        refund_fen=refunded,
        total_fen=total,
        payer_refund_fen=_fen(amount, "payer_refund"),
        channel=_words(fields, "channel") or None,
        received_by=_words(fields, "user_received_account"),
        created_at=_moment(fields.get("create_time")),
        succeeded_at=_moment(fields.get("success_time")),
    )


def notification(envelope: Fields, resource: bytes) -> tuple[PayNotification, str]:
    """A notification with its opened resource, and the merchant number that the resource names (`` if none)."""
    content = orjson.loads(resource)
    if not isinstance(content, dict):
        raise ValueError("a resource is an object")
    event, created = _text(envelope, "event_type"), _moment(envelope["create_time"])
    if created is None:
        raise ValueError("a notification has a time")
    kind = event.partition(".")[0]
    result = PayNotification(
        id=_text(envelope, "id"),
        event=event,
        created_at=created,
        transaction=transaction(content) if kind == "TRANSACTION" else None,
        refund=refund(content) if kind == "REFUND" else None,
    )
    return result, _words(content, "mchid")


def _text(fields: Fields, name: str) -> str:
    if not (value := _words(fields, name)):
        raise ValueError(f"{name} is no text")
    return value


def _words(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if value and ("\x00" in value or len(value) > LONGEST.get(name, LONGEST_TEXT)):
        raise ValueError(f"{name} is no text that can be kept")
    return value or ""


def _fen(amount: Fields, name: str) -> int | None:
    """An amount is a JSON integer; 1.0, "1" and true are not."""
    value = amount.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{name} is no amount in fen")
    return value


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    return moment
