"""The way in to every call of WeChat's API: switches, token, quotas, body; then the answer, and the timeline."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

from sanic import Blueprint, HTTPResponse, Request

from server.sandbox import limits, tokens, troubles
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.timeline import without_secrets
from server.sandbox.wechat_users import Person


@dataclass(frozen=True, slots=True)
class Picture:
    """An answer that is a file, mostly an image, not JSON."""

    data: bytes
    kind: str = "image/png"
    name: str = ""


Answer = Mapping[str, Any] | Picture
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # the wrong ones are refused in WeChat's words


@dataclass(slots=True)
class Call:
    """One call by the service; `account` is the owner of its access token, or of its appid."""

    platform: Platform
    request: Request
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    _account: Account | None = None

    @property
    def account(self) -> Account:
        assert self._account is not None
        return self._account

    def person(self, openid: object) -> Person:
        """Who this openid is in the caller's account.

        Raises:
            WeChatError: 40003, also for an openid of the other account.
        """
        person = self.platform.people.by_openid(self.account.appid, str(openid or ""))
        if person is None:
            others = [a for a in self.platform.config.accounts if a != self.account]
            foreign = any(self.platform.people.by_openid(a.appid, str(openid)) for a in others)
            raise WeChatError(40003, verdict="这是另一个账号的 openid" if foreign else "没有这个 openid")
        return person

    def text(self, name: str, errcode: int) -> str:
        """A query field that must not be empty."""
        value = self.query.get(name, "")
        if not value:
            raise WeChatError(errcode)
        return value

    def owner(self) -> Account:
        """The account named by appid and secret in the query or body; counts the call.

        Raises:
            WeChatError: 41002, 40013, 41004, 40125; 45009 and 45011 as `count_against_quota`.
        """
        fields = {**self.query, **{k: v for k, v in self.body.items() if isinstance(v, str)}}
        if not fields.get("appid"):
            raise WeChatError(41002)
        account = self.platform.by_appid(fields["appid"])
        if account is None:
            raise WeChatError(40013)
        if not fields.get("secret"):
            raise WeChatError(41004)
        if fields["secret"] != account.secret:
            raise WeChatError(40125)
        self._account = account
        count_against_quota(self.platform, account, self.path)
        return account


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Door:
    """What one API path asks of its caller."""

    path: str
    method: str = "POST"
    token: bool = True
    accounts: tuple[str, ...] = ("oa", "mp")
    text_plain: bool = False  # the sns family answers JSON as text/plain
    multipart: bool = False  # a file is uploaded
    form: bool = False  # newtmpl's documents want a form; JSON is taken as well

    def enter(self, platform: Platform, request: Request) -> Call:
        """All checks before the call is carried out, in WeChat's order."""
        query = {name: values[0] for name, values in request.args.items()}
        call = Call(platform, request, self.path, query, {})
        if (forced := platform.switchboard.forced_error(self.path)) is not None:
            raise WeChatError(forced, request.ip if forced == 40164 else "", verdict="开关要求的错误")
        if request.method != self.method:
            raise WeChatError(43002 if self.method == "POST" else 43001)
        allowed = platform.switchboard.now.ip_whitelist
        if allowed and request.ip not in allowed and not self.path.startswith("/sns/"):
            raise WeChatError(40164, request.ip)
        if self.token:
            call._account = tokens.owner_of(platform, query.get("access_token", ""))
            if call.account.kind not in self.accounts:
                raise WeChatError(48001, verdict="这个接口不属于这类账号")
            count_against_quota(platform, call.account, self.path)
        if self.method == "POST" and not self.multipart:
            call.body = _form(request) if self.form and _is_form(request) else _body(request)
        return call


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _form(request: Request) -> dict[str, Any]:
    """A form's fields; `kidList=1&kidList=2` and `kidList[0]=1` as lists."""
    if not request.body:
        raise WeChatError(44002)
    fields: dict[str, Any] = {}
    for name, values in parse_qs(request.body.decode(errors="replace"), keep_blank_values=True).items():
        plain, bracket, _ = name.partition("[")
        if bracket or len(values) > 1:
            fields.setdefault(plain, []).extend(values)
        else:
            fields[plain] = values[0]
    return fields


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        raise WeChatError(44002)
    try:
        body = json.loads(request.body.decode())
    except UnicodeDecodeError:
        raise WeChatError(65318) from None
    except ValueError:
        raise WeChatError(47001, verdict="请求体不是 JSON") from None
    if not isinstance(body, dict):
        raise WeChatError(47001, verdict="请求体不是 JSON 对象")
    return body


