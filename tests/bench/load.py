"""A load generator on bare sockets: kept-alive connections that ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Caller(asyncio.Protocol):
    """One connection. The length of each answer is learnt the first time and trusted afterwards."""

    def __init__(self, load: Load, first: int) -> None:
        self.load, self.turn = load, first
        self.buffer = b""
        self.left = 0
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.turn = (self.turn + 1) % len(self.load.requests)
        self.left = self.load.lengths[self.turn]
        self.buffer = b""
        self.began = time.perf_counter()
        self.transport.write(self.load.requests[self.turn])

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.buffer += data
            head, end, _ = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                raise AssertionError(head.decode())
            found = _LENGTH.search(head)
            assert found is not None
            self.load.lengths[self.turn] = len(head) + 4 + int(found[1])
            self.left = self.load.lengths[self.turn] - len(self.buffer)
        else:
            self.left -= len(data)
        if self.left == 0:
            self.load.seconds.append(time.perf_counter() - self.began)
            if not self.load.is_over:
                self.ask()


class Load:
    """What one server was asked and how long each answer took."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.port, self.requests = port, requests
        self.lengths = [0] * len(requests)
        self.seconds: list[float] = []
        self.is_over = False

    async def run(self, *, seconds: float, connections: int) -> int:
        """Ask for that long; returns how many answers came. `seconds` of each stay in `self.seconds`."""
        self.seconds, self.is_over = [], False
        loop = asyncio.get_running_loop()
        callers = []
        for number in range(connections):
            place = number * len(self.requests) // connections
            transport, _ = await loop.create_connection(partial(_Caller, self, place), "127.0.0.1", self.port)
            callers.append(transport)
        await asyncio.sleep(seconds)
        self.is_over = True
        for transport in callers:
            transport.close()
        await asyncio.sleep(0.05)
        return len(self.seconds)


def get(path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def processor_seconds(pid: int) -> float:
    """Processor time that all threads of a process have had: what a busy machine cannot distort."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9
