"""The token, ticket and quota calls (wechat.md §2, §3.2)."""

from __future__ import annotations

import secrets
from typing import Any

from sanic import Blueprint

from server.sandbox import limits, tokens
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("credentials")


@api(bp, Door("/cgi-bin/token", "GET", token=False))
async def token(call: Call) -> Answer:
    if call.query.get("grant_type") != "client_credential":
        raise WeChatError(40002)
    return tokens.plain(call.platform, call.owner())


@api(bp, Door("/cgi-bin/stable_token", token=False))
async def stable_token(call: Call) -> Answer:
    if call.body.get("grant_type") != "client_credential":
        raise WeChatError(40002)
    call.query.clear()  # appid and secret stand in the body, nowhere else
    account = call.owner()
    force = call.body.get("force_refresh", False)
    if not isinstance(force, bool):
        raise WeChatError(47001, verdict="force_refresh 应为布尔值")
    return tokens.stable(call.platform, account, force=force)


@api(bp, Door("/cgi-bin/ticket/getticket", "GET", accounts=("oa",)))
async def jsapi_ticket(call: Call) -> Answer:
    if call.query.get("type") != "jsapi":
        raise WeChatError(40097, verdict="这里只有 type=jsapi 的票据")
    now = call.platform.clock.now()
    ticket = call.platform.store.get("ticket", call.account.appid)
    if ticket is None or ticket["expires_at"] <= now:
        ticket = {"ticket": secrets.token_urlsafe(66)[:86], "expires_at": now + limits.TICKET_SECONDS}
        call.platform.store.put("ticket", call.account.appid, ticket)
    return {
        "errcode": 0,
        "errmsg": "ok",
        "ticket": ticket["ticket"],
        "expires_in": int(ticket["expires_at"] - now),
    }


@api(bp, Door("/cgi-bin/clear_quota"))
async def clear_quota(call: Call) -> Answer:
    if call.body.get("appid") != call.account.appid:
        raise WeChatError(40013)
    return _clear(call)


@api(bp, Door("/cgi-bin/clear_quota/v2", token=False))
async def clear_quota_v2(call: Call) -> Answer:
    call.body["secret"] = call.body.get("appsecret")
    call.owner()
    return _clear(call)


def _clear(call: Call) -> dict[str, Any]:
    """Begin today's counters anew; ten times a month for both calls together."""
    store, day = call.platform.store, call.platform.clock.day()
    if store.count("cleared", f"{call.account.appid} {day[:7]}") > limits.CLEAR_QUOTA_A_MONTH:
        raise WeChatError(48006)
    for key in store.all("counter.day", f"{call.account.appid} "):
        store.drop("counter.day", key)
    return {"errcode": 0, "errmsg": "ok"}


@api(bp, Door("/cgi-bin/openapi/quota/clear"))
async def clear_one_quota(call: Call) -> Answer:
    """DOC 《重置指定API调用次数》: today's counter of one API; fifty times a month."""
    path, day = _path_of(call), call.platform.clock.day()
    month = f"{call.account.appid} {day[:7]}"
    if call.platform.store.count("cleared.one", month) > limits.CLEAR_ONE_QUOTA_A_MONTH:
        raise WeChatError(48006)
    call.platform.store.drop("counter.day", f"{call.account.appid} {path} {day}")
    return {"errcode": 0, "errmsg": "ok"}


def _path_of(call: Call) -> str:
    """The path asked about, without host and query.

    Raises:
        WeChatError: 76021 there is no such API.
    """
    path = str(call.body.get("cgi_path", ""))
    if path not in {f"/{route.path}" for route in call.request.app.router.routes}:
        raise WeChatError(76021, verdict=f"没有接口 {path}；以 / 开头，不带域名")
    return path


@api(bp, Door("/cgi-bin/openapi/quota/get"))
async def quota(call: Call) -> Answer:
    path = _path_of(call)
    most = limits.A_DAY.get(path, limits.UNNUMBERED_A_DAY)
    counter = call.platform.store.get(
        "counter.day", f"{call.account.appid} {path} {call.platform.clock.day()}"
    )
    used = min(int((counter or {"n": 0})["n"]), most)
    usage: dict[str, Any] = {"daily_limit": most, "used": used, "remain": most - used}
    return {"errcode": 0, "errmsg": "ok", "quota": usage}


@api(bp, Door("/cgi-bin/openapi/rid/get"))
async def what_happened(call: Call) -> Answer:
    """The request behind a rid, for seven days."""
    request = call.platform.store.get("rid", str(call.body.get("rid", "")))
    if request is None or request["invoke_time"] + limits.RID_SECONDS <= call.platform.clock.unix():
        raise WeChatError(76001)
    return {"errcode": 0, "errmsg": "ok", "request": request}
