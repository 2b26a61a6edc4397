"""The phone's web view: the service under a host of each person's own, so that two phones never share cookies.

`http://p2.localhost:8001/…` fetches `{service}/…` as that person's WeChat would: with its User-Agent, with a cookie jar
that the sandbox keeps, and under the service's own addresses. Pages keep their Content-Security-Policy and get WeChat's
bridge (`static/bridge.js`), through which they speak with the phone around them.
"""

from __future__ import annotations

import base64
import html
import re
import time
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from sanic import Blueprint, HTTPResponse, Request, file, redirect, text
from yarl import URL

from server.sandbox import agents, pages
from server.sandbox.platform import Platform
from server.sandbox.web_addresses import BRIDGE, TEXTS, Addresses
from server.sandbox.wechat_users import Person

bp = Blueprint("webview")

KEPT_BACK = {
    "connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "transfer-encoding",
    "x-frame-options",
}  # fmt: skip
NOT_SENT = {
    "accept-encoding",
    "connection",
    "content-length",
    "cookie",
    "host",
    "origin",
    "referer",
    "user-agent",
}
LONG_WORD = re.compile(r"/[\w-]{28,}(?=/|$)")  # a token in a path: for once, and nobody else's business
HOST = re.compile(r"(p\d+)\.localhost(:\d+)?")


async def before(request: Request) -> HTTPResponse | None:
    """Middleware: a phone's host shows the service even where the sandbox has a path of the same name."""
    if HOST.fullmatch(request.host) is None or (request.route and "web_view" in request.route.name):
        return None
    if request.path == BRIDGE:
        return await _script("bridge.js")
    return await _of_person(request, stream=False)


async def _script(name: str) -> HTTPResponse:
    return await file(
        pages.FOLDER / "static" / name, mime_type="text/javascript", headers={"Cache-Control": "no-cache"}
    )


async def js_sdk(request: Request) -> HTTPResponse:
    """The JS-SDK that a page loads."""
    return await _script("jweixin.js")


async def answer(request: Request, path: str = "") -> HTTPResponse | None:
    """Every path that is nobody else's: the service on a phone's host, nothing on the sandbox's own."""
    if HOST.fullmatch(request.host) is not None:
        if request.path == BRIDGE:
            return await _script("bridge.js")
        return await _of_person(request, stream=True)
    if path in ("", "phone/", "sandbox/"):
        query = f"?{request.query_string}" if request.query_string else ""
        return redirect(f"/{path.rstrip('/') or 'sandbox/start'}{query}")
    return pages.render(
        "refusal.html", status=404, title="没有这个地址", why="请检查网址，或从手机页重新开始。"
    )


async def _of_person(request: Request, *, stream: bool) -> HTTPResponse | None:
    """Fetch as the person whose host was asked."""
    match = HOST.fullmatch(request.host)
    platform: Platform = request.app.ctx.platform
    person = platform.people.get(match[1]) if match else None
    if person is None:
        return text("没有这个人。", status=404)
    return await _fetch(platform, person, request, stream=stream)


def _addresses(platform: Platform, person: Person) -> Addresses:
    return Addresses(platform.web_view_url(person), platform.service_url)


def _headers(platform: Platform, person: Person, request: Request) -> dict[str, str]:
    """What the service must see: its own origin, WeChat's agent, this person's cookies."""
    both = _addresses(platform, person)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_SENT}
    for name in ("origin", "referer"):
        if value := request.headers.get(name):
            headers[name] = both.to_service(value)
    if jar := _jar(platform, person):
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    return {
        **headers,
        "user-agent": agents.of(platform, person).user_agent,
        "host": urlsplit(both.theirs).netloc,
    }


def _body(both: Addresses, request: Request) -> bytes | None:
    """What is sent, with the service's own addresses in what is text."""
    if request.headers.get("content-type", "").startswith(TEXTS):
        return both.to_service(request.body.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
    return request.body or None


async def _fetch(
    platform: Platform, person: Person, request: Request, *, stream: bool
) -> HTTPResponse | None:
    both = _addresses(platform, person)
    address = platform.service_url + both.to_service(request.raw_url.decode())
    try:
        async with platform.http.request(
            request.method,
            URL(address, encoded=True),
            data=_body(both, request),
            headers=_headers(platform, person, request),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=5),
        ) as response:
            return await _pass_on(platform, person, request if stream else None, response)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return text(f"无法打开网页：{str(error) or type(error).__name__}", status=502)


