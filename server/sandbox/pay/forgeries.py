"""Notifications that are not WeChat Pay's, or are no longer: what an attacker would send (wechat.md §7.2)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa

from server.sandbox.pay import limits, notifications, orders, signatures
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.notifications import Letter, Notification


def _signed(desk: PayDesk, body: bytes, shift: int = 0) -> dict[str, str]:
    """Genuine headers over these bytes, as if the clock went so many seconds wrong."""
    serial, stamp, nonce = notifications.serial(desk), str(desk.clock.unix() + shift), signatures.nonce()
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": desk.keys.sign(serial, signatures.answer_message(stamp, nonce, body)),
    }


def _but(real: Letter, **headers: str) -> Letter:
    return replace(
        real, headers={**real.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    )


def _wrong_key(desk: PayDesk, note: Notification) -> Letter:
    """A known serial over a signature by somebody else's key."""
    real = notifications.letter(desk, note)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = signatures.answer_message(
        real.headers["Wechatpay-Timestamp"], real.headers["Wechatpay-Nonce"], real.body
    )
    return _but(real, Wechatpay_Signature=signatures.sign(stranger, message))


def _shifted(seconds: int) -> Callable[[PayDesk, Notification], Letter]:
    """Captured long ago, or from the future: the signature is genuine, the time is not."""

    def forge(desk: PayDesk, note: Notification) -> Letter:
        real = notifications.letter(desk, note)
        return replace(real, headers={**real.headers, **_signed(desk, real.body, seconds)})

    return forge


def _unknown_serial(desk: PayDesk, note: Notification) -> Letter:
    return _but(notifications.letter(desk, note), Wechatpay_Serial=secrets.token_hex(20).upper())


def _unknown_public_key(desk: PayDesk, note: Notification) -> Letter:
    real = notifications.letter(desk, note)
    return _but(real, Wechatpay_Serial=f"PUB_KEY_ID_{secrets.randbelow(10**34):034d}")


def _changed_body(desk: PayDesk, note: Notification) -> Letter:
    """Genuine headers, and one word of the body changed."""
    real = notifications.letter(desk, note)
    changed = {**json.loads(real.body), "summary": "已修改"}
    return replace(real, body=json.dumps(changed, ensure_ascii=False).encode())


def _other_body(desk: PayDesk, note: Notification) -> Letter:
    """Genuine headers of one notification before the body of another."""
    return replace(notifications.letter(desk, note), body=notifications.envelope(desk, note))


def _wrong_cipher(desk: PayDesk, note: Notification) -> Letter:
    """Signed by the platform, but sealed with another APIv3 key."""
    body = notifications.envelope(desk, note, apiv3_key=signatures.nonce(32))
    return replace(
        notifications.letter(desk, note),
        body=body,
        headers=_signed(desk, body) | {"Content-Type": "application/json"},
    )


def _unsigned(desk: PayDesk, note: Notification) -> Letter:
    real = notifications.letter(desk, note)
    headers = {name: value for name, value in real.headers.items() if not name.startswith("Wechatpay-")}
    return replace(real, headers=headers)


KINDS: dict[str, Callable[[PayDesk, Notification], Letter]] = {
    "wrong_key": _wrong_key,
    "old_timestamp": _shifted(-limits.CLOCK_SECONDS - 1),
    "future_timestamp": _shifted(limits.CLOCK_SECONDS + 1),
    "unknown_serial": _unknown_serial,
    "unknown_public_key": _unknown_public_key,
    "changed_body": _changed_body,
    "other_body": _other_body,
    "wrong_cipher": _wrong_cipher,
    "unsigned": _unsigned,
}


def claim(desk: PayDesk, order: orders.Order) -> Notification:
    """A notification that says this order has been paid, whether or not that is true."""
    person = desk.platform.people.everyone()[0]
    account = desk.platform.by_appid(order["appid"])
    assert account is not None
    payment = {
        "transaction_id": "4200" + "".join(str(secrets.randbelow(10)) for _ in range(24)),
        "paid": desk.clock.now(),
        "openid": desk.platform.openid(account, person),
        "state": "SUCCESS",
    }
    return {
        "id": "EV-" + secrets.token_hex(16),
        "created": desk.rfc3339(),
        "url": order["asked"]["notify_url"],
        "event": "TRANSACTION.SUCCESS",
        "kind": "transaction",
        "summary": "支付成功",
        "resource": orders.transaction(
            desk, {**payment, **order} if order.get("transaction_id") else {**order, **payment}
        ),
    }


async def send(desk: PayDesk, note: Notification, kind: str) -> dict[str, Any]:
    """Send one forgery; well met means refused with 4xx or 5xx, in time."""
    one = KINDS[kind](desk, note)
    row = desk.platform.timeline.begin("push", f"POST {one.url}", forged=kind)
    try:
        status, body = await notifications.deliver(desk, one)
        ok, reply = status >= 400, body[:200].decode(errors="replace")
        verdict = f"{kind}：" + ("伪造的通知被拒绝" if ok else f"伪造的通知没有被拒绝（HTTP {status}）")
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        status, ok, reply = 0, False, str(error) or type(error).__name__
        verdict = f"{kind}：没有回答：{reply}"
    desk.platform.timeline.end(row, ok=ok, verdict=verdict, status=status, answer=reply)
    return {"refused": ok, "status": status, "answer": reply}
