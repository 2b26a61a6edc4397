"""Notifications to the merchant: sealed, signed, sent again by the schedule on the movable clock (wechat.md §7.3)."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from server.sandbox.pay import limits, probes, signatures
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import signature_headers

OPEN, ENDED = "pay.notification", "pay.notified"
Notification = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """One arrival of a notification: where it goes and what it carries."""

    url: str
    headers: dict[str, str]
    body: bytes


def put(desk: PayDesk, url: str, event: str, kind: str, summary: str, resource: dict[str, Any]) -> None:
    """Something the merchant must hear of; the first arrival is at once, or later by the switch.

    Args:
        url: notify_url of the order or refund; empty: nobody is told.
        event: TRANSACTION.SUCCESS, REFUND.SUCCESS, …; kind: original_type, transaction or refund.
    """
    if not url:
        return
    note: Notification = {
        "id": str(uuid.uuid4()),
        "created": desk.rfc3339(),
        "url": url,
        "event": event,
        "kind": kind,
        "summary": summary,
        "resource": resource,
        "sent": 0,
        "next": desk.clock.now() + desk.switchboard.now.notify_seconds,
        "state": "waiting",
    }
    now = desk.switchboard.now
    if not now.apiv3_key_set or now.notify_lost:
        note["state"] = "lost"
        why = "通知丢失" if now.notify_lost else "没有设置 APIv3 密钥，不发通知"
        desk.platform.timeline.note("push", f"POST {url}", ok=False, verdict=f"开关：{why}", message=resource)
        desk.store.put(ENDED, note["id"], note)
    elif now.notify_seconds > 0:
        desk.wake()
        desk.store.put(OPEN, note["id"], note)
    else:
        desk.wake()
        _send(desk, note)


def again(desk: PayDesk, notification_id: str) -> Notification | None:
    """Send it once more, now, heard or not; it keeps its id. None: there is none, or it is just under way."""
    note = desk.store.get(ENDED, notification_id) or desk.store.get(OPEN, notification_id)
    if note is None or note["state"] == "sending":
        return None
    desk.store.drop(ENDED, notification_id)
    desk.wake()
    _send(desk, note)
    return note


def everything(desk: PayDesk) -> list[Notification]:
    """All notifications ever, the oldest first."""
    notes = [*desk.store.all(ENDED).values(), *desk.store.all(OPEN).values()]
    return sorted(notes, key=lambda note: str(note["created"]))


def run_due(desk: PayDesk) -> None:
    """Send whatever is due by the clock."""
    for note in desk.store.all(OPEN).values():
        if note["state"] == "waiting" and note["next"] <= desk.clock.now():
            _send(desk, note)


def _send(desk: PayDesk, note: Notification) -> None:
    """Mark it as under way, so that nobody sends it twice, and send in the background."""
    note["state"] = "sending"
    note["sent"] += 1
    desk.store.put(OPEN, note["id"], note)
    desk.platform.background(_arrivals(desk, note))


def recover(desk: PayDesk) -> None:
    """What was under way when the sandbox stopped is sent again."""
    for note in desk.store.all(OPEN).values():
        if note["state"] == "sending":
            desk.store.put(OPEN, note["id"], {**note, "state": "waiting", "next": desk.clock.now()})


async def _arrivals(desk: PayDesk, note: Notification) -> None:
    """All copies of one arrival, with a probe before them now and then; then the next date, if it must come again."""
    now = desk.platform.switchboard.now
    if note["sent"] == 1 and desk.switchboard.by_chance("probe", desk.switchboard.now.probe_share):
        await probe(desk, note)
    if now.push_hold > 0:
        desk.platform.held_pushes.append(_all(desk, note))
        if len(desk.platform.held_pushes) < now.push_hold:
            return
        waiting, desk.platform.held_pushes = desk.platform.held_pushes[::-1], []
        for work in waiting:
            await work
        return
    await _all(desk, note)


async def _all(desk: PayDesk, note: Notification) -> None:
    copies = max(1, desk.platform.switchboard.now.push_copies)
    is_accepted = any(await asyncio.gather(*(_arrive(desk, note, number) for number in range(copies))))
    if not is_accepted and note["sent"] <= len(limits.PAUSES):
        note["state"], note["next"] = "waiting", desk.clock.now() + limits.PAUSES[note["sent"] - 1]
        desk.store.put(OPEN, note["id"], note)
        return
    note["state"] = "heard" if is_accepted else "given up"
    desk.store.put(ENDED, note["id"], note)
    desk.store.drop(OPEN, note["id"])


def envelope(desk: PayDesk, note: Notification, *, apiv3_key: str = "") -> bytes:
    """The body: what happened, sealed anew for each arrival."""
    plain = json.dumps(note["resource"], ensure_ascii=False, separators=(",", ":")).encode()
    body = {
        "id": note["id"],
        "create_time": note["created"],
        "resource_type": "encrypt-resource",
        "event_type": note["event"],
        "summary": note["summary"],
        "resource": {
            "original_type": note["kind"],
            **signatures.seal(apiv3_key or desk.merchant.apiv3_key, plain, note["kind"]),
        },
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def serial(desk: PayDesk) -> str:
    """By the grey share: the public key's name or the certificate's serial."""
    now = desk.switchboard.now
    if now.new_merchant or desk.switchboard.by_chance("public key", now.public_key_share):
        return desk.keys.public_key_id
    return desk.keys.used().serial


def letter(desk: PayDesk, note: Notification) -> Letter:
    """A genuine arrival, signed just now."""
    body = envelope(desk, note)
    headers = signature_headers(desk, serial(desk), body) | {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": "Mozilla/4.0",
        "Request-ID": f"08{uuid.uuid4().hex.upper()}-0",
    }
    return Letter(note["url"], headers, body)


async def deliver(desk: PayDesk, one: Letter) -> tuple[int, bytes]:
    """Send; the whole answer must come within five seconds; redirects are not followed."""
    timeout = aiohttp.ClientTimeout(total=desk.platform.config.push_seconds)
    async with desk.platform.http.post(
        one.url, data=one.body, headers=one.headers, timeout=timeout, allow_redirects=False
    ) as answer:
        return answer.status, await answer.content.read(64 * 1024)


async def _arrive(desk: PayDesk, note: Notification, copy: int) -> bool:
    """One arrival; True when the merchant said that it has heard."""
    delay = desk.platform.switchboard.now.push_delay_seconds
    if delay:
        await asyncio.sleep(delay * desk.platform.switchboard.chance("pay delay"))
    one = letter(desk, note)
    row = desk.platform.timeline.begin(
        "push",
        f"POST {one.url}",
        message={"id": note["id"], "event_type": note["event"], "resource": note["resource"]},
        serial=one.headers["Wechatpay-Serial"],
        attempt=note["sent"],
        copy=copy + 1,
    )
    began, status, body = time.perf_counter(), 0, b""
    try:
        status, body = await deliver(desk, one)
        is_accepted = status in (200, 204)
        verdict = "通过" if is_accepted else f"HTTP {status}，稍后再发"
        if is_accepted and b"FAIL" in body:
            verdict = "通过（回答体写着 FAIL，但 HTTP 200 就算收到）"
    except TimeoutError:
        is_accepted, verdict = False, f"{desk.platform.config.push_seconds:g} 秒内没有完整的回答"
    except (aiohttp.ClientError, OSError) as error:
        is_accepted, verdict = False, f"没有送到：{str(error) or type(error).__name__}"
    desk.platform.timeline.end(
        row,
        ok=is_accepted,
        verdict=verdict,
        status=status,
        response=body[:2000].decode(errors="replace"),
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return is_accepted


async def probe(desk: PayDesk, note: Notification) -> str:
    """A wrong signature that begins with WECHATPAY/SIGNTEST/, now and then under an unknown serial.

    The merchant must refuse it with 4xx or 5xx; the genuine notification comes by itself. Gives the verdict.
    """
    real = letter(desk, note)
    one = replace(real, headers=real.headers | signature_headers(desk, serial(desk), real.body, probe=True))
    row = desk.platform.timeline.begin(
        "push", f"POST {one.url}", probe=True, serial=one.headers["Wechatpay-Serial"]
    )
    try:
        status, _ = await deliver(desk, one)
        verdict = "accepted" if status < 400 else "rejected"
    except (TimeoutError, aiohttp.ClientError, OSError):
        status, verdict = 0, "unanswered"
    sentences = {
        "accepted": "探测通知被接受：验签不合格",
        "rejected": "探测通知被拒绝",
        "unanswered": "没有回答",
    }
    desk.platform.timeline.end(row, ok=verdict == "rejected", verdict=sentences[verdict], status=status)
    probes.keep(desk, "notification", f"POST {one.url}", status, verdict)
    return verdict
