"""What developers and tests turn and read: the timeline, the clock, the switches, pushes of any shape."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, empty, json

from server.sandbox import (
    acts,
    crypto,
    forgeries,
    har,
    limits,
    pages,
    pushes,
    subscribing,
    switch_page,
    windows,
)
from server.sandbox.config import Account, template_from
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

bp = Blueprint("control", url_prefix="/sandbox")

USES = ("", "message", "once", "long")


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.ctx.platform
    return platform


def _problem(text: str, status: int = 400) -> HTTPResponse:
    return json({"problem": text}, status=status)


def _who(request: Request) -> tuple[Account, Person]:
    """Account and person of a JSON request; the first person and the service account if not given."""
    body = request.json or {}
    account = _platform(request).account(str(body.get("account", "oa")))
    person = _platform(request).people.get(str(body.get("person", "p1")))
    if account is None or person is None:
        raise acts.CannotDo("没有这个账号或这个人。")
    return account, person


@bp.get("/")
async def timeline_page(request: Request) -> HTTPResponse:
    return pages.render("timeline.html", current="timeline", platform=_platform(request))


@bp.get("/switches")
async def switches_page(request: Request) -> HTTPResponse:
    platform, desk = _platform(request), getattr(request.app.ctx, "pay", None)
    return pages.render(
        "switches.html",
        current="switches",
        accounts=platform.config.accounts,
        service_url=platform.service_url,
        forgeries=forgeries.NAMES,
        groups=switch_page.groups(platform, None if desk is None else asdict(desk.switchboard.now)),
        paths=sorted(f"/{route.path}" for route in request.app.router.routes if _is_api(route.path)),
    )


def _is_api(path: str) -> bool:
    """Whether a path is one of WeChat's own, not of the sandbox's pages."""
    return path.startswith(("cgi-bin/", "wxa/", "wxaapi/", "sns/"))


@bp.get("/api/timeline")
async def timeline(request: Request) -> HTTPResponse:
    """Rows in order; `?after=` a row's id, `?last=` how many at most; `?direction=in|push|page`, `?ok=0|1`, `?words=`."""
    rows = _rows(request, last=200)
    return _problem("after 和 last 应为整数。") if rows is None else json({"items": rows})


@bp.get("/api/timeline.har")
async def timeline_har(request: Request) -> HTTPResponse:
    """The same rows, all of them unless `?last=` says otherwise, as a HAR file without secrets."""
    rows = _rows(request, last=limits.TIMELINE_ENTRIES)
    if rows is None:
        return _problem("after 和 last 应为整数。")
    platform = _platform(request)
    stamp = re.sub(r"[^0-9]", "", platform.clock.text()[:19])
    disposition = f'attachment; filename="wechat-{stamp}.har"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return HTTPResponse(har.export(platform, rows), content_type="application/json", headers=headers)


def _rows(request: Request, *, last: int) -> list[dict[str, Any]] | None:
    """The rows that were asked for; None: not in numbers."""
    args = request.args
    try:
        after, most = int(args.get("after", 0)), int(args.get("last", last))
    except ValueError:
        return None
    return _platform(request).timeline.rows(
        after=after,
        last=min(most, limits.TIMELINE_ENTRIES),
        direction=args.get("direction", ""),
        ok={"0": False, "1": True}.get(args.get("ok", "")),
        words=args.get("words", ""),
    )


@bp.delete("/api/timeline", name="clear_timeline")
async def clear(request: Request) -> HTTPResponse:
    _platform(request).timeline.clear()
    return empty()


@bp.get("/api/clock")
async def clock(request: Request) -> HTTPResponse:
    return json(_time(_platform(request)))


def _time(platform: Platform) -> dict[str, Any]:
    return {"now": platform.clock.text(), "unix": platform.clock.unix()}


@bp.post("/api/clock", name="move_clock")
async def move_clock(request: Request) -> HTTPResponse:
    """`{"forward": seconds}`, `{"set": RFC 3339}`, `{"stop": true}`, `{"reset": true}`."""
    platform, body = _platform(request), request.json or {}
    try:
        if body.get("reset"):
            platform.clock.reset()
        if body.get("stop"):
            platform.clock.stop()
        if "set" in body:
            platform.clock.set(datetime.fromisoformat(str(body["set"])))
        if "forward" in body:
            platform.clock.forward(float(body["forward"]))
    except (TypeError, ValueError):
        return _problem("时间写得不对，应为秒数或带时区的时间。")
    return json(_time(platform))


@bp.get("/api/switches")
async def switches(request: Request) -> HTTPResponse:
    return json(asdict(_platform(request).switchboard.now))


@bp.post("/api/switches", name="turn_switches")
async def turn(request: Request) -> HTTPResponse:
    """Change some switches; `{"reset": true}` puts all back first."""
    platform, body = _platform(request), dict(request.json or {})
    if body.pop("reset", False):
        platform.switchboard.reset()
    try:
        platform.switchboard.turn(body)
    except ValueError as problem:
        return _problem(str(problem))
    return json(asdict(platform.switchboard.now))


