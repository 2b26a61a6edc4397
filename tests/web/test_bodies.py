"""What may be sent to a door: decided from the head, counted while it comes, and in time. Over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from server.app import create_app
from server.domain.ports import Services
from server.domain.roles import Role
from server.web import body_limits, connections
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.reused_apps import own_app
from tests.web.wire import PATIENCE, App, answered, head, served

HUGE = 50 * 1024 * 1024


@pytest.fixture
def app(services: Services) -> App:
    """On a socket of its own, and two of the tests change its time-outs."""
    return own_app(services)


@pytest.fixture
async def port(app: App) -> AsyncIterator[int]:
    async for found in served(app):
        yield found


def writing_routes(app: App) -> list[tuple[str, str]]:
    """Every route that takes a body, with something in its path's places."""
    found = []
    for route in app.router.routes:
        path = "/" + "/".join(
            ("1" if ":int" in part else "A" * 32) if part.startswith("<") else part
            for part in route.path.split("/")
        )
        found += [(method, path) for method in sorted(route.methods & {"POST", "PUT", "PATCH", "DELETE"})]
    return sorted(found)


async def test_a_huge_body_is_refused_by_its_head_at_every_door(app: App, port: int) -> None:
    """Not one byte of the body was sent, and the connection is closed."""
    routes = writing_routes(app)
    assert len(routes) > 40
    statuses: dict[str, int] = {}
    for method, path in routes:
        status, said = await answered(port, head(method, path, f"content-length: {HUGE}"))
        statuses[f"{method} {path}"] = status
        assert b"connection: close" in said.lower(), path
    # Where somebody known may send more, a stranger is asked who he is.
    asked = {path for path, status in statuses.items() if status != 413}
    assert {statuses[path] for path in asked} == {401}
    assert "POST /console/api/v1/imports" in asked and len(asked) <= 7, asked


async def test_who_is_still_sending_reads_why_he_is_refused(port: int) -> None:
    """A table of seven megabytes of somebody who is not logged in: all of it sent, and the answer is still there."""
    path, sent = "/console/api/v1/imports", b"x" * 7_000_000
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("POST", path, f"content-length: {len(sent)}", "content-type: text/plain"))
        for start in range(0, len(sent), 100_000):
            writer.write(sent[start : start + 100_000])
            await writer.drain()  # nobody reads the answer meanwhile
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.1 401") and b"login_needed" in said
        writer.close()
        await writer.wait_closed()


async def test_a_refused_body_is_not_listened_to_for_ever(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as many bytes nor as long as its sender likes."""
    monkeypatch.setattr(connections, "FORGOTTEN", 200_000)
    monkeypatch.setattr(connections, "FORGETTING_SECONDS", 0.5)
    app.config.REQUEST_TIMEOUT = 1
    async for port in served(app):
        for length, parts, pause in ((HUGE, 50_000, 0.0), (100_000, 1, 0.05)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head("POST", "/v", f"content-length: {length}"))
            with pytest.raises(OSError):
                for _ in range(2000):
                    writer.write(b"a" * parts)
                    await writer.drain()
                    await asyncio.sleep(pause)
            writer.close()


async def test_a_chunked_body_is_counted_while_it_comes(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("POST", "/v", "transfer-encoding: chunked"))
    sent, answer = 0, asyncio.create_task(reader.read(12))
    while not answer.done() and sent < HUGE:
        writer.write(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        sent += 4096
        await asyncio.sleep(0)
        if sent % (64 * 1024) == 0:
            await asyncio.wait({answer}, timeout=1)
    async with asyncio.timeout(PATIENCE):
        assert await answer == b"HTTP/1.1 413"
    assert sent <= body_limits.SMALL + 128 * 1024
    writer.close()


async def test_a_body_at_the_limit_is_taken(port: int) -> None:
    form = b"number=1&name=" + b"a" * (body_limits.SMALL - 14)
    said = head(
        "POST",
        "/v",
        f"content-length: {len(form)}",
        "content-type: application/x-www-form-urlencoded",
        "connection: close",
    )
    assert (await answered(port, said + form))[0] == 404


async def test_an_import_asks_who_and_what_before_it_reads(app: App, services: Services) -> None:
    """Session, secret, right and type, in this order; only then may the body be larger than elsewhere."""
    admin = await seated(app, services, Role.ADMIN)
    auditor = await seated(app, services, Role.AUDITOR)
    path = "/console/api/v1/imports"

    def said(who: Any, *more: str, csrf: bool = True, length: int = HUGE) -> bytes:
        cookie = f"cookie: xcert_console={who.cookie}"
        secret = [f"x-csrf-token: {who.csrf}"] if csrf else []
        return head("POST", path, f"content-length: {length}", cookie, *secret, *more)

    multipart = "content-type: multipart/form-data; boundary=x"
    async for port in served(app):
        got = [
            (await answered(port, one))[0]
            for one in (
                said(admin, multipart, csrf=False),
                said(auditor, multipart),
                said(admin, "content-type: application/json"),
                said(admin, multipart, length=100_000_000),
            )
        ]
    assert got == [403, 403, 415, 413]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&" * body_limits.FIELDS),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n" * (body_limits.PARTS + 2)),
    ],
)
async def test_a_form_has_few_fields(app: App, kind: str, body: bytes) -> None:
    _, answer = await app.asgi_client.post("/v", content=body, headers={"content-type": kind})
    assert (answer.status, answer.json["code"]) == (413, "too_large")


async def test_a_head_that_drips_is_cut_off(app: App) -> None:
    """Every byte starts Sanic's own clock anew."""
    app.config.REQUEST_TIMEOUT = 0.5
    app.config.KEEP_ALIVE_TIMEOUT = 0.5
    async for port in served(app):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nx: ")
        answer = asyncio.create_task(reader.read())
        for _ in range(600):
            if answer.done():
                break
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.1)
        assert answer.done(), "a minute of dripping was listened to"
        writer.close()


async def test_a_body_that_drips_is_cut_off(app: App) -> None:
    route = next(one for one in app.router.routes if one.path == "v" and "POST" in one.methods)
    route.ctx.body = body_limits.Body(seconds=0.5)
    async for port in served(app):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("POST", "/v", "content-length: 60000"))
        answer = asyncio.create_task(reader.read(12))
        for _ in range(600):
            if answer.done():
                break
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.1)
        assert answer.done() and answer.result() == b"HTTP/1.1 408"
        writer.close()


async def test_an_address_holds_so_many_connections(services: Services) -> None:
    settings = replace(services.settings, connections_per_address=3)
    exchange(services, settings=settings)
    async for port in served(create_app(settings, services, name="few")):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in held:
            writer.write(head("GET", "/healthz"))
            async with asyncio.timeout(PATIENCE):
                assert await reader.read(12) == b"HTTP/1.1 200"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("GET", "/healthz"))
        assert await closed(reader)
        writer.close()
        held[0][1].close()
        for _ in range(600):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head("GET", "/healthz", "connection: close"))
            refused = await closed(reader)
            writer.close()
            if not refused:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the place that was given back was not given again")
        for _, writer in held[1:]:
            writer.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read(12) == b""
    except ConnectionError:
        return True


async def test_behind_a_proxy_the_proxy_counts(services: Services) -> None:
    settings = replace(services.settings, connections_per_address=1, proxies=1)
    assert create_app(settings, services, name="proxied").ctx.connections_per_address == 0
