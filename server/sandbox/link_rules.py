"""Rules by which an ordinary link in a QR opens the mini-program, with the file that proves the site (wechat.md §4.4)."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from sanic import Blueprint

from server.sandbox import limits, ordinary_links
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError

bp = Blueprint("link_rules")

OK = {"errcode": 0, "errmsg": "ok"}
SCHEMES = ("http", "https", "ftp")
VERSIONS = (1, 2, 3)  # development, trial, release
SUB_RULES = (1, 2)  # 2: the rule takes its sub-rules for itself


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


def _not_too_fast(call: Call) -> None:
    """Five calls a second for the calls that change rules.

    Raises:
        WeChatError: 44990.
    """
    second = f"{call.account.appid} {call.path} {call.platform.clock.unix()}"
    if call.platform.store.count("rules.second", second) > limits.RULES_A_SECOND:
        raise WeChatError(44990)


def _rule(call: Call) -> dict[str, Any]:
    """The rule as asked for, published as yet by nobody (DOC 《增加或修改二维码规则》).

    Raises:
        WeChatError: 85066 no address as a rule has, 85068 test links that are not under it, 40097 other fields.
    """
    body, prefix = call.body, str(call.body.get("prefix", ""))
    parts = urlsplit(prefix)
    if parts.scheme not in SCHEMES or not parts.netloc or parts.netloc != parts.netloc.lower():
        raise WeChatError(85066, verdict="规则应为完整网址，协议与域名用小写")
    links = body.get("debug_url") or []
    good = isinstance(links, list) and len(links) <= limits.RULE_TEST_LINKS
    if not good or not all(ordinary_links.matches(prefix, str(link)) for link in links):
        raise WeChatError(85068, verdict=f"测试链接最多 {limits.RULE_TEST_LINKS} 个，且要符合规则")
    version, sub = body.get("open_version", 2), body.get("permit_sub_rule", 1)
    if version not in VERSIONS or sub not in SUB_RULES or body.get("is_edit") not in (0, 1):
        raise WeChatError(40097, verdict="is_edit 为 0、1，open_version 为 1、2、3，permit_sub_rule 为 1、2")
    return {
        "prefix": prefix,
        "page": str(body.get("path", "")),
        "published": False,
        "debug_url": [str(link) for link in links],
        "open_version": version,
        "permit_sub_rule": sub,
    }


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpadd", accounts=("mp",)))
async def add(call: Call) -> Answer:
    _not_too_fast(call)
    rule, rules = _rule(call), _rules(call.platform)
    place = _index(rules, rule["prefix"])
    if call.body["is_edit"] == 0:
        if place is not None:
            raise WeChatError(85071)
        if len(rules) >= limits.RULES_MOST:
            raise WeChatError(85073)
    elif place is None or rules[place].get("published", True):
        raise WeChatError(40097, verdict="没有这条规则，或它已发布，不能再改")
    await _prove(call, rule["prefix"])
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
            page = answer.status == 200 and (await answer.content.read(256)).decode(errors="replace").strip()
    except (TimeoutError, aiohttp.ClientError, OSError):
        page = False
    if page != content:
        raise WeChatError(85069, verdict=f"没有在 {address} 找到验证文件")


def _month(call: Call) -> str:
    return f"{call.account.appid} {call.platform.clock.day()[:7]}"


def _rule_place(call: Call) -> tuple[list[dict[str, Any]], int]:
    """All rules, and the place of the one that is meant.

    Raises:
        WeChatError: 85066.
    """
    rules = _rules(call.platform)
    place = _index(rules, str(call.body.get("prefix", "")))
    if place is None:
        raise WeChatError(85066, verdict="没有这条规则")
    return rules, place


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpget", accounts=("mp",)))
async def get(call: Call) -> Answer:
    rules = _rules(call.platform)
    published = call.platform.store.get("counter.rules.published", _month(call)) or {"n": 0}
    return {
        **OK,
        "qrcodejump_open": 1,
        "qrcodejump_pub_quota": max(0, limits.RULES_PUBLISHED_A_MONTH - published["n"]),
        "list_size": len(rules),
        "rule_list": [
            {
                "prefix": rule["prefix"],
                "path": rule.get("page", ""),
                "state": 2 if rule.get("published", True) else 1,
                "open_version": rule.get("open_version", 2),
                "permit_sub_rule": rule.get("permit_sub_rule", 1),
                "debug_url": rule.get("debug_url", []),
            }
            for rule in rules
        ],
    }


@api(bp, Door("/cgi-bin/wxopen/qrcodejumppublish", accounts=("mp",)))
async def publish(call: Call) -> Answer:
    _not_too_fast(call)
    rules, place = _rule_place(call)
    if not call.platform.switchboard.now.published:
        raise WeChatError(85074)
    if call.platform.store.count("rules.published", _month(call)) > limits.RULES_PUBLISHED_A_MONTH:
        raise WeChatError(886000)
    rules[place]["published"] = True
    call.platform.switchboard.turn({"link_rules": rules})
    return OK


@api(bp, Door("/cgi-bin/wxopen/qrcodejumpdelete", accounts=("mp",)))
async def delete(call: Call) -> Answer:
    _not_too_fast(call)
    rules, place = _rule_place(call)
    del rules[place]
    call.platform.switchboard.turn({"link_rules": rules})
    return OK
