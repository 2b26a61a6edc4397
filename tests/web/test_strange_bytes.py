"""No bytes of a stranger break a door: every answer is below 500, and nothing calls for a person (no ERROR in the log).

All routes read their bodies by one reader, so each is sent a third of the bodies, and all are sent: `XCERT_BODIES=all` sends
every body to every route.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator

import pytest

from server.adapters.captcha import PillowImageCheck
from server.app import create_app
from server.domain.auth import mini_login, sessions, web_login
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.wechat_platform import GenuinePushes
from tests.web.wire import PATIENCE, App, served

FORM = "application/x-www-form-urlencoded"
NAMES = [
    "number",
    "name",
    "id_number",
    "captcha",
    "pin",
    "reason",
    "csrf",
    "username",
    "password",
    "otp",
    "next",
    "code",
    "state",
    "cursor",
    "limit",
    "url",
    "signature",
    "timestamp",
    "nonce",
    "echostr",
    "msg_signature",
    "encrypt_type",
    "openid",
    "kind",
    "phone_code",
    "q",
    "q1",
    "since",
]
VALUES = [
    b"%00",
    b"a%00b",
    b"%FF%FE",
    b"%ED%A0%80",
    b"%F0%9F%98",
    b"%",
    b"%2e%2e%2f",
    b"9" * 400,
    b"%E2%80%AE",
    b"'\"<",
]
PLACES = ["%00", "%FF", "a%00b", "%ED%A0%80", "..%2f..%2fetc", "9" * 5000, "-1", "%", "'", "٣", "A" * 32]
HEADERS = [
    "cookie",
    "authorization",
    "x-csrf-token",
    "idempotency-key",
    "accept",
    "if-none-match",
    "if-modified-since",
    "range",
    "referer",
    "origin",
    "user-agent",
    "x-forwarded-for",
    "content-type",
    "sec-fetch-site",
    "host",
    "wechatpay-signature",
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-serial",
    "accept-encoding",
    "expect",
    "upgrade",
    "forwarded",
]
BODIES: list[tuple[str, bytes]] = [
    (FORM, b"&".join(name.encode() + b"=" + value for name in NAMES for value in VALUES[:3])),
    (FORM, b"&".join(name.encode() + b"=%00" for name in NAMES)),
    (FORM, b"number=\xff\xfe&name=\xed\xa0\x80"),
    (FORM, b"&&&===&=&;"),
    (FORM + "; charset=utf-7", b"number=+AAA-"),
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=", b"--\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nno colon\r\n\r\n--x--"),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="number"\r\n\r\n\xff\r\n--x--',
    ),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\ncontent-disposition: form-data; name=number; filename*=\xff''%ff\r\n\r\na\r\n--x--",
    ),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\ncontent-disposition: form-data; name=number; filename*=nowhere''%ff\r\n\r\na\r\n--x--",
    ),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\ncontent-disposition: form-data; name=number\r\ncontent-type: a; charset=nowhere\r\n\r\na\r\n--x--",
    ),
    ("application/json", b"{"),
    ("application/json", b"\xff"),
    ("application/json", b"[" * 60_000),
    ("application/json", b'{"a":' * 9_000),
    ("application/json", b"1" * 60_000),
    ("application/json", b"NaN"),
    ("application/json", b'["\\ud800"]'),
    ("application/json", b"{" + b",".join(b'"%s":"\\u0000\\ud800"' % name.encode() for name in NAMES) + b"}"),
    ("application/json", b"{" + b",".join(b'"%s":"a\\u0000"' % name.encode() for name in NAMES) + b"}"),
    ("application/json", b"{" + b",".join(b'"%s":[{}]' % name.encode() for name in NAMES) + b"}"),
    ("application/json", b"{" + b",".join(b'"%s":1e999' % name.encode() for name in NAMES) + b"}"),
    ("application/json; charset=nowhere", b"{}"),
    ("text/xml", b"<xml><Encrypt>\0</Encrypt></xml>"),
    ("text/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><xml>&b;</xml>"),
    ("\xff".encode("latin-1").decode("latin-1"), b"a"),
    ("", b"\0"),
]
UNREADY = re.compile(rb"\S+ /(readyz|wechat/pay/)")  # no job worker and no merchant number in this world
NO_URL = b"http://[::1"  # what urlsplit raises at
NO_URLS = b"?" + b"&".join(name.encode() + b"=" + NO_URL for name in NAMES)
ODD = b"\x01\x7f\x80\xff\xed\xa0\x80"


def head(method: bytes, path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join(
        [method + b" " + path + b" HTTP/1.1", b"host: x", b"connection: close", *headers, b"", b""]
    )


def with_body(method: bytes, path: bytes, kind: str, body: bytes, *headers: bytes) -> bytes:
    told = (b"content-type: " + kind.encode("latin-1"), b"content-length: %d" % len(body), *headers)
    return head(method, path, *told) + body


def concrete(route: str, instead: str = "") -> bytes:
    """A path of this route; `instead` stands in every place."""

    def fill(found: re.Match[str]) -> str:
        if instead:
            return instead
        return "1" if ":int" in found[0] else "A" * 32

    return ("/" + re.sub(r"<(?:[^<>]|<[^<>]*>)*>", fill, route)).encode()


def attacks(app: App, entry: tuple[bytes, ...], below: str = "") -> Iterator[bytes]:
    """Every route of the service that begins with `below`; `entry`: headers of somebody who may come in."""
    routes = sorted(
        {
            (route.path, tuple(sorted(route.methods)))
            for route in app.router.routes
            if route.path.startswith(below)
        }
    )
    query = b"?" + b"&".join(name.encode() + b"=" + value for name in NAMES for value in VALUES[:2])
    share = 1 if os.environ.get("XCERT_BODIES") == "all" else 3
    for number, (path, methods) in enumerate(routes):
        for name in methods:
            method, plain = name.encode(), concrete(path)
            if name in ("HEAD", "OPTIONS"):  # HEAD runs the handler of GET, OPTIONS none
                yield head(method, plain + query, *entry)
                continue
            yield head(method, plain + query, *entry)
            yield head(method, plain + b"?a=%00&a=%ff&=&%00", *entry)
            yield head(method, plain + NO_URLS, *entry)
            if "<" in path:
                for place in PLACES:
                    yield head(method, concrete(path, place), *entry)
            if name in ("POST", "PUT", "PATCH", "DELETE"):
                for kind, body in BODIES[number % share :: share]:
                    yield with_body(method, plain, kind, body, *entry)
                for header in (b"origin", b"referer"):
                    yield with_body(method, plain, FORM, NO_URLS[1:], header + b": " + NO_URL, *entry)
            else:
                yield with_body(method, plain, FORM, b"number=1", *entry)


def odd_heads(path: bytes) -> Iterator[bytes]:
    for header in HEADERS:
        for value in (
            ODD,
            b"a\x00b",
            b"",
            b"," * 3000,
            b'"' + b"\\a" * 3000 + b'"',
            b"=" * 3000,
            b"a=" + b"%00" * 900,
            NO_URL,
        ):
            yield head(b"GET", path, header.encode() + b": " + value)
        yield head(b"GET", path, header.encode() + b": a", header.encode() + b": b")
        yield head(b"POST", path, header.encode() + b": " + ODD, b"content-length: 0")
    for value in (b"-1", b"+1", b"0x10", b"9" * 5000, b"1, 1", b"\xb2", b"", b" 1", b"1_0"):
        yield head(b"POST", path, b"content-length: " + value)
    yield head(b"POST", path, b"content-length: 1", b"content-length: 2")
    yield head(b"POST", path, b"transfer-encoding: chunked") + b"zz\r\n\r\n"
    yield head(b"POST", path, b"transfer-encoding: chunked") + b"-5\r\na\r\n0\r\n\r\n"
    yield head(b"POST", path, b"transfer-encoding: gzip, chunked") + b"0\r\n\r\n"
    yield head(b"POST", path, b"transfer-encoding: chunked", b"content-length: 5") + b"0\r\n\r\n"
    for method in (b"", b"get", b"FOO", b"TRACE", b"CONNECT", b"\xff", b"G\x00T", b"PROPFIND", b"M" * 7000):
        yield head(method, path)
    for target in (
        b"*",
        b"//",
        b"/\xff",
        b"http://x/v",
        b"http://[::1",
        b"/%",
        b"/%00",
        b"/%FF",
        b"?",
        b"/" + b"a/" * 3000,
    ):
        yield head(b"GET", target)
    yield b"\r\n\r\n"
    yield b"GET /\r\n\r\n"
    yield b"GET / HTTP/9.9\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00" + b"\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nno colon\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n: empty\r\n\r\n"
    yield b"GET / HTTP/1.1\r\na" + b"b" * 9000 + b": c\r\n\r\n"


class Heard(logging.Handler):
    """Every line that calls for a person."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()[:200]}")


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    names = ("", "xcert", "sanic.root", "sanic.error", "sanic.server", "asyncio")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    yield handler
    for name in names:
        logging.getLogger(name).removeHandler(handler)


