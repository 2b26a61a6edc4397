"""Rules by which an ordinary link in a QR opens the mini-program, with the file that proves the site (wechat.md §4.4)."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from sanic import Blueprint

from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError

bp = Blueprint("link_rules")

OK = {"errcode": 0, "errmsg": "ok"}
PUBLISHES_A_MONTH = 100
RULES_MOST = 100


def proof(account: Account) -> tuple[str, str]:
    """Name and content of the verification file."""
    digest = hashlib.sha256(account.secret.encode()).hexdigest()
    return f"{digest[:10]}.txt", digest[10:42]


def proof_address(prefix: str, name: str) -> str:
    """Where the file must lie: in the last sub-directory of the rule, not in the domain's root."""
    parts = urlsplit(prefix)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}/{name}"


def _rules(platform: Platform) -> list[dict[str, Any]]:
    return [dict(rule) for rule in platform.switchboard.now.link_rules]


def _index(rules: list[dict[str, Any]], prefix: str) -> int | None:
    return next((place for place, rule in enumerate(rules) if rule["prefix"] == prefix), None)


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpdownload", accounts=("mp",)))
async def download(call: Call) -> Answer:
    name, content = proof(call.account)
    return {**OK, "file_name": name, "file_content": content}


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpadd", accounts=("mp",)))
async def add(call: Call) -> Answer:
    prefix = str(call.body.get("prefix", ""))
    parts = urlsplit(prefix)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.netloc != parts.netloc.lower():
        raise WeChatError(85072)
    rules = _rules(call.platform)
    place = _index(rules, prefix)
    if call.body.get("is_edit") != 1 and (place is not None or len(rules) >= RULES_MOST):
        raise WeChatError(85071 if place is not None else 85073)
    if call.body.get("is_edit") == 1 and place is None:
        raise WeChatError(85077)
    await _prove(call, prefix)
    rule = {"prefix": prefix, "page": str(call.body.get("path", "")), "published": False}
    if place is None:
        rules.append(rule)
    else:
        rules[place] = rule
    call.platform.switchboard.turn({"link_rules": rules})
    return OK


async def _prove(call: Call, prefix: str) -> None:
    """Fetch the verification file as the platform does.

    Raises:
        WeChatError: 85069.
    """
    name, content = proof(call.account)
    address = proof_address(prefix, name)
    try:
        timeout = aiohttp.ClientTimeout(total=call.platform.config.push_seconds)
        async with call.platform.http.get(address, timeout=timeout, allow_redirects=False) as answer:
            found = answer.status == 200 and (await answer.content.read(256)).decode(errors="replace").strip()
    except (TimeoutError, aiohttp.ClientError, OSError):
        found = False
    if found != content:
        raise WeChatError(85069, verdict=f"没有在 {address} 找到验证文件")


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpget", accounts=("mp",)))
async def get(call: Call) -> Answer:
    rules = _rules(call.platform)
    return {
        **OK,
        "qrcodejump_open": 1,
        "list_size": len(rules),
        "rule_list": [
            {
                "prefix": rule["prefix"],
                "path": rule.get("page", ""),
                "state": 2 if rule.get("published", True) else 1,
            }
            for rule in rules
        ],
    }


@api(bp, Door("/cgi-bin/wxopen/qrcodejumppublish", accounts=("mp",)))
async def publish(call: Call) -> Answer:
    rules = _rules(call.platform)
    place = _index(rules, str(call.body.get("prefix", "")))
    if place is None:
        raise WeChatError(85077)
    month = f"{call.account.appid} {call.platform.clock.day()[:7]}"
    if call.platform.store.count("rules.published", month) > PUBLISHES_A_MONTH:
        raise WeChatError(886000)
    rules[place]["published"] = True
    call.platform.switchboard.turn({"link_rules": rules})
    return OK


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpdelete", accounts=("mp",)))
async def delete(call: Call) -> Answer:
    rules = _rules(call.platform)
    place = _index(rules, str(call.body.get("prefix", "")))
    if place is None:
        raise WeChatError(85077)
    del rules[place]
    call.platform.switchboard.turn({"link_rules": rules})
    return OK
