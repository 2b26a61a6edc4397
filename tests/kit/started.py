"""Processes that a test starts: they end with it, however it ends, and their ports are nobody else's meanwhile."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

# Below the range out of which Linux picks the local end of a connection that anybody opens (32768–60999).
PORTS = range(12_000, 32_000)
_reserved: list[int] = []  # handles of the names that keep our ports from other test processes


def free_port() -> int:
    """A port for a program that binds it later: no connection takes it by chance, no other test is given it.

    The reservation is a name in Linux's abstract namespace, which ends with this process and leaves nothing behind.
    """
    for port in random.sample(PORTS, len(PORTS)):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0xcert-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _reserved.append(name.detach())
        return port
    raise AssertionError("every port is taken")


class Process(Protocol):
    """What is used of `subprocess.Popen`, whoever started the process."""

    stdin: Any
    stdout: Any
    stderr: Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


def end(process: Process, how: signal.Signals = signal.SIGINT, seconds: float = 60) -> int:
    """End a process, also one that died before or does not listen; its exit code. Its pipes are closed."""
    if process.poll() is None:
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None:
        process.kill()
    code = process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return code


def proc(pid: int, name: str) -> str:
    """A file of /proc about a process; empty when that process has ended meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{name}").read_text()
    return ""


class Started:
    """What one test started. `also` takes whatever else has to be undone after it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def program(self, command: list[Any], **how: Any) -> subprocess.Popen[Any]:
        """Start a program; the arguments are those of Popen."""
        process: subprocess.Popen[Any] = subprocess.Popen([str(part) for part in command], **how)
        self.also(lambda: end(process))
        return process

    def also(self, undo: Callable[[], Any]) -> None:
        self._undo.append(undo)

    def end(self) -> None:
        """Undo everything, the last first, whatever goes wrong on the way."""
        wrong: list[Exception] = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                wrong.append(error)
        if wrong:
            raise ExceptionGroup("not everything could be ended", wrong)