@bp.post("/api/push")
async def push(request: Request) -> HTTPResponse:
    """Push anything: `{"account", "person", "fields": {"MsgType": …}}`; addresses and time are filled in.

    Answers when the service has answered, with the verdict.
    """
    platform = _platform(request)
    try:
        account, person = _who(request)
    except acts.CannotDo as problem:
        return _problem(str(problem))
    fields = dict((request.json or {}).get("fields") or {})
    base = pushes.event(platform, account, person, str(fields.get("Event", "")))
    if fields.get("MsgType", "event") != "event":
        base = pushes.message(platform, account, person, fields["MsgType"])
    verdict = await pushes.send(platform, account, person, {**base, **fields})
    return json({"verdict": verdict})


@bp.post("/api/forge")
async def forge(request: Request) -> HTTPResponse:
    """Send a forged push: `{"kind", "account", "person"}`; no kind: every kind there is."""
    platform, kind = _platform(request), (request.json or {}).get("kind")
    if kind is not None and kind not in forgeries.KINDS:
        return _problem(f"没有这种伪造：{kind}")
    try:
        account, person = _who(request)
    except acts.CannotDo as problem:
        return _problem(str(problem))
    kinds = [kind] if kind else list(forgeries.KINDS)
    outcomes = {one: await forgeries.send(platform, account, person, one) for one in kinds}
    return json(outcomes)


@bp.post("/api/verify")
async def verify(request: Request) -> HTTPResponse:
    """What the console does when the service's URL is saved."""
    platform = _platform(request)
    outcomes = {a.kind: await pushes.verify_url(platform, a) for a in platform.config.accounts}
    return json(outcomes)


@bp.post("/api/settle")
async def settle(request: Request) -> HTTPResponse:
    """Answers when no push is under way any more."""
    await _platform(request).settle()
    return empty()


@bp.post("/api/release")
async def release(request: Request) -> HTTPResponse:
    """Send what `push_hold` keeps back, the last first; answers when all have been answered."""
    return json({"sent": await pushes.release(_platform(request))})


@bp.get("/api/windows")
async def open_windows(request: Request) -> HTTPResponse:
    """The customer-service windows open towards a person: `?account=oa&person=p1`."""
    platform = _platform(request)
    account = platform.account(request.args.get("account", "oa"))
    person = platform.people.get(request.args.get("person", "p1"))
    if account is None or person is None:
        return _problem("没有这个账号或这个人。")
    return json({"windows": windows.live(platform, account, person)})


@bp.post("/api/templates")
async def add_template(request: Request) -> HTTPResponse:
    """Add or describe a template: `{"account", "id", "title", "use", "fields": {"thing1": "项目", …}, "enums"}`."""
    body: dict[str, Any] = request.json or {}
    account = _platform(request).account(str(body.get("account", "oa")))
    if account is None or not body.get("id"):
        return _problem("需要账号和模板编号。")
    if body.get("use", "") not in USES:
        return _problem("use 应为 message（模板消息）、once（一次性订阅）或 long（长期订阅）。")
    template = template_from(str(body["id"]), account.kind, body)
    _platform(request).add_template(template)
    return json({"id": template.id, **template.as_json()})


@bp.post("/api/grants")
async def grants(request: Request) -> HTTPResponse:
    """Give or take grants of a subscription message: `{"account", "person", "template", "give": 1}`; 0 takes all.

    `left` is null where any number may be sent (long-term).
    """
    platform, body = _platform(request), request.json or {}
    try:
        account, person = _who(request)
        template = str(body.get("template", ""))
        if int(body.get("give", 1)) == 0:
            subscribing.revoke(platform, person, template, kind=account.kind)
        for _ in range(int(body.get("give", 1))):
            subscribing.grant(platform, account, person, template)
    except acts.CannotDo as problem:
        return _problem(str(problem))
    return json({"left": subscribing.messages_left(platform, account, person, template)})


async def wx_config(request: Request) -> HTTPResponse:
    """Check a page's wx.config: `{appId, timestamp, nonceStr, signature, url?}`; the URL is the Referer if not given."""
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Content-Type"}
    if request.method == "OPTIONS":
        return empty(headers=headers)
    platform, body = _platform(request), request.json or {}
    account = platform.by_appid(str(body.get("appId", "")))
    url = str(body.get("url") or request.headers.get("referer", ""))
    ticket = platform.store.get("ticket", account.appid) if account else None
    verdict = _verdict(platform, account, ticket, body, url)
    platform.timeline.note("page", "wx.config", ok=verdict == "config:ok", verdict=verdict, url=url)
    return json({"errMsg": verdict}, headers=headers)


def _verdict(
    platform: Platform, account: Account | None, ticket: dict[str, Any] | None, body: dict[str, Any], url: str
) -> str:
    """What wx.error or wx.ready would say."""
    if account is None or account.kind != "oa":
        return "config:invalid appId"
    now = platform.switchboard.now
    allowed = now.js_domains or now.web_domains or [platform.service_url.partition("://")[2]]
    if url.partition("://")[2].partition("/")[0] not in allowed:
        return "config:invalid url domain"
    if ticket is None or ticket["expires_at"] <= platform.clock.now():
        return "config:invalid signature（没有有效的 jsapi_ticket）"
    nonce, stamp = str(body.get("nonceStr", "")), str(body.get("timestamp", ""))
    expected = crypto.jsapi_signature(ticket["ticket"], nonce, stamp, url)
    if not crypto.same(expected, str(body.get("signature", ""))):
        return "config:invalid signature"
    return "config:ok"


bp.add_route(wx_config, "/api/wx-config", methods=["POST", "OPTIONS"], name="wx_config")
