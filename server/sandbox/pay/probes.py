"""SIGNTEST probes: wrong signatures on purpose, and whether the merchant noticed (wechat.md §7.2).

A notification's verdict is its HTTP status. An answer has none: a merchant that refused it asks again (WeChat does not
probe the repetition), and one that believed it goes on to use what stood in it: the prepay_id or the code_url.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from server.sandbox.pay.desk import PayDesk

STREAM = "pay.probes"
OPEN = "pay.probe.answer"
HANDLES = ("prepay_id", "code_url")


def _key(what: str, body: bytes) -> str:
    return hashlib.sha256(what.encode() + b"\n" + body).hexdigest()


def keep(desk: PayDesk, of: str, what: str, status: int, verdict: str) -> int:
    """Write a probe down; `of` is notification or answer; gives its number."""
    return desk.store.log(
        STREAM, {"of": of, "at": desk.rfc3339(), "what": what, "status": status, "verdict": verdict}
    )


def sent(desk: PayDesk, what: str, body: bytes, answer: object) -> None:
    """This answer goes out with a wrong signature."""
    number = keep(desk, "answer", what, 200, "waiting")
    desk.store.put(OPEN, _key(what, body), {"number": number})
    handle = next((answer[n] for n in HANDLES if n in answer), None) if isinstance(answer, Mapping) else None
    if handle is not None:
        desk.store.put("pay.probe.handle", str(handle), {"number": number})


def repeated(desk: PayDesk, what: str, body: bytes) -> bool:
    """Whether this request was answered by a probe before: it was noticed, and the repetition is not probed."""
    probe = desk.store.get(OPEN, _key(what, body))
    if probe is None:
        return False
    desk.store.drop(OPEN, _key(what, body))
    _settle(desk, probe["number"], "rejected")
    return True


def used(desk: PayDesk, handle: str) -> None:
    """Somebody pays by this prepay_id or code_url: if it came in a probed answer, that answer was believed."""
    probe = desk.store.get("pay.probe.handle", handle)
    if probe is not None:
        desk.store.drop("pay.probe.handle", handle)
        _settle(desk, probe["number"], "accepted")
        desk.platform.timeline.note("page", "探测应答", ok=False, verdict="签名错误的应答被采用：验签不合格")


def _settle(desk: PayDesk, number: int, verdict: str) -> None:
    row = next((one for one in everything(desk) if one["id"] == number), None)
    if row is not None:
        body = {name: value for name, value in row.items() if name != "id"}
        desk.store.rewrite(number, {**body, "verdict": verdict})


def everything(desk: PayDesk) -> list[dict[str, Any]]:
    """All probes with their verdicts: rejected, accepted, unanswered, or waiting."""
    return desk.store.lines(STREAM)