async def statuses(port: int, said: Iterator[bytes], heard: Heard) -> tuple[int, list[str]]:
    """How many were answered, and what went wrong."""
    wrong: list[str] = []
    count = 0
    for request in said:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read(16)
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
        count += 1
        unready = answer[9:12] == b"503" and UNREADY.match(request) is not None
        if heard.lines or (answer and answer[9:10] not in (b"1", b"2", b"3", b"4") and not unready):
            wrong.append(f"{request[:160]!r} … {request[-80:]!r}: {answer!r} {heard.lines}")
            heard.lines.clear()
    return count, wrong


@pytest.fixture
def door(services: Services) -> App:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    exchange(services, image_check=PillowImageCheck())
    return create_app(services.settings, services, name="strange")


async def test_every_door_stands_strange_bytes(door: App, heard: Heard) -> None:
    async for port in served(door):
        count, wrong = await statuses(port, attacks(door, ()), heard)
    assert count > 1000
    assert wrong == []


async def test_no_head_breaks_a_door(door: App, heard: Heard) -> None:
    for path in (
        b"/",
        b"/v",
        b"/h5/results",
        b"/h5/oauth",
        b"/console/",
        b"/console/api/v1/session",
        b"/wechat/oa",
        b"/healthz",
    ):
        async for port in served(door):
            count, wrong = await statuses(port, odd_heads(path), heard)
        assert count > 100
        assert wrong == []


async def test_nor_does_anybody_who_is_known(door: App, services: Services, heard: Heard) -> None:
    """Somebody with a session gets further, and breaks nothing there either."""
    admin = await seated(door, services, Role.ADMIN)
    person = web_login.session_for(services, WeChatIdentity("oa", "o" + "a" * 27))
    phone = sessions.mint(services, "mp", "o" + "b" * 27, mini_login.SESSION_SECONDS)
    for below, entry in (
        (
            "console",
            (b"cookie: xcert_console=" + admin.cookie.encode(), b"x-csrf-token: " + admin.csrf.encode()),
        ),
        ("h5", (b"cookie: xcert_h5=" + person.encode(),)),
        ("mp", (b"authorization: Bearer " + phone.encode(),)),
    ):
        async for port in served(door):
            count, wrong = await statuses(port, attacks(door, entry, below), heard)
        assert count > 100, below
        assert wrong == []
