"""Keeps child processes alive, and ends all of them cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from server.adapters import processes

GRACE_SECONDS = 20.0
KILL = signal.SIGKILL
_LOOK_SECONDS = 0.2
_END_LOOK_SECONDS = 0.02
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
    stays: bool = False  # over a reload
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    failures: int = field(default=0, init=False)
    began: float = field(default=0.0, init=False)
    due: float = field(default=0.0, init=False)
    _ready: int | None = field(default=None, init=False)  # where it tells that it is

    def spawn(self, *, tells: bool = False) -> None:
        """Start it. It dies with us, and Ctrl-C in the terminal reaches us alone.

        Args:
            tells: it is asked to tell when it is ready, see `is_ready`; its command must take `--ready`.
        """
        output = self.log.open("ab") if self.log is not None else None
        telling: tuple[int, ...] = ()
        if tells:
            self._ready, theirs = os.pipe()
            os.set_blocking(self._ready, False)
            telling = (theirs,)
        try:
            self.process = subprocess.Popen(  # noqa: S603 -- our own programs
                [*self.command, *(word for fd in telling for word in ("--ready", str(fd)))],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(*self.pass_fds, *telling),
                start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGKILL),
            )
        finally:
            if output is not None:
                output.close()
            for fd in telling:
                os.close(fd)
        self.began = time.monotonic()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether it has told that it is; true from then on."""
        if self._ready is not None:
            with suppress(BlockingIOError):
                if os.read(self._ready, 1):
                    os.close(self._ready)
                    self._ready = None
        return self._ready is None

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end; `SIGKILL` also waits for it."""
        if self._ready is not None:
            os.close(self._ready)
            self._ready = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            if how == KILL:
                self.process.wait()


class Supervisor:
    """Runs children until told to stop; one that dies is started again, later and later if it keeps dying.

    Args:
        children: what shall run.
        say: for the person at the terminal.
        reload: at SIGHUP, puts others in their place in small steps (`reloading.Reload`); None: SIGHUP stops all of it.
    """

    def __init__(
        self,
        children: Sequence[Child],
        say: Callable[[str], None],
        reload: Callable[[Supervisor], Iterator[None]] | None = None,
    ) -> None:
        self.children = list(children)
        self.coming: list[Child] = []  # started by a reload and not yet ready
        self.leaving: list[Child] = []  # replaced by it and not yet ended
        self._say = say
        self._reload = reload
        self._is_asked = False
        self._reloading: Iterator[None] | None = None
        self._stop = threading.Event()

    def run(
        self, tick: Callable[[], None] = lambda: None, *, on_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Start the children and watch them until SIGINT or SIGTERM.

        Args:
            tick: called between looks; must not wait.
            on_stop: called once, before the children are told to end.
        """
        stopping = [signal.SIGINT, signal.SIGTERM, *([] if self._reload else [signal.SIGHUP])]
        before = {sign: signal.signal(sign, self._stop_on_signal) for sign in stopping}
        if self._reload:
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._reload_on_signal)
        try:
            for child in self.children:
                child.spawn()
            while not self._stop.wait(_LOOK_SECONDS):
                for child in self.children:
                    self._look_after(child)
                self._go_on_reloading()
                tick()
        finally:
            on_stop()
            self._end_all()
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _stop_on_signal(self, _sign: int, _frame: object) -> None:
        self._stop.set()

    def _reload_on_signal(self, _sign: int, _frame: object) -> None:
        self._is_asked = True

    def _go_on_reloading(self) -> None:
        """One step of the reload under way. A SIGHUP that comes meanwhile is answered by another one after it."""
        if self._reloading is None and self._is_asked and self._reload is not None:
            self._is_asked = False
            self._reloading = self._reload(self)
        if self._reloading is not None:
            try:
                next(self._reloading)
            except StopIteration:
                self._reloading = None

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
        for _ in self.ended([*self.children, *self.leaving, *self.coming]):
            time.sleep(_END_LOOK_SECONDS)

    def ended(self, children: Sequence[Child]) -> Iterator[None]:
        """Tell them to end, and give way until they have, or are killed after GRACE_SECONDS."""
        children = list(children)
        for child in children:
            child.end()
        until = time.monotonic() + GRACE_SECONDS
        while any(child.is_alive() for child in children) and time.monotonic() < until:
            yield
        for child in children:
            child.end(KILL)


def python(*arguments: str) -> list[str]:
    """A command that runs this same Python."""
    return [sys.executable, *arguments]
