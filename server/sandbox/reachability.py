"""How the platform reaches the service: `cgi-bin/callback/check` and the platform's own addresses (wechat.md §1.1)."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from sanic import Blueprint

from server.sandbox import limits
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("reachability")

ACTIONS = ("dns", "ping", "all")
OPERATORS = ("CHINANET", "UNICOM", "CAP", "DEFAULT")


@api(bp, Door("/cgi-bin/callback/check"))
async def check(call: Call) -> Answer:
    """DOC 《网络通信检测》: resolves the push URL's host and pings each address once.

    A ping needs rights that a program of this kind has not, so a TCP connection to the URL's port stands for it.
    """
    action, operator = call.body.get("action"), call.body.get("check_operator")
    if action not in ACTIONS:
        raise WeChatError(40202, verdict=f"action 应为 {'、'.join(ACTIONS)}")
    if operator not in OPERATORS:
        raise WeChatError(40203, verdict=f"check_operator 应为 {'、'.join(OPERATORS)}")
    parts = urlsplit(call.platform.push_url(call.account))
    if not parts.hostname:
        raise WeChatError(40201)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await _resolved(parts.hostname, port)
    line = "CAP" if operator == "DEFAULT" else str(operator)
    answer: dict[str, Any] = {}
    if action in ("dns", "all"):
        answer["dns"] = [{"ip": one, "real_operator": line} for one in addresses]
    if action in ("ping", "all"):
        answer["ping"] = [{"ip": one, "from_operator": line, **await _ping(one, port)} for one in addresses]
    return answer


async def _resolved(host: str, port: int) -> list[str]:
    """The IPv4 addresses of a host, none if there is no such host."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except OSError:
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in infos))


async def _ping(address: str, port: int) -> dict[str, str]:
    """One try; it is lost or it is not, so the loss is 0 % or 100 %."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(limits.PING_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except (TimeoutError, OSError):
        return {"package_loss": "100%", "time": ""}
    writer.close()
    return {"package_loss": "0%", "time": f"{(time.perf_counter() - began) * 1000:.3f}ms"}


@api(bp, Door("/cgi-bin/get_api_domain_ip", "GET"))
async def api_addresses(call: Call) -> Answer:
    return {"ip_list": ["127.0.0.1"]}


@api(bp, Door("/cgi-bin/getcallbackip", "GET"))
async def callback_addresses(call: Call) -> Answer:
    return {"ip_list": ["127.0.0.1"]}
