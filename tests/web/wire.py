"""The service on a real socket, and requests as bytes: what no HTTP client would send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

from sanic import Sanic

from server.web.connections import BoundedProtocol

App = Sanic[Any, Any]
PATIENCE = 60


async def served(app: App) -> AsyncIterator[int]:
    """The port on which the app listens, as long as the loop over this goes."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        server = await app.create_server(sock=line, protocol=BoundedProtocol, return_asyncio_server=True)
        assert server is not None
        await server.startup()
        await server.before_start()
        await server.start_serving()
        yield line.getsockname()[1]
        await server.close()


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


async def answered(port: int, said: bytes) -> tuple[int, bytes]:
    """The status and all that came until the other end closed; the request stays unfinished."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(PATIENCE):
        found = await reader.read()
    writer.close()
    return int(found.split(b" ", 2)[1]), found
