"""Pushes that are not WeChat's: what an attacker would send, and whether the service turned it away."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import aiohttp

from server.sandbox import crypto, pushes, xml
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.pushes import Envelope
from server.sandbox.wechat_users import Person

BOMB = (
    '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)


def _fields(platform: Platform, account: Account, person: Person) -> dict[str, Any]:
    return pushes.message(platform, account, person, "text", Content="这是伪造的推送")


def _sealed(platform: Platform, account: Account, person: Person) -> Envelope:
    return pushes.seal(platform, account, _fields(platform, account, person), mode="safe")


def _clear(platform: Platform, account: Account, person: Person) -> Envelope:
    """A genuine `signature` over another body: it says nothing of the body."""
    return pushes.seal(platform, account, _fields(platform, account, person), mode="plain")


def _wrong_signature(platform: Platform, account: Account, person: Person) -> Envelope:
    real = _sealed(platform, account, person)
    query = {**real.query, "msg_signature": secrets.token_hex(20)}
    return Envelope(real.url, query, real.body, real.kind)


def _replayed(platform: Platform, account: Account, person: Person) -> Envelope:
    """A captured query with another sealed body."""
    return Envelope(*_first(platform, account, person), _sealed(platform, account, person).body, "text/xml")


def _first(platform: Platform, account: Account, person: Person) -> tuple[str, dict[str, str]]:
    captured = _sealed(platform, account, person)
    return captured.url, captured.query


def _resigned(platform: Platform, account: Account, encrypted: str) -> Envelope:
    """An Encrypt with a right signature over it."""
    stamp, nonce = str(platform.clock.unix()), str(secrets.randbelow(10**9))
    query = {
        "signature": crypto.signature(account.token, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "encrypt_type": "aes",
        "msg_signature": crypto.signature(account.token, stamp, nonce, encrypted),
    }
    body = xml.build({"ToUserName": account.original_id, "Encrypt": encrypted})
    return Envelope(platform.push_url(account), query, body, "text/xml")


def _wrong_appid(platform: Platform, account: Account, person: Person) -> Envelope:
    text = xml.build(_fields(platform, account, person))
    return _resigned(platform, account, crypto.encrypt(account.aes_key, "wx" + "0" * 16, text))


def _wrong_key(platform: Platform, account: Account, person: Person) -> Envelope:
    text = xml.build(_fields(platform, account, person))
    return _resigned(platform, account, crypto.encrypt("Z" * 42 + "A", account.appid, text))


def _bomb(platform: Platform, account: Account, person: Person) -> Envelope:
    """Entities inside the sealed message."""
    text = BOMB + xml.build(_fields(platform, account, person)).replace("这是", "&d;")
    return _resigned(platform, account, crypto.encrypt(account.aes_key, account.appid, text))


def _outer_bomb(platform: Platform, account: Account, person: Person) -> Envelope:
    """Entities in the envelope: whoever expands them does so before anything is verified."""
    real = _sealed(platform, account, person)
    body = BOMB + xml.build({"ToUserName": account.original_id}).replace(
        "</xml>", "<Encrypt>&d;</Encrypt></xml>"
    )
    return Envelope(real.url, real.query, body, real.kind)


def _huge(platform: Platform, account: Account, person: Person) -> Envelope:
    real = _sealed(platform, account, person)
    return Envelope(real.url, real.query, real.body + " " * 10_000_000, real.kind)


def _unsigned(platform: Platform, account: Account, person: Person) -> Envelope:
    real = _sealed(platform, account, person)
    return Envelope(real.url, {}, real.body, real.kind)


KINDS: dict[str, Callable[[Platform, Account, Person], Envelope]] = {
    "clear": _clear,
    "wrong_signature": _wrong_signature,
    "replayed_query": _replayed,
    "wrong_appid": _wrong_appid,
    "wrong_key": _wrong_key,
    "entity_bomb": _bomb,
    "outer_entity_bomb": _outer_bomb,
    "huge": _huge,
    "unsigned": _unsigned,
}
NAMES = {
    "clear": "明文，signature 是真的",
    "wrong_signature": "msg_signature 不对",
    "replayed_query": "真的参数，换了正文",
    "wrong_appid": "别的 appid",
    "wrong_key": "别的密钥",
    "entity_bomb": "正文里的实体炸弹",
    "outer_entity_bomb": "信封里的实体炸弹",
    "huge": "十兆字节的正文",
    "unsigned": "没有任何签名",
}
"""What the page of the switches calls them."""


async def send(platform: Platform, account: Account, person: Person, kind: str) -> dict[str, Any]:
    """Send one forgery. Well met means: refused with 4xx, in time."""
    envelope = KINDS[kind](platform, account, person)
    row = platform.timeline.begin("push", f"POST {envelope.url}", query=envelope.query, forged=kind)
    try:
        status, body, _ = await pushes.deliver(platform, envelope)
        ok = 400 <= status < 500
        verdict = "伪造的推送被拒绝" if ok else f"伪造的推送没有被拒绝（HTTP {status}）"
        result = {"status": status, "answer": body[:200].decode(errors="replace")}
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        ok, result = kind == "huge", {"status": 0, "answer": str(error) or type(error).__name__}
        verdict = "连接被切断" if ok else f"没有回答：{result['answer']}"
    platform.timeline.end(row, ok=ok, verdict=f"{NAMES[kind]}：{verdict}", **result)
    return {"refused": ok, **result}