def count_against_quota(platform: Platform, account: Account, path: str) -> None:
    """One more call of this API today and this minute.

    Raises:
        WeChatError: 45009 for the day, 45011 for the minute (45009 for unlimited codes, wechat.md §4.3).
    """
    name = f"{account.appid} {path}"
    if path in limits.A_MINUTE:
        minute = f"{name} {platform.clock.unix() // 60}"
        if platform.store.count("minute", minute) > limits.A_MINUTE[path]:
            raise WeChatError(45009 if path == "/wxa/getwxacodeunlimit" else 45011)
    if platform.store.count("day", f"{name} {platform.clock.day()}") > limits.A_DAY.get(
        path, limits.UNNUMBERED_A_DAY
    ):
        raise WeChatError(45009)


def api(bp: Blueprint, door: Door) -> Callable[[Handler], Handler]:
    """Put a handler behind the gate at a path."""

    def put(handler: Handler) -> Handler:
        async def serve(request: Request) -> HTTPResponse:
            return await _serve(request, door, handler)

        name = door.path.strip("/").replace("/", "_").replace("-", "_")
        bp.add_route(serve, door.path, methods=METHODS, name=name)
        return handler

    return put


async def _serve(request: Request, door: Door, handler: Handler) -> HTTPResponse:
    """Check, act, answer, and keep what happened."""
    platform: Platform = request.app.ctx.platform
    row = platform.timeline.begin(
        "in", f"{request.method} {door.path}", query=dict(request.get_args()), caller=request.ip
    )
    if troubles.loses(platform, door.path):
        platform.timeline.end(row, ok=False, verdict=troubles.LOST, request=_shown_body(request))
        return await troubles.cut(platform, request)
    began, verdict = time.perf_counter(), "通过"
    answer: Answer
    try:
        call = door.enter(platform, request)
        answer = await handler(call)
    except WeChatError as error:
        answer, verdict = error.answer(), f"{error.errcode} {error.verdict}".strip()
        _keep_rid(platform, request, door, str(answer["errmsg"]).rpartition(" rid: ")[2])
    ok = verdict == "通过"
    fate = await troubles.after(platform, door.path, ok=ok)
    platform.timeline.end(
        row,
        ok=ok,
        verdict=verdict + fate.remarks,
        request=_shown_body(request),
        response={answer.kind: len(answer.data)} if isinstance(answer, Picture) else dict(answer),
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    if fate.dropped:
        return await troubles.cut(platform, request)
    return _response(platform, answer, door)


def refused(request: Request, error: WeChatError) -> HTTPResponse:
    """The answer to a call that is no door's, kept in the timeline."""
    platform: Platform = request.app.ctx.platform
    door = Door(request.path, method=request.method)
    row = platform.timeline.begin(
        "in",
        f"{request.method} {request.path[: limits.SHOWN_BYTES]}",
        query=dict(request.get_args()),
        caller=request.ip,
    )
    answer = error.answer()
    verdict = f"{error.errcode} {error.verdict}".strip()
    _keep_rid(platform, request, door, str(answer["errmsg"]).rpartition(" rid: ")[2])
    platform.timeline.end(row, ok=False, verdict=verdict, request=_shown_body(request), response=answer)
    return _response(platform, answer, door)


def _keep_rid(platform: Platform, request: Request, door: Door, rid: str) -> None:
    """What openapi/rid/get tells about a refused call."""
    platform.store.put(
        "rid",
        rid,
        {
            "invoke_time": platform.clock.unix(),
            "cost_in_ms": 1,
            "request_url": door.path,
            "request_body": json.dumps(_shown_body(request), ensure_ascii=False),
            "response_body": "",
            "client_ip": request.ip,
        },
    )


def _response(platform: Platform, answer: Answer, door: Door) -> HTTPResponse:
    """With the platform's time in `Date`, by which a caller finds out that its own clock is wrong."""
    headers = {"Date": formatdate(platform.clock.now(), usegmt=True)}
    if isinstance(answer, Picture):
        if answer.name:
            headers["Content-Disposition"] = f'attachment; filename="{answer.name}"'
        return HTTPResponse(answer.data, headers=headers, content_type=answer.kind)
    kind = "text/plain" if door.text_plain else "application/json; encoding=utf-8"
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return HTTPResponse(body, headers=headers, content_type=kind)


def _shown_body(request: Request) -> Any:
    if request.headers.get("content-type", "").startswith("multipart/"):
        return f"（文件，{len(request.body)} 字节）"
    try:
        return without_secrets(json.loads(request.body)) if request.body else None
    except ValueError:
        return request.body[: limits.SHOWN_BYTES].decode(errors="replace")
