"""Keeps child processes alive, and ends all of them cleanly."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.adapters import processes

GRACE_SECONDS = 20.0
_LOOK_SECONDS = 0.2
_STEADY_SECONDS = 60.0
_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class Child:
    """One program that shall always run."""

    title: str  # for people
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None = None  # None: our own output
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    failures: int = field(default=0, init=False)
    began: float = field(default=0.0, init=False)
    due: float = field(default=0.0, init=False)

    def spawn(self) -> None:
        """Start it. It dies with us, and Ctrl-C in the terminal reaches us alone."""
        output = self.log.open("ab") if self.log is not None else None
        try:
            self.process = subprocess.Popen(  # noqa: S603 -- our own programs
                list(self.command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self.pass_fds,
                start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGKILL),
            )
        finally:
            if output is not None:
                output.close()
        self.began = time.monotonic()


class Supervisor:
    """Runs children until told to stop; one that dies is started again, later and later if it keeps dying."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children = list(children)
        self._say = say
        self._stop = threading.Event()

    def run(
        self, tick: Callable[[], None] = lambda: None, *, on_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Start the children and watch them until SIGINT or SIGTERM.

        Args:
            tick: called between looks; must not wait.
            on_stop: called once, before the children are told to end.
        """
        before = {sign: signal.signal(sign, self._stop_on_signal) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            for child in self.children:
                child.spawn()
            while not self._stop.wait(_LOOK_SECONDS):
                for child in self.children:
                    self._look_after(child)
                tick()
        finally:
            on_stop()
            self._end_all()
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _stop_on_signal(self, _sign: int, _frame: object) -> None:
        self._stop.set()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                child.spawn()
            return
        code = child.process.poll()
        if code is None:
            if child.failures and now - child.began > _STEADY_SECONDS:
                child.failures = 0
            return
        pause = min(0.5 * 2**child.failures, _LONGEST_PAUSE)
        child.failures += 1
        child.process = None
        child.due = now + pause
        where = f"，日志见 {child.log}" if child.log else ""
        again = f"{pause:g} 秒后重新启动"
        if code == 0:  # it was told to by somebody else than us: no fault of its own, nothing in its log
            self._say(f"{child.title}被单独停止，已正常结束，{again}；要停止整个服务，请停止 xcert 主进程")
        else:
            self._say(f"{child.title}意外退出（代码 {code}），{again}{where}")

    def _end_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def python(*arguments: str) -> list[str]:
    """A command that runs this same Python."""
    return [sys.executable, *arguments]
