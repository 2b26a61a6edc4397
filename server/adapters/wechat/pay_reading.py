"""WeChat Pay's objects as the port's: only what is there in the right shape is believed (wechat.md §7.3, §7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from server.domain.ports.payments import PayNotification, PayRefund, PayTransaction

Told = Mapping[str, Any]
Unreadable = (AttributeError, KeyError, TypeError, ValueError)  # what the readers here raise


def transaction(told: Told) -> PayTransaction:
    """An order: the answer to a query or a notification's resource."""
    amount: Told = told.get("amount") or {}
    return PayTransaction(
        appid=_text(told, "appid"),
        mchid=_text(told, "mchid"),
        out_trade_no=_text(told, "out_trade_no"),
        state=_text(told, "trade_state"),
        state_text=_words(told, "trade_state_desc"),
        transaction_id=_words(told, "transaction_id") or None,
        trade_type=_words(told, "trade_type") or None,
        total_fen=_fen(amount, "total"),
        payer_total_fen=_fen(amount, "payer_total"),
        currency=_words(amount, "currency") or "CNY",
        openid=_words(told.get("payer") or {}, "openid") or None,
        bank=_words(told, "bank_type") or None,
        paid_at=_moment(told.get("success_time")),
        attach=_words(told, "attach"),
    )


def refund(told: Told) -> PayRefund:
    """A refund: an answer (`status`) or a notification's resource (`refund_status`)."""
    amount: Told = told["amount"]
    total, given = _fen(amount, "total"), _fen(amount, "refund")
    if total is None or given is None:
        raise ValueError("a refund has amounts")
    return PayRefund(
        out_trade_no=_text(told, "out_trade_no"),
        transaction_id=_text(told, "transaction_id"),
        out_refund_no=_text(told, "out_refund_no"),
        refund_id=_text(told, "refund_id"),
        status=_text(told, "refund_status" if "refund_status" in told else "status"),
        refund_fen=given,
        total_fen=total,
        payer_refund_fen=_fen(amount, "payer_refund"),
        channel=_words(told, "channel") or None,
        received_by=_words(told, "user_received_account"),
        created_at=_moment(told.get("create_time")),
        succeeded_at=_moment(told.get("success_time")),
    )


def notification(envelope: Told, resource: bytes) -> tuple[PayNotification, str]:
    """A notification with its opened resource, and the merchant number that the resource names (`` if none)."""
    told = orjson.loads(resource)
    if not isinstance(told, dict):
        raise ValueError("a resource is an object")
    event, created = _text(envelope, "event_type"), _moment(envelope["create_time"])
    if created is None:
        raise ValueError("a notification has a time")
    kind = event.partition(".")[0]
    opened = PayNotification(
        id=_text(envelope, "id"),
        event=event,
        created_at=created,
        transaction=transaction(told) if kind == "TRANSACTION" else None,
        refund=refund(told) if kind == "REFUND" else None,
    )
    return opened, _words(told, "mchid")


def _text(told: Told, name: str) -> str:
    if not isinstance(value := told[name], str) or not value:
        raise ValueError(f"{name} is no text")
    return value


def _words(told: Told, name: str) -> str:
    value = told.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value or ""


def _fen(amount: Told, name: str) -> int | None:
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
