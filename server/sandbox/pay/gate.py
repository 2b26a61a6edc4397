"""The way in to WeChat Pay: header, signature, faults, body; then a signed answer, and the timeline (wechat.md §7.1).

What is refused before the merchant is known is answered without a signature, as was seen at the real platform; every
other refusal is signed like a success.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from sanic import HTTPResponse, Request

from server.sandbox import troubles
from server.sandbox.pay import authorization, fields, probes, signatures
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.refusals import PayError
from server.sandbox.timeline import shortened

HIDDEN = {"prepay_id", "code_url", "ciphertext", "download_url", "openid", "bank_account", "real_name"}


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is a file; it is not signed."""

    data: bytes


Answer = Mapping[str, Any] | Download | None  # None: 204


@dataclass(slots=True)
class PayCall:
    """One request of the merchant, which has proved itself."""

    desk: PayDesk
    request: Request
    path: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


Handler = Callable[[PayCall], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One API path: `{name}` stands for a part of the path."""

    method: str
    path: str
    handler: Handler

    def match(self, path: str) -> dict[str, str] | None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        match = re.fullmatch(pattern, path)
        return None if match is None else {name: unquote(value) for name, value in match.groupdict().items()}


@dataclass(slots=True)
class Exchange:
    """One request and what becomes of it."""

    desk: PayDesk
    request: Request
    route: Route
    path: dict[str, str]
    row: dict[str, Any]
    began: float = field(default_factory=time.perf_counter)
    is_proven: bool = False  # the merchant has proved itself: the answer is signed
    serial: str = ""
    probed: bool = False

    @property
    def path_sent(self) -> str:
        return self.request.raw_url.decode("latin-1")

    def handle(self) -> tuple[int, Answer, str, int]:
        """Check and act: status, answer, verdict and the tail of Request-ID."""
        try:
            authorization.headers(self.request)
            authorization.prove(self.desk, self.request)
            self.is_proven = True
            self.serial = authorization.asked_serial(self.desk, self.request)
            return self._act()
        except PayError as error:
            self.probed = False
            body = error.answer()
            if self.desk.switchboard.now.codes_without_underscores:
                body["code"] = error.code.replace("_", "")
            return error.status, body, f"{error.code} {error.verdict}", error.tail

    def _act(self) -> tuple[int, Answer, str, int]:
        query = dict(parse_qsl(self.request.query_string, keep_blank_values=True))
        call = PayCall(self.desk, self.request, self.path, query)
        forced = self.desk.switchboard.forced(self.route.path)
        refusal = None if forced is None else PayError(forced["code"], verdict="开关要求的错误")
        if refusal is not None and not (forced or {}).get("after"):
            raise refusal
        if self.request.method == "POST":
            call.body = fields.body_of(self.request.body)
        downloads = self.route.path == "/v3/billdownload/file"
        again = probes.repeated(self.desk, f"{self.request.method} {self.path_sent}", self.request.body)
        self.probed = not (downloads or again) and self.desk.switchboard.probes_answer()
        answer = self.route.handler(call)
        if refusal is not None:
            refusal.verdict = "开关要求的错误，但已经执行"
            raise refusal
        if self.probed:
            probes.sent(self.desk, f"{self.request.method} {self.path_sent}", self.request.body, answer)
        return 204 if answer is None else 200, answer, "通过", 0

    def response(self, status: int, answer: Answer, tail: int) -> HTTPResponse:
        """The answer in its headers, signed unless it is a file or the caller is unknown."""
        headers = {
            "Request-ID": f"08{secrets.token_hex(22).upper()}-{tail}",
            "Cache-Control": "no-cache, must-revalidate",
            "Content-Language": "zh-CN",
            "X-Content-Type-Options": "nosniff",
        }
        if isinstance(answer, Download):
            return HTTPResponse(answer.data, status, headers, "application/octet-stream")
        text = "" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        if self.is_proven:
            headers |= self.signed(text.encode())
        kind = None if answer is None else "application/json; charset=utf-8"
        return HTTPResponse(text, status, headers, kind)

    def signed(self, body: bytes) -> dict[str, str]:
        serial = self.desk.serial_for(self.serial)
        return signature_headers(self.desk, serial, body, probe=self.probed)


def signature_headers(desk: PayDesk, serial: str, body: bytes, *, probe: bool = False) -> dict[str, str]:
    """The Wechatpay-… headers over these bytes; a probe's signature is wrong on purpose, now and then its serial, too."""
    stamp, nonce = str(desk.clock.unix()), signatures.nonce()
    message = signatures.answer_message(stamp, nonce, body)
    signature = signatures.probe_signature() if probe else desk.keys.sign(serial, message)
    if probe and desk.switchboard.by_chance("unknown serial", 25):
        serial = secrets.token_hex(20).upper()
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": signatures.SCHEME,
    }


async def serve(desk: PayDesk, routes: tuple[Route, ...], request: Request) -> HTTPResponse:
    """Find the API, let it act, answer, and keep what happened; unknown paths are 404, other methods 405, both empty."""
    path = request.raw_url.decode("latin-1").partition("?")[0]
    at_path = [(route, params) for route in routes if (params := route.match(path)) is not None]
    chosen = next(((route, params) for route, params in at_path if route.method == request.method), None)
    if chosen is None:
        status = 405 if at_path else 404
        desk.platform.timeline.note("in", f"{request.method} {path}", ok=False, verdict=f"HTTP {status}")
        return HTTPResponse("", status)
    route, params = chosen
    row = desk.platform.timeline.begin(
        "in", f"{route.method} {route.path}", path=params, query=dict(request.get_args()), caller=request.ip
    )
    exchange = Exchange(desk, request, route, params, row)
    if troubles.loses(desk.platform, route.path):
        desk.platform.timeline.end(row, ok=False, verdict=troubles.LOST)
        return await troubles.cut(desk.platform, request)
    desk.run_due()
    status, answer, verdict, tail = exchange.handle()
    return await _answered(exchange, status, answer, verdict, tail)


async def _answered(exchange: Exchange, status: int, answer: Answer, verdict: str, tail: int) -> HTTPResponse:
    """Late, dropped or at once, as the switches of the whole sandbox say."""
    platform, ok = exchange.desk.platform, status < 300
    response = exchange.response(status, answer, tail)
    if exchange.probed:
        verdict += "（应答带探测签名，应被拒绝）"
    fate = await troubles.after(platform, exchange.route.path, ok=ok)
    platform.timeline.end(
        exchange.row,
        ok=ok,
        verdict=verdict + fate.remarks,
        status=status,
        request=_readable(exchange.request.body),
        response={"file": len(answer.data)} if isinstance(answer, Download) else without_secrets(answer),
        request_id=response.headers["Request-ID"],
        serial=response.headers.get("Wechatpay-Serial", "未签名"),
        ms=round((time.perf_counter() - exchange.began) * 1000, 1),
    )
    return await troubles.cut(platform, exchange.request) if fate.dropped else response


def without_secrets(value: Any, name: str = "") -> Any:
    """The same shape with what could be used to pay or to recognise somebody shortened."""
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and (name in HIDDEN or name == "truncated_sign_message"):
        return shortened(value)
    return value


def _readable(body: bytes) -> Any:
    try:
        return without_secrets(json.loads(body)) if body else None
    except ValueError:
        return body[:2000].decode(errors="replace")
