"""What `xcert serve` and `xcert worker` do at SIGHUP: the code and settings of now, and nobody who arrives is sent away.

The supervisor asks a program started anew (`xcert successors …`, from where this one was started: after an upgrade that is
the new release) which processes there should be. It starts them on the same socket, waits until each says that it is ready,
and only then ends the old ones, which answer whom they have let in. Whatever goes wrong before that leaves the old ones be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from server import os_errors
from server.adapters import processes
from server.commands.supervisor import KILL, Child, Supervisor, python

PLAN_SECONDS = 1800.0  # it may migrate
READY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Failed(Exception):
    """The reload cannot be; the message says why."""

    why: str


def _cannot_start(failure: Exception) -> str:
    """No such program, no memory, no more processes: in words."""
    cause = os_errors.cause(failure) if isinstance(failure, OSError) else str(failure)[:200]
    return f"新的进程启动不了（{cause}）"


def program(*arguments: str) -> list[str]:
    """`xcert …` as it is installed now where this process was started from; `current` may name another release by now."""
    started = Path(sys.argv[0])
    if started.name == "xcert" and os.access(started, os.X_OK):
        return [str(started), *arguments]
    return python("-m", "server.cli", *arguments)


def as_json(children: Sequence[Child]) -> str:
    """What `xcert successors` prints and `Reload` reads: it is understood by the releases before and after this one."""
    return json.dumps(
        [
            {
                "title": child.title,
                "command": list(child.command),
                "environment": dict(child.environment),
                "log": str(child.log) if child.log else None,
                "pass_fds": list(child.pass_fds),
            }
            for child in children
        ]
    )


def from_json(text: str) -> list[Child]:
    """Raises ValueError, KeyError or TypeError for anything else."""
    return [
        Child(
            one["title"],
            [str(word) for word in one["command"]],
            one["environment"],
            Path(one["log"]) if one["log"] else None,
            tuple(one["pass_fds"]),
        )
        for one in json.loads(text)
    ]


class Reload:
    """For `Supervisor(…, reload=…)`.

    Args:
        arguments: of `xcert`, that print the children that there should be.
        say: for the person at the terminal.
        pass_fds: what those children are given.
        plan: another program that prints them.
        seconds: until each must be ready.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        say: Callable[[str], None],
        pass_fds: Sequence[int] = (),
        *,
        plan: Sequence[str] | None = None,
        seconds: float = READY_SECONDS,
    ) -> None:
        self._arguments = list(arguments)
        self._say = say
        self._pass_fds = tuple(pass_fds)
        self._plan = plan
        self._seconds = seconds

    def __call__(self, supervisor: Supervisor) -> Iterator[None]:
        """One reload in steps, between which the supervisor looks after everything else."""
        self._say("收到 SIGHUP：按现在的程序和设置启动新的进程，原来的继续接待……")
        try:
            children = yield from self._asked()
            yield from self._started(supervisor, children)
        except (Failed, OSError, subprocess.SubprocessError) as failure:
            failed = failure if isinstance(failure, Failed) else Failed(_cannot_start(failure))
            for child in supervisor.coming:
                child.end(KILL)
            supervisor.coming.clear()
            self._say(f"没有重新载入，原来的进程继续运行：{failed.why}")
            return
        yield from self._changed(supervisor)
        self._say("已重新载入。")

    def _asked(self) -> Generator[None, None, list[Child]]:
        with tempfile.TemporaryFile() as answer:
            asked = subprocess.Popen(  # noqa: S603 -- our own program; what is wrong it says on our own stderr
                self._plan or program(*self._arguments),
                stdin=subprocess.DEVNULL,
                stdout=answer,
                pass_fds=self._pass_fds,
                start_new_session=True,
                preexec_fn=processes.die_with_parent(KILL),
            )
            until = time.monotonic() + PLAN_SECONDS
            while (code := asked.poll()) is None:
                if time.monotonic() > until:
                    asked.kill()
                    asked.wait()
                    raise Failed(f"{PLAN_SECONDS:g} 秒内没有准备好")
                yield
            answer.seek(0)
            text = answer.read().decode("utf-8", "replace")
        if code:
            raise Failed("设置、密钥或数据库有问题，见上面的说明")
        try:
            return from_json(text)
        except (ValueError, KeyError, TypeError):
            raise Failed("新的程序没有说明要启动哪些进程；请重新启动整个服务") from None

    def _started(self, supervisor: Supervisor, children: Sequence[Child]) -> Iterator[None]:
        for child in children:
            supervisor.coming.append(child)
            child.spawn(tells=True)
        until = time.monotonic() + self._seconds
        while waiting := [child for child in children if not child.is_ready()]:
            if dead := [child for child in waiting if not child.is_alive()]:
                raise Failed(f"新的{dead[0].title.strip()}没有启动成功{_see(dead[0])}")
            if time.monotonic() > until:
                raise Failed(
                    f"新的{waiting[0].title.strip()}在 {self._seconds:g} 秒内没有准备好{_see(waiting[0])}"
                )
            yield

    def _changed(self, supervisor: Supervisor) -> Iterator[None]:
        """From here the new ones are the service; the old ones answer whom they have let in, and end."""
        supervisor.leaving += [child for child in supervisor.children if not child.stays]
        kept = [child for child in supervisor.children if child.stays]
        supervisor.children = kept + supervisor.coming
        supervisor.coming = []
        yield from supervisor.ended(supervisor.leaving)
        supervisor.leaving.clear()


def _see(child: Child) -> str:
    return f"，日志见 {child.log}" if child.log else "，见它的日志"
