"""WeChat's sending API as lean as can be, in a process of its own: reads a request, gives it a number.

python -m tests.bench.send_server PORT [SECONDS]   (SECONDS: how long each answer takes)
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from email.utils import formatdate
from functools import partial

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKEN = b'{"access_token":"' + b"t" * 512 + b'","expires_in":7200}'
_numbers = itertools.count(3_900_000_000_000_000_000)


class _Answering(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        found = _LENGTH.search(head)
        if found is not None and len(body) < int(found[1]):
            return
        self._buffer = b""
        content = (
            _TOKEN if b"/stable_token" in head else b'{"errcode":0,"errmsg":"ok","msgid":%d}' % next(_numbers)
        )
        answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json; encoding=utf-8\r\nDate: "
            + formatdate(usegmt=True).encode()
            + b"\r\nContent-Length: %d\r\n\r\n" % len(content)
            + content
        )
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def main(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Answering, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
