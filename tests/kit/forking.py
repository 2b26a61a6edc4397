"""`xcert serve --dev` forked from a process that has loaded the program already: a start costs half of what it does else.

For journeys that ask what the service does. How it is started, watched and ended is asked of the program itself
(`Service.is_forked = False`). What is forked is a process of its own all the same: its own environment, session, output and
death.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import IO, Any, NoReturn

import server.sandbox.__main__ as sandbox
from server import cli, worker
from server.adapters import processes
from server.app import create_app
from server.commands import dev_setup, serve, supervisor  # noqa: F401 -- what the commands import when they run
from server.settings import load

ROOT = Path(__file__).resolve().parents[2]
_PAUSE = 0.02
_SIGNALS: dict[int, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


class _Process:
    """What is used of `subprocess.Popen`."""

    stdin = stderr = None
    stdout: IO[str] | None = None
    returncode: int | None = None
    pid: int

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._ended()
        return self.returncode

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_PAUSE)
        return code

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Child(_Process):
    """What the supervisor starts, forked from the supervisor."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **how: Any) -> None:
        files = (how.pop("stdout"), how.pop("stderr"))  # None: where the supervisor itself writes
        output = (1 if files[0] is None else files[0].fileno(), 2 if files[1] is None else files[1].fileno())
        fds, preexec = how.pop("pass_fds"), how.pop("preexec_fn")
        assert command[:2] == [sys.executable, "-m"]
        assert how == {"stdin": subprocess.DEVNULL, "start_new_session": True}
        self.pid = _fork(command[2:], env, output, fds, preexec)


class ForkedProgram(_Process):
    """A program forked from the process below, which is asked how it ended. What it says is read from `stdout`.

    Args:
        program: its name in `_run`, and its arguments.
        is_heard: False for one whose words nobody reads.
    """

    def __init__(self, program: Sequence[str], env: Mapping[str, str], *, is_heard: bool = True) -> None:
        ours, theirs = os.pipe() if is_heard else (-1, os.open(os.devnull, os.O_WRONLY))
        self._server = _server()
        self.pid = self._server.ask({"start": list(program), "env": dict(env)}, theirs)
        os.close(theirs)
        self.stdout = os.fdopen(ours, "r", encoding="utf-8") if is_heard else None

    def _ended(self) -> int | None:
        code: int | None = self._server.ask({"ended": self.pid})
        return code


class AwaitedProgram:
    """The same for a test that must not stop meanwhile: what is used of `asyncio.subprocess.Process`."""

    def __init__(self, program: Sequence[str], env: Mapping[str, str]) -> None:
        self._program = ForkedProgram(program, env, is_heard=False)
        self.pid = self._program.pid
        self.send_signal = self._program.send_signal
        self.terminate = self._program.terminate
        self.kill = self._program.kill

    @property
    def returncode(self) -> int | None:
        return self._program.poll()

    async def wait(self) -> int:
        while (code := self._program.poll()) is None:
            await asyncio.sleep(_PAUSE)
        return code


class _Server:
    """The process that has loaded everything; it and all it has forked end with this one."""

    def __init__(self) -> None:
        self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.forking", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=(theirs.fileno(),),
            )
        atexit.register(self.stop)

    def ask(self, what: dict[str, Any], *descriptors: int) -> Any:
        socket.send_fds(self._way, [json.dumps(what).encode()], list(descriptors))
        return json.loads(self._way.recv(1000))

    def stop(self) -> None:
        self._way.close()
        self._process.wait(30)


@cache
def _server() -> _Server:
    return _Server()


def _fork(
    program: Sequence[str],
    env: Mapping[str, str],
    output: tuple[int, int],
    pass_fds: Sequence[int],
    preexec: Callable[[], None],
) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    if (pid := os.fork()) == 0:
        _become(program, env, output, pass_fds, preexec)
    return pid


def _become(
    program: Sequence[str],
    env: Mapping[str, str],
    output: tuple[int, int],
    pass_fds: Sequence[int],
    preexec: Callable[[], None],
) -> NoReturn:
    """In the forked process: everything as a new one would have it."""
    code = 1
    try:
        os.setsid()
        preexec()
        for sign, action in _SIGNALS.items():
            signal.signal(sign, action)
        _descriptors(output, pass_fds)
        os.environ.clear()
        os.environ.update(env)
        atexit._clear()  # what the parent leaves to do is the parent's
        sys.argv = ["xcert", *program[1:]]
        for folder in filter(None, env.get("PYTHONPATH", "").split(os.pathsep)):
            if (
                first := Path(folder) / "sitecustomize.py"
            ).exists():  # what a new Python reads before all else
                runpy.run_path(str(first))
        code = _run(*program) or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(name: str, *arguments: str) -> int | None:
    if name == "server.cli":
        cli.main(arguments)
    if name == "server.sandbox":  # reads sys.argv
        return sandbox.main()
    if name == "worker":
        asyncio.run(worker.run(load(env_file=None)))
    if name == "web":
        create_app(load(env_file=None)).run(
            host="127.0.0.1",
            port=int(arguments[0]),
            single_process=True,
            access_log=False,
            motd=False,
            verbosity=0,
        )
    return 0


def _descriptors(output: tuple[int, int], pass_fds: Sequence[int]) -> None:
    """Nothing to read, these two to write on, and of what the parent has open only what is handed on."""
    copies = [os.dup(one) for one in output]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, copy in enumerate(copies, start=1):
        os.dup2(copy, number)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in {0, 1, 2, *pass_fds}:
            with suppress(OSError):  # the listing's own
                os.close(number)


def main(way: socket.socket) -> None:
    """Fork what is asked for, and tell how it ended, until nobody asks."""
    vars(supervisor)["subprocess"] = SimpleNamespace(
        Popen=_Child, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
    )
    gc.freeze()
    ended: dict[int, int] = {}
    while True:
        asked, descriptors, _, _ = socket.recv_fds(way, 1_000_000, 1)
        if not asked:
            return
        order = json.loads(asked)
        if "start" in order:
            [output] = descriptors
            preexec = processes.die_with_parent(signal.SIGKILL)
            answer: int | None = _fork(order["start"], order["env"], (output, output), (), preexec)
            os.close(output)
        else:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(order["ended"], os.WNOHANG)
                if pid:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(order["ended"])
        way.sendall(json.dumps(answer).encode())


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
