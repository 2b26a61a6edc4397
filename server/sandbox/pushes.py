"""Pushing messages and events to the service: sealed, timed, retried, judged (wechat.md §1)."""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from server.sandbox import chat, crypto, limits, media, push_alarms, replies, windows, xml
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.timeline import readable
from server.sandbox.wechat_users import Person


@dataclass(slots=True)
class Push:
    """One message or event on its way, however often it arrives; the person sees one reply to it."""

    account: Account
    person: Person
    fields: dict[str, Any]
    replied: bool = False
    envelope: Envelope | None = None


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


def seal(
    platform: Platform, account: Account, fields: dict[str, Any], *, mode: str, key: str = ""
) -> Envelope:
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
        encrypted = crypto.encrypt(key or account.aes_key, account.appid, text)
        query["encrypt_type"] = "aes"
        query["msg_signature"] = crypto.signature(account.token, stamp, nonce, encrypted)
        outer = fields if mode == "compat" else {"ToUserName": account.original_id}
        body = {**outer, "Encrypt": encrypted}
        text = json.dumps(body, ensure_ascii=False) if is_json else xml.build(body)
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
    """Keep pushes back until enough have come, or for a while, then let the last go first."""
    platform.held_pushes.extend(copies)
    if len(platform.held_pushes) >= size:
        await release(platform)
        return "倒序发出"
    if len(platform.held_pushes) == len(copies):  # the first of this round

        def give_up_waiting() -> None:
            platform.background(release(platform))

        wait = platform.switchboard.now.push_hold_seconds
        platform.timer(asyncio.get_running_loop().call_later(wait, give_up_waiting))
    return "扣留，待倒序发出"


async def release(platform: Platform) -> int:
    """Send what is kept back, the last first; gives how many."""
    waiting, platform.held_pushes = platform.held_pushes[::-1], []
    platform.timer(None)
    for work in waiting:
        await work
    return len(waiting)


async def _arrive(platform: Platform, push: Push) -> str:
    """One arrival with its retries."""
    now = platform.switchboard.now
    if now.push_delay_seconds:
        about = f"delay {push.fields['FromUserName']} {push.fields.get('Event', push.fields['MsgType'])}"
        await asyncio.sleep(now.push_delay_seconds * platform.switchboard.chance(about))
    if push_alarms.is_blocked(platform, push.account):
        verdict = "推送失败太多，暂停一分钟（开关）"
        platform.timeline.note(
            "push", f"POST {platform.push_url(push.account)}", ok=False, verdict=verdict, message=push.fields
        )
        _unavailable(platform, push)
        return verdict
    verdict, settled = "", False
    for attempt in range(1 + limits.PUSH_RETRIES):
        if attempt:
            await asyncio.sleep(platform.config.retry_pause)
        verdict, settled = await _attempt(platform, push, attempt)
        if settled:
            break
    push_alarms.count(platform, push.account, failed=not settled)
    if not settled:
        _unavailable(platform, push)
    return verdict


def _unavailable(platform: Platform, push: Push) -> None:
    """What the person sees when no good answer came, unless one of the copies was answered."""
    if push.fields.get("Event") not in replies.UNANSWERED and not push.replied:
        push.replied = True
        text = chat.UNAVAILABLE if push.account.kind == "oa" else chat.PROGRAM_UNAVAILABLE
        chat.say(platform, push.account, push.person, "system", "text", text=text)


async def _attempt(platform: Platform, push: Push, attempt: int) -> tuple[str, bool]:
    """One arrival. True when it is settled, well or badly; False when it must be sent again."""
    now = platform.switchboard.now
    mode, keys = now.push_mode, (now.push_key or push.account.aes_key, push.account.aes_key)
    envelope = push.envelope if now.push_same_signature else None
    if envelope is None:
        envelope = push.envelope = seal(platform, push.account, push.fields, mode=mode, key=keys[0])
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
    status, body, alarm = 0, b"", ""
    try:
        status, body, remark = await deliver(platform, envelope)
        if status != 200:
            raise ConnectionError(f"HTTP {status}")
        has_media = partial(_has_media, platform, push.account)
        reply = replies.judge(push.account, push.fields, body, mode=mode, keys=keys, has_media=has_media)
        verdict, ok, settled = "；".join(["通过", *reply.remarks, *remark]), True, True
        _show(platform, push, reply)
    except replies.BadReply as error:
        verdict, ok, settled, alarm = f"回答不合格：{error}", False, True, "响应失败"
        _unavailable(platform, push)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        alarm, ok, settled = push_alarms.name_of(error), False, False
        verdict = f"没有送到：{str(error) or type(error).__name__}"
        if isinstance(error, TimeoutError):
            verdict = f"{platform.config.push_seconds:g} 秒内没有完整的回答"
    platform.timeline.end(
        row,
        ok=ok,
        verdict=verdict,
        alarm=alarm,
        status=status,
        response=readable(body[: limits.SHOWN_BYTES].decode(errors="replace")),
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return verdict, settled


def _has_media(platform: Platform, account: Account, media_id: str, kind: str) -> bool:
    return (
        media.find(platform, media_id, account, *((kind, "image") if kind == "thumb" else (kind,)))
        is not None
    )


def _show(platform: Platform, push: Push, reply: replies.Reply) -> None:
    """The first reply to a push goes into the chat."""
    if reply.message is None or push.replied or not platform.people_may_read(push.account, push.person):
        return
    push.replied = True
    line = chat.from_reply(reply.message)
    if line["kind"] == "image":
        line["picture"] = media.shown_at(platform, line["picture"])
    chat.say(platform, push.account, push.person, "account", **line)


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
    if wrong := _unfit(account):
        platform.timeline.end(row, ok=False, verdict=wrong)
        return wrong
    try:
        timeout = aiohttp.ClientTimeout(total=platform.config.push_seconds)
        async with platform.http.get(platform.push_url(account), params=query, timeout=timeout) as answer:
            body = await answer.content.read(limits.ECHO_BYTES)
            ok = answer.status == 200 and body == echo.encode()
            verdict = "通过" if ok else f"应原样回答 echostr，收到 HTTP {answer.status} {body[:80]!r}"
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        ok, verdict = False, f"没有送到：{str(error) or type(error).__name__}"
    port = urlsplit(platform.push_url(account)).port
    remark = (
        f"真实微信只推送到端口 {'、'.join(map(str, limits.PORTS))}"
        if port and port not in limits.PORTS
        else ""
    )
    platform.timeline.end(row, ok=ok, verdict=verdict, remark=remark)
    return verdict


def _unfit(account: Account) -> str:
    """What the console would not save: token of 3 to 32 letters and digits, key of 43 (DOC 《接入概述》)."""
    least, most = limits.TOKEN_WORD
    if not re.fullmatch(rf"[A-Za-z0-9]{{{least},{most}}}", account.token):
        return f"Token 应为 {least} 至 {most} 位字母或数字"
    if not re.fullmatch(rf"[A-Za-z0-9]{{{limits.AES_KEY_LENGTH}}}", account.aes_key):
        return f"EncodingAESKey 应为 {limits.AES_KEY_LENGTH} 位字母或数字"
    return ""
