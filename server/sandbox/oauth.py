"""Web OAuth: the authorize page that a person sees, and the four sns calls (wechat.md §3.1)."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from sanic import Blueprint, HTTPResponse, Request, json, redirect

from server.sandbox import codes, limits, pages
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

bp = Blueprint("oauth")

ORDER = ["appid", "redirect_uri", "response_type", "scope", "state"]
SCOPES = ("snsapi_base", "snsapi_userinfo")


class PageError(Exception):
    """WeChat shows a page instead of going on: what it says, and why for the timeline."""

    def __init__(self, title: str, why: str) -> None:
        super().__init__(why)
        self.title = title


def checked(platform: Platform, query: str) -> dict[str, str]:
    """The request of the authorize page, as strict as the real one.

    Raises:
        PageError: parameters missing, out of order, encoded wrongly, or another host.
    """
    pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in query.split("&") if part]
    names = [name for name, _ in pairs if name in ORDER]
    if names not in (ORDER, ORDER[:-1]) or [n for n, _ in pairs][: len(names)] != names:
        raise PageError("参数错误", f"参数必须齐全并按此顺序：{' '.join(ORDER)}；收到的是：{' '.join(names)}")
    raw = dict(pairs)
    params = dict(parse_qsl(query, keep_blank_values=True))
    account = platform.by_appid(params["appid"])
    if account is None or account.kind != "oa":
        raise PageError("AppID 参数错误（错误码：10013）", f"没有 appid 为 {params['appid']} 的服务号")
    if params["response_type"] != "code":
        raise PageError("参数错误", "response_type 只能是 code")
    if params["scope"] not in SCOPES:
        raise PageError("Scope 参数错误或没有 Scope 权限（错误码：10005）", f"scope 不能是 {params['scope']}")
    state = params.get("state", "")
    if len(state.encode()) > limits.STATE_BYTES or not re.fullmatch(r"[A-Za-z0-9]*", state):
        raise PageError("state 参数错误", "state 只能由字母和数字组成，最多 128 字节")
    _check_address(platform, raw["redirect_uri"], params["redirect_uri"])
    return {"state": "", **{name: params[name] for name in names}}


def _check_address(platform: Platform, raw: str, address: str) -> None:
    """The redirect_uri: encoded exactly once, absolute, on the registered host."""
    if re.search(r"[:/?#]", raw):
        raise PageError("redirect_uri 参数错误", "redirect_uri 没有做 URL 编码")
    if unquote(address).startswith(("http://", "https://")) and not address.startswith("http"):
        raise PageError("redirect_uri 参数错误", "redirect_uri 编码了两次")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise PageError("redirect_uri 参数错误", "redirect_uri 编码了两次，或不是完整网址")
    allowed = platform.switchboard.now.web_domains or [urlsplit(platform.service_url).netloc]
    if parts.netloc not in allowed:
        raise PageError(
            "redirect_uri 域名与后台配置不一致（错误码：10003）",
            f"{parts.netloc} 不是登记的网页授权域名 {'、'.join(allowed)}",
        )


@bp.get("/connect/oauth2/authorize", name="authorize")
async def authorize(request: Request) -> HTTPResponse:
    """The page where a person is asked; a base scope inside the phone goes on by itself."""
    platform: Platform = request.app.ctx.platform
    row = platform.timeline.begin("page", "GET /connect/oauth2/authorize", query=dict(request.get_args()))
    wants_json = "application/json" in request.headers.get("accept", "")
    try:
        params = checked(platform, request.query_string)
    except PageError as error:
        platform.timeline.end(row, ok=False, verdict=f"{error.title}：{error}")
        if wants_json:
            return json({"error": error.title, "why": str(error)})
        return pages.render("refusal.html", title=error.title, why=str(error))
    ticket = secrets.token_urlsafe(24)
    platform.store.put(
        "authorize", ticket, {**params, "expires_at": platform.clock.now() + limits.AUTHORIZE_PAGE_SECONDS}
    )
    platform.timeline.end(row, ok=True, verdict=f"请求授权，scope={params['scope']}")
    if wants_json:
        return json({"ticket": ticket, **params})
    account = platform.by_appid(params["appid"])
    return pages.render(
        "authorize.html",
        ticket=ticket,
        scope=params["scope"],
        account=account,
        people=platform.people.everyone(),
        snapshot=platform.switchboard.now.snapshot,
    )


@bp.post("/connect/oauth2/answer", name="authorize_answer")
async def answer(request: Request) -> HTTPResponse:
    """The person has chosen: back to the service with a code, or with the state alone after a refusal."""
    platform: Platform = request.app.ctx.platform
    form = {name: values[0] for name, values in (request.form or {}).items()}
    params = platform.store.get("authorize", form.get("ticket", ""))
    person = platform.people.get(form.get("person", ""))
    if params is None or person is None or params["expires_at"] <= platform.clock.now():
        return pages.render("refusal.html", title="页面已过期", why="请返回上一页，重新打开链接。")
    account = platform.by_appid(params["appid"])
    assert account is not None
    back = {"state": params["state"]} if params["state"] else {}
    accepted = form.get("accept") != "0"
    if accepted:
        snapshot = platform.switchboard.now.snapshot
        code = codes.issue(platform, "oauth", account, person, scope=params["scope"], snapshot=snapshot)
        back = {"code": code, **back}
    platform.timeline.note(
        "page",
        "网页授权",
        ok=accepted,
        verdict=f"{person.name}{'同意' if accepted else '拒绝'}",
        code=back.get("code", ""),
    )
    address = params["redirect_uri"]
    if form.get("in_phone") == "1" and address.startswith(platform.service_url + "/"):
        address = platform.web_view_url(person) + address[len(platform.service_url) :]
    page, _, fragment = address.partition("#")
    joined = f"{page}{'&' if '?' in page else '?'}{urlencode(back)}"
    return redirect(f"{joined}#{fragment}" if fragment else joined)


@api(bp, Door("/sns/oauth2/access_token", "GET", token=False, text_plain=True))
async def exchange(call: Call) -> Answer:
    account = call.owner()
    if call.query.get("grant_type") != "authorization_code":
        raise WeChatError(40002)
    person, body = codes.spend(call.platform, "oauth", account, call.text("code", 41008))
    openid = call.platform.openid(account, person)
    if body["snapshot"]:
        openid = call.platform.people.snapshot_openid(account.appid, person)
    grant = {"appid": account.appid, "openid": openid, "scope": body["scope"], "person": person.id}
    refresh = secrets.token_urlsafe(96)
    expires_at = call.platform.clock.now() + limits.REFRESH_TOKEN_SECONDS
    call.platform.store.put("web.refresh", refresh, {**grant, "expires_at": expires_at})
    answer = _web_token(call.platform, grant, refresh)
    if body["snapshot"]:
        answer["is_snapshotuser"] = 1
    elif call.platform.switchboard.now.unionid and body["scope"] == "snsapi_userinfo":
        answer["unionid"] = call.platform.people.unionid(person)
    return answer


def _web_token(platform: Platform, grant: dict[str, Any], refresh: str) -> dict[str, Any]:
    """A web access token; it has nothing to do with the basic one."""
    token = secrets.token_urlsafe(96)
    expires_at = platform.clock.now() + limits.WEB_TOKEN_SECONDS
    platform.store.put("web.token", token, {**grant, "expires_at": expires_at})
    return {
        "access_token": token,
        "expires_in": limits.WEB_TOKEN_SECONDS,
        "refresh_token": refresh,
        "openid": grant["openid"],
        "scope": grant["scope"],
    }


@api(bp, Door("/sns/oauth2/refresh_token", "GET", token=False, text_plain=True))
async def refresh_token(call: Call) -> Answer:
    account = call.platform.by_appid(call.text("appid", 41002))
    if account is None:
        raise WeChatError(40013)
    if call.query.get("grant_type") != "refresh_token":
        raise WeChatError(40002)
    refresh = call.text("refresh_token", 41003)
    grant = call.platform.store.get("web.refresh", refresh)
    if grant is None or grant["appid"] != account.appid:
        raise WeChatError(40030)
    if grant["expires_at"] <= call.platform.clock.now():
        raise WeChatError(42002)
    return _web_token(call.platform, {k: v for k, v in grant.items() if k != "expires_at"}, refresh)


def _holder(call: Call) -> tuple[dict[str, Any], Account, Person]:
    """Whose web token this is."""
    grant = call.platform.store.get("web.token", call.text("access_token", 41001))
    if grant is None:
        raise WeChatError(40001, verdict="不是网页授权的 access_token")
    if grant["expires_at"] <= call.platform.clock.now():
        raise WeChatError(42001)
    if call.text("openid", 41009) != grant["openid"]:
        raise WeChatError(40003)
    account, person = call.platform.by_appid(grant["appid"]), call.platform.people.get(grant["person"])
    assert account is not None
    assert person is not None
    return grant, account, person


@api(bp, Door("/sns/userinfo", "GET", token=False, text_plain=True))
async def user_info(call: Call) -> Answer:
    grant, _, person = _holder(call)
    if grant["scope"] != "snsapi_userinfo":
        raise WeChatError(48001, verdict="snsapi_base 不能取用户信息")
    answer: dict[str, Any] = {
        "openid": grant["openid"],
        "nickname": person.name,
        "sex": 0,
        "language": "",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": f"{call.platform.own_url}/phone/avatar/{person.id}",
        "privilege": [],
    }
    if call.platform.switchboard.now.unionid:
        answer["unionid"] = call.platform.people.unionid(person)
    return answer


@api(bp, Door("/sns/auth", "GET", token=False, text_plain=True))
async def check_token(call: Call) -> Answer:
    _holder(call)
    return {"errcode": 0, "errmsg": "ok"}
