"""Answers that are none: pages of proxies, cut JSON, errcodes that are no numbers, giants."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.adapters.wechat.transport import LARGEST, Transport
from server.errors import OutsideFailure, WeChatRefused
from server.settings import Settings
from tests.kit.fakes import FakeClock

TOKEN = b'{"access_token": "t", "expires_in": 7200}'
MENU = {"button": [{"type": "click", "name": "a", "key": "k"}]}


@asynccontextmanager
async def saying(body: bytes, *, status: int = 200, kind: str = "application/json") -> AsyncIterator[str]:
    """A server that gives a token, and this answer to everything else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        is_token = b"stable_token" in head
        said, code, mime = (TOKEN, 200, "application/json") if is_token else (body, status, kind)
        writer.write(
            f"HTTP/1.1 {code} X\r\nContent-Type: {mime}\r\nContent-Length: {len(said)}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        for start in range(0, len(said), 65536):  # in pieces, as a network gives them
            writer.write(said[start : start + 65536])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def api(settings: Settings, redis_url: str, url: str) -> AsyncIterator[WeChatApi]:
    client = cache.connect(redis_url)
    found = WeChatApi(
        dataclasses.replace(settings, api_url=url), client, cache.RedisCache(client), FakeClock(), seconds=5.0
    )
    try:
        yield found
    finally:
        await found.close()
        await client.aclose()


@pytest.mark.parametrize(
    ("body", "status", "kind", "unknown"),
    [
        (b"<html>login to the network</html>", 200, "text/html", True),
        (b'{"errcode": 0, "errm', 200, "application/json", True),
        (b'{"errcode": "none"}', 200, "application/json", True),
        (b"[]", 200, "application/json", True),
        (b"", 200, "application/json", True),
        (b"bad gateway", 502, "text/html", True),
        (b"not here", 404, "text/html", False),
        (b"x" * (LARGEST + 1), 200, "application/json", True),
    ],
    ids=["page", "cut", "no number", "list", "nothing", "502", "404", "giant"],
)
async def test_what_is_no_answer_says_nothing_of_what_was_done(
    settings: Settings, redis_url: str, body: bytes, status: int, kind: str, unknown: bool
) -> None:
    async with saying(body, status=status, kind=kind) as url, api(settings, redis_url, url) as wechat:
        with pytest.raises(OutsideFailure) as failure:
            await wechat.create_menu(MENU)
        assert not isinstance(failure.value, WeChatRefused)
        assert failure.value.unknown is unknown


async def test_an_answer_in_pieces_is_read_whole(settings: Settings, redis_url: str) -> None:
    """One read of a stream gives what has come so far: a picture would be cut, unnoticed."""
    picture = b"\xff\xd8" + bytes(range(256)) * 4000 + b"\xff\xd9"
    async with saying(picture, kind="image/jpeg") as url, api(settings, redis_url, url) as wechat:
        assert await wechat.scan_code_image("abc") == picture


async def test_an_ok_in_text_plain_is_an_ok(settings: Settings, redis_url: str) -> None:
    async with (
        saying(b'{"errcode":0,"errmsg":"ok"}', kind="text/plain") as url,
        api(settings, redis_url, url) as wechat,
    ):
        await wechat.create_menu(MENU)


async def test_bare_control_characters_and_broken_utf8_do_not_hide_an_answer(
    settings: Settings, redis_url: str
) -> None:
    """WeChat hands back what was once put there, byte for byte."""
    body = b'{"menu": {"button": [{"type": "click", "name": "\x01a\xff", "key": "k"}]}}'
    async with saying(body) as url, api(settings, redis_url, url) as wechat:
        assert await wechat.current_menu() == {"button": [{"type": "click", "name": "\x01a", "key": "k"}]}


@pytest.mark.parametrize("body", [b'{"access_token": "t"}', b'{"openid": "o"}', b"{}"])
async def test_a_login_without_an_identity_is_none(settings: Settings, redis_url: str, body: bytes) -> None:
    async with saying(body) as url, api(settings, redis_url, url) as wechat:
        with pytest.raises(OutsideFailure, match="微信没有给出登录身份"):
            await wechat.exchange_oauth_code("code")


async def test_a_code_that_is_no_picture_is_none(settings: Settings, redis_url: str) -> None:
    async with saying(b'{"errcode": 0}') as url, api(settings, redis_url, url) as wechat:
        with pytest.raises(OutsideFailure, match="微信没有给出小程序码"):
            await wechat.scan_code_image("abc")


async def test_a_call_that_is_cut_off_is_not_sent_again_by_itself() -> None:
    """wechat.md §3.1, §4.1: a log-in code is good for one use, so a second sending would tell the person a lie."""
    heard = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"jscode2session" in head:
                heard += 1
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        calls = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await calls.call("GET", "/cgi-bin/anything")  # the connection is now one that was used before
        with pytest.raises(OutsideFailure) as told:
            await calls.call("GET", "/sns/jscode2session", params={"js_code": "once"})
        await calls.close()
    assert heard == 1
    assert told.value.unknown