async def _pass_on(
    platform: Platform, person: Person, request: Request | None, response: aiohttp.ClientResponse
) -> HTTPResponse | None:
    """Keep the cookies, turn the addresses, stream the rest."""
    both = _addresses(platform, person)
    _keep_cookies(platform, person, response.headers.getall("Set-Cookie", []))
    headers = {name: value for name, value in response.headers.items() if name.lower() not in KEPT_BACK}
    if headers.get("Location", "").startswith((both.theirs + "/", both.theirs + "?")):
        headers["Location"] = both.to_page(headers["Location"])
    policy = response.headers.get("Content-Security-Policy", "")
    headers = {name: value for name, value in headers.items() if name.lower() != "content-security-policy"}
    if allowed := both.policy(policy):
        headers["Content-Security-Policy"] = allowed
    kind = headers.pop("Content-Type", "application/octet-stream")
    if kind.startswith("text/html"):
        page = (await response.read()).decode(errors="replace")
        _remember(platform, person, response, page)
        content = both.page(page, agents.of(platform, person), policy)
        return HTTPResponse(content, response.status, headers, kind)
    if request is None:
        return HTTPResponse(await response.read(), response.status, headers, kind)
    stream = await request.respond(status=response.status, headers=headers, content_type=kind)
    assert stream is not None
    async for chunk in response.content.iter_any():
        await stream.send(chunk)
    await stream.eof()
    return None


def _remember(platform: Platform, person: Person, response: aiohttp.ClientResponse, page: str) -> None:
    """Which page the web view shows, for the phone's title bar."""
    match = re.search(r"<title[^>]*>(.*?)</title>", page, re.DOTALL)
    title = html.unescape(match[1]).strip()[:80] if match else ""
    number = platform.store.count("page", person.id)
    platform.store.put("page", person.id, {"url": str(response.url), "title": title, "number": number})


def _jar(platform: Platform, person: Person) -> dict[str, str]:
    cookies = platform.store.get("cookies", person.id) or {}
    return {name: str(value) for name, value in cookies.items()}


def _keep_cookies(platform: Platform, person: Person, lines: list[str]) -> None:
    """A jar for one host: names and values; an empty value or Max-Age=0 takes a cookie out."""
    if not lines:
        return
    jar = _jar(platform, person)
    for line in lines:
        for name, morsel in SimpleCookie(line).items():
            if morsel.value == "" or morsel["max-age"] == "0":
                jar.pop(name, None)
            else:
                jar[name] = morsel.coded_value
    platform.store.put("cookies", person.id, jar)


async def request_as_program(platform: Platform, request: dict[str, Any]) -> dict[str, Any]:
    """One wx.request: method, path, token and JSON text, to the service or, with `api`, below the mini-program's API.

    The answer is text, or a data URL if it is an image or a PDF file.
    """
    path, base = str(request.get("path", "")), platform.service_url
    if request.get("api"):
        base = platform.config.program_url
    if not path.startswith("/"):
        return {"problem": f"路径应以 / 开头，只能请求 {base}"}
    method, began = str(request.get("method", "GET")), time.perf_counter()
    agent = agents.AGENTS["android"].user_agent + " MiniProgramEnv/android"
    headers = {"User-Agent": agent, "Content-Type": "application/json"}
    if token := request.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    result: dict[str, Any]
    try:
        async with platform.http.request(
            method,
            base + path,
            data=str(request.get("body") or "").encode() or None,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=60),
        ) as answer:
            body, kind = await answer.read(), answer.headers.get("Content-Type", "")
            result = {"status": answer.status, "type": kind}
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        result, body, kind = {"problem": f"没有送到：{str(error) or type(error).__name__}"}, b"", ""
    status = int(result.get("status", 0))
    platform.timeline.note(
        "page",
        f"{method} {base}{LONG_WORD.sub('/…', path.partition('?')[0])}",
        ok=0 < status < HTTPStatus.BAD_REQUEST,
        verdict=result.get("problem") or f"wx.request：HTTP {status}",
        person=str(request.get("person", "")),
        status=status,
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    return {**result, **_as_shown(body, kind)} if status else result


def _as_shown(body: bytes, kind: str) -> dict[str, str]:
    """What a page of the phone can show of an answer."""
    if kind.startswith(("image/", "application/pdf")):
        name = "picture" if kind.startswith("image/") else "file"
        shown = {name: f"data:{kind.partition(';')[0]};base64,{base64.b64encode(body).decode()}"}
        return shown if name == "picture" else {**shown, "text": f"（PDF 文件，{len(body)} 字节）"}
    return {"text": body[:200_000].decode(errors="replace")}


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
SDK = "/open/js/jweixin-1.6.0.js"
bp.add_route(js_sdk, SDK, methods=["GET"], name="js_sdk")
bp.add_route(answer, "/", methods=METHODS, name="web_view_root")
bp.add_route(answer, "/<path:path>", methods=METHODS, name="web_view")
