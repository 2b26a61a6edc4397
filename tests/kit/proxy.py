"""A TCP proxy that a test makes refuse, cut, hang or slow: what stands behind it is fine all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Passes bytes on until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._goes = asyncio.Event()
        self._goes.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.pieces = 0  # pieces that came from the near side
        self.delay = (
            0.0  # seconds that every piece from the near side waits: each round trip takes so much longer
        )

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Nobody listens any more, and what is open is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def hang(self) -> None:
        """Take everything and pass nothing on."""
        self._goes.clear()

    def go_on(self) -> None:
        self._goes.set()

    async def close(self) -> None:
        self.go_on()
        await self.refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, far_writer}
            await asyncio.gather(self._pump(reader, far_writer, near=True), self._pump(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, near: bool = False
    ) -> None:
        try:
            while data := await source.read(65536):
                self.pieces += near
                await self._goes.wait()
                if near and self.delay:
                    await asyncio.sleep(self.delay)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(sink)
            sink.transport.abort()


@asynccontextmanager
async def before(url: str) -> AsyncIterator[tuple[str, Proxy]]:
    """A proxy before the server of `url`: the URL that leads through it, and the proxy."""
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    proxy = Proxy(parts.hostname, parts.port)
    await proxy.open()
    user = parts.netloc.rpartition("@")[0]
    try:
        yield urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}")), proxy
    finally:
        await proxy.close()
