"""What every embedded server has in common: one folder, one lock, one child on a free port of 127.0.0.1."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from server.adapters import processes
from server.adapters.embedded import folders, programs

_START_SECONDS = 120.0  # recovery after a power cut may take a while
_ATTEMPTS = 5  # between choosing a free port and using it somebody else may take it
_LOG_LIMIT = 10_000_000
_LONGEST_PAUSE = 30.0

_NOT_INSTALLED = (
    "内嵌的 PostgreSQL 和 Redis 没有安装，它们只供开发。请设置 XCERT_DATABASE_URL 和 XCERT_REDIS_URL；"
    '要在这台机器上开发，请运行 make setup，或 pip install "xcert[dev-servers]"。'
)
Answer = TypeVar("Answer")
Steps = tuple[tuple[signal.Signals, float], ...]


class EmbeddedError(Exception):
    """An embedded server cannot run; the message is one Chinese sentence that says what to do."""


class AlreadyRunning(EmbeddedError):
    """The folder is in use by a process that lives."""


class Server(ABC):
    """What both have in common: one folder, one lock, one child."""

    title: str
    _end: Steps

    def __init__(self, folder: Path | str, *, fast: bool = False) -> None:
        """`fast` gives up safety against power cuts: for tests only."""
        self.folder = Path(folder).resolve()
        self.fast = fast
        self._lock: IO[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._who = folders.account()
        self._place = self.folder
        self._port = 0
        self._revival: Iterator[None] | None = None
        self._failures = 0
        self._due = 0.0
        self.url = ""

    def start(self) -> str:
        """Start and return the URL. Call it from the main thread, with which the server lives and dies.

        Raises:
            AlreadyRunning: another process uses this folder.
            EmbeddedError: it cannot start; the message says where the log is.
        """
        self._claim()
        try:
            self._place = folders.data_place(self.folder, self._who)
            self._prepare()
            for _ in range(_ATTEMPTS):
                self._port = _free_port()
                url = self._launch(self._port)
                if url is not None:
                    self.url = url
                    folders.write(self._address, url)
                    return url
            raise EmbeddedError(f"{self.title}没有启动成功，请查看日志 {self.log_path}。")
        except BaseException:
            self.stop()
            raise

    def start_or_join(self) -> str:
        """Like `start`; if another process of ours runs it already, the URL of that one. `stop` then does nothing."""
        try:
            return self.start()
        except AlreadyRunning:
            until = time.monotonic() + _START_SECONDS
            while time.monotonic() < until:
                if self._address.exists():
                    return self._address.read_text("utf-8").strip()
                time.sleep(0.05)
            raise

    def tend(self) -> str | None:
        """Bring back a server of ours that died, on the same port, for as long as it takes: later and later.

        Call it often, from the main thread; it never waits and never raises.

        Returns:
            what to tell the person at the terminal, now and then; otherwise None.
        """
        if self._revival is None:
            if self.is_running() or time.monotonic() < self._due:
                return None
            self._revival = self._revive()
            return f"{self.title}意外停止，正在重新启动" if not self._failures else None
        try:
            next(self._revival)
        except StopIteration:
            self._revival, self._failures = None, 0
            return f"{self.title}已恢复"
        except (EmbeddedError, OSError, subprocess.SubprocessError) as error:
            self._revival = None
            pause = min(0.5 * 2**self._failures, _LONGEST_PAUSE)
            self._failures += 1
            self._due = time.monotonic() + pause
            return f"{self.title}还没有恢复（{error}），{pause:g} 秒后再试"
        return None

    def _revive(self) -> Iterator[None]:
        """In steps between which the caller is free; what takes time is done aside, but for the start itself."""
        self._child = None
        yield from aside(self._prepare)
        self._begin(self._port)
        until = time.monotonic() + _START_SECONDS
        while not (yield from aside(lambda: self._is_up(self._port))):
            child: subprocess.Popen[bytes] | None = self._child
            if child is None or child.poll() is not None:
                raise EmbeddedError(f"请查看日志 {self.log_path}")
            if time.monotonic() > until:
                yield from aside(partial(processes.end_child, child, self._end))
                raise EmbeddedError(f"{_START_SECONDS:.0f} 秒内没有应答，请查看日志 {self.log_path}")
            yield
        if not self.is_running():  # somebody else answers on its port
            raise EmbeddedError(f"请查看日志 {self.log_path}")

    def stop(self) -> None:
        """Stop cleanly; harmless when nothing runs."""
        if self._child is not None:
            processes.end_child(self._child, self._end)
            self._child = None
        if self._lock is not None:
            self._address.unlink(missing_ok=True)
            if self.fast:
                folders.forget(self._place, self.folder)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    @property
    def _address(self) -> Path:
        """Holds the URL while the server runs."""
        return self.folder / "url"

    @abstractmethod
    def _prepare(self) -> None:
        """Everything that has to be there before the program starts."""

    def _programs(self, name: str, version: str, trials: Sequence[str]) -> Path:
        """A package whose programs our account can run: the installed one, or a copy of it."""
        try:
            return programs.runnable(package(name), version, trials, self._who)
        except programs.NotRunnable as error:
            raise EmbeddedError(
                f"{self.title}的程序无法运行（{error}）。请删除 .venv 后重新运行 make setup。"
            ) from None

    @abstractmethod
    def _begin(self, port: int) -> None:
        """Start the program on this port; it need not answer yet."""

    @abstractmethod
    def _is_up(self, port: int) -> bool:
        """Whether it answers there."""

    @abstractmethod
    def _complete(self, port: int) -> str:
        """The URL, once it answers; what has to be there at the first start is made."""

    def _launch(self, port: int) -> str | None:
        """The URL once it answers; None if it ended at once."""
        self._begin(port)
        return self._complete(port) if self._await(lambda: self._is_up(port)) else None

    def _claim(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "未知"
            lock.close()
            raise AlreadyRunning(
                f"{self.title}已在运行（数据目录 {self.folder}，进程 {holder}）。"
                "请先停止它，或用 XCERT_DATA_DIR 另选数据目录。"
            ) from None
        lock.truncate(0)
        self._address.unlink(missing_ok=True)  # left by a start that was killed
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _spawn(self, command: list[str], *, ending: signal.Signals, stdin: bytes = b"") -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 -- our own program and arguments
                command,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(),
                user=self._who.uid,
                group=self._who.gid,
                extra_groups=[] if self._who.uid is not None else None,
                start_new_session=True,  # Ctrl-C in the terminal is ours to handle, in our order
                preexec_fn=processes.die_with_parent(ending),
            )
        assert self._child.stdin is not None
        self._child.stdin.write(stdin)
        self._child.stdin.close()

    def _await(self, answers: Callable[[], bool]) -> bool:
        """Wait until `answers`; False if the child ended before."""
        until = time.monotonic() + _START_SECONDS
        while self._child is not None and time.monotonic() < until:
            if self._child.poll() is not None:
                self._child = None
                return False
            if answers():
                return True
            time.sleep(0.03)
        raise EmbeddedError(f"{self.title}在 {_START_SECONDS:.0f} 秒内没有应答，请查看日志 {self.log_path}。")


def aside(work: Callable[[], Answer]) -> Generator[None, None, Answer]:
    """Do `work` in a thread and give way until it is done. Returns what it returns, raises what it raises."""
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        yield
    if errors:
        raise errors[0]
    return answers[0]


def package(name: str) -> Path:
    """Where a package lies, without importing it: both do things on import that we do not want."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(_NOT_INSTALLED)
    return Path(spec.origin).parent


def environment() -> dict[str, str]:
    """Nothing of ours but the search path: no secrets, no PG* variables, no foreign locale."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
