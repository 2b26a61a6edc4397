"""Pushing messages and events to the service: sealed, timed, retried, judged (wechat.md §1)."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from server.sandbox import chat, crypto, limits, replies, windows, xml
from server.sandbox.config import Account
from server.sandbox.people import Person
from server.sandbox.platform import Platform
from server.sandbox.timeline import readable


@dataclass(slots=True)
class Push:
    """One message or event on its way, however often it arrives; the person sees one reply to it."""

    account: Account
    person: Person
    fields: dict[str, Any]
    replied: bool = False


QUIET = ("TEMPLATESENDJOBFINISH", "VIEW", "unsubscribe", "view_miniprogram")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One arrival of a push: where it goes, what it carries."""

    url: str
    query: dict[str, str]
    body: str
    kind: str


def clear_text(platform: Platform, account: Account, fields: dict[str, Any]) -> str:
    """The message in clear: XML, or JSON for a mini-program that chose it."""
    if account.kind == "mp" and platform.switchboard.now.mp_push_format == "json":
        return json.dumps(fields, ensure_ascii=False)
    return xml.build(fields)


def seal(platform: Platform, account: Account, fields: dict[str, Any], *, mode: str) -> Envelope:
    """A new timestamp, nonce, signature and Encrypt over the same message, each time."""
    text = clear_text(platform, account, fields)
    stamp, nonce = str(platform.clock.unix()), str(secrets.randbelow(9 * 10**8) + 10**8)
    query = {
        "signature": crypto.signature(account.token, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "openid": fields["FromUserName"],
    }
    is_json = text.startswith("{")
    if mode != "plain":
        sealed = crypto.encrypt(account.aes_key, account.appid, text)
        query["encrypt_type"] = "aes"
        query["msg_signature"] = crypto.signature(account.token, stamp, nonce, sealed)
        outer = fields if mode == "compat" else {"ToUserName": account.original_id}
        shown = {**outer, "Encrypt": sealed}
        text = json.dumps(shown, ensure_ascii=False) if is_json else xml.build(shown)
    kind = "application/json" if is_json else "text/xml"
    return Envelope(platform.push_url(account), query, text, kind)


def message(
    platform: Platform, account: Account, person: Person, kind: str, **content: Any
) -> dict[str, Any]:
    """The fields of a message a person sends; it has a MsgId."""
    return {
        **_addresses(platform, account, person),
        "MsgType": kind,
        **content,
        "MsgId": 24_000_000_000_000_000 + platform.store.count("message", "id"),
    }


def event(platform: Platform, account: Account, person: Person, name: str, **content: Any) -> dict[str, Any]:
    """The fields of an event; it has no MsgId."""
    return {**_addresses(platform, account, person), "MsgType": "event", "Event": name, **content}


def _addresses(platform: Platform, account: Account, person: Person) -> dict[str, Any]:
    return {
        "ToUserName": account.original_id,
        "FromUserName": platform.openid(account, person),
        "CreateTime": platform.clock.unix(),
    }


async def send(platform: Platform, account: Account, person: Person, fields: dict[str, Any]) -> str:
    """Push until the service answers, at most four times, and put its reply into the chat.

    Returns:
        the verdict.
    """
    windows.opened_by(platform, account, person, fields)
    now = platform.switchboard.now
    push = Push(account, person, fields)
    copies = [_arrive(platform, push) for _ in range(max(1, now.push_copies))]
    if now.push_hold > 0:
        return await _hold(platform, copies, now.push_hold)
    verdicts = await asyncio.gather(*copies)
    return verdicts[0]


async def _hold(platform: Platform, copies: list[Any], size: int) -> str:
    """Keep pushes back until enough have come, then let the last go first."""
    platform.held.extend(copies)
    if len(platform.held) >= size:
        waiting, platform.held = platform.held[::-1], []
        for work in waiting:
            await work
        return "倒序发出"
    return "扣留，待倒序发出"


async def _arrive(platform: Platform, push: Push) -> str:
    """One arrival with its retries."""
    now = platform.switchboard.now
    if now.push_delay_seconds:
        about = f"delay {push.fields['FromUserName']} {push.fields.get('Event', push.fields['MsgType'])}"
        await asyncio.sleep(now.push_delay_seconds * platform.switchboard.chance(about))
    verdict = ""
    for attempt in range(1 + limits.PUSH_RETRIES):
        if attempt:
            await asyncio.sleep(platform.config.retry_pause)
        verdict, settled = await _attempt(platform, push, attempt)
        if settled:
            return verdict
    _unavailable(platform, push)
    return verdict


def _unavailable(platform: Platform, push: Push) -> None:
    """What the person sees when no good answer came, unless one of the copies was answered."""
    if push.fields.get("Event") not in QUIET and not push.replied:
        push.replied = True
        chat.say(platform, push.account, push.person, "system", "text", text=chat.UNAVAILABLE)


async def _attempt(platform: Platform, push: Push, attempt: int) -> tuple[str, bool]:
    """One arrival. True when it is settled, well or badly; False when it must be sent again."""
    mode = platform.switchboard.now.push_mode
    envelope = seal(platform, push.account, push.fields, mode=mode)
    row = platform.timeline.begin(
        "push",
        f"POST {envelope.url}",
        query=envelope.query,
        message=push.fields,
        mode=mode,
        attempt=attempt + 1,
        person=push.person.name,
    )
    began = time.perf_counter()
    status, answered = 0, b""
    try:
        status, answered, remark = await deliver(platform, envelope)
        if status != 200:
            raise ConnectionError(f"HTTP {status}")
        reply = replies.judge(push.account, push.fields, answered, mode=mode)
        verdict, ok, settled = "；".join(["通过", *reply.remarks, *remark]), True, True
        _show(platform, push, reply)
    except replies.BadReply as error:
        verdict, ok, settled = f"回答不合格：{error}", False, True
        _unavailable(platform, push)
    except TimeoutError:
        verdict, ok, settled = f"{platform.config.push_seconds:g} 秒内没有完整的回答", False, False
    except (aiohttp.ClientError, OSError) as error:
        verdict, ok, settled = f"没有送到：{str(error) or type(error).__name__}", False, False
    platform.timeline.end(
        row,
        ok=ok,
        verdict=verdict,
        status=status,
        response=readable(answered[:4000].decode(errors="replace")),
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return verdict, settled


def _show(platform: Platform, push: Push, reply: replies.Reply) -> None:
    """The first reply to a push goes into the chat."""
    if reply.message is None or push.replied or not platform.people_may_read(push.account, push.person):
        return
    push.replied = True
    chat.say(platform, push.account, push.person, "account", **chat.from_reply(reply.message))


async def deliver(platform: Platform, envelope: Envelope) -> tuple[int, bytes, list[str]]:
    """Send; the whole answer must come in time."""
    timeout = aiohttp.ClientTimeout(total=platform.config.push_seconds)
    async with platform.http.post(
        envelope.url,
        params=envelope.query,
        data=io.BytesIO(envelope.body.encode()),
        headers={"Content-Type": envelope.kind},
        timeout=timeout,
        allow_redirects=False,
    ) as answer:
        body = await answer.content.read(limits.BODY_BYTES)
        remark = ["回答里不要写 Set-Cookie"] if "Set-Cookie" in answer.headers else []
        return answer.status, body, remark


async def verify_url(platform: Platform, account: Account) -> str:
    """What the console does when a URL is saved: GET with an echostr that must come back byte for byte."""
    stamp, nonce = str(platform.clock.unix()), str(secrets.randbelow(10**9))
    echo = str(secrets.randbelow(9 * 10**18) + 10**18)
    query = {
        "signature": crypto.signature(account.token, stamp, nonce),
        "echostr": echo,
        "timestamp": stamp,
        "nonce": nonce,
    }
    row = platform.timeline.begin("push", f"GET {platform.push_url(account)}", query=query)
    try:
        timeout = aiohttp.ClientTimeout(total=platform.config.push_seconds)
        async with platform.http.get(platform.push_url(account), params=query, timeout=timeout) as answer:
            body = await answer.content.read(4096)
            ok = answer.status == 200 and body == echo.encode()
            verdict = "通过" if ok else f"应原样回答 echostr，收到 HTTP {answer.status} {body[:80]!r}"
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        ok, verdict = False, f"没有送到：{str(error) or type(error).__name__}"
    platform.timeline.end(row, ok=ok, verdict=verdict)
    return verdict
