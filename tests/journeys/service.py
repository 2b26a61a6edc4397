"""The real thing for journeys: `xcert serve --dev` in an empty folder, with the sandbox beside it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx

from tests.kit.forking import ForkedProgram
from tests.kit.started import end, free_port

ROOT = Path(__file__).resolve().parents[2]
_LOGIN = re.compile(r"用户名 (\S+)　密码 (\S+)")
_INVITATION = re.compile(r"(http://\S+/h5/officer\?invitation=\S+)")


def last_four(line: str) -> str:
    """Of the greeting's line of an invitation: the last digits of the phone that it was made for."""
    found = re.search(r"手机号后四位 (\d{4})", line)
    assert found is not None, line
    return found[1]


def moved_clock(seconds: int) -> dict[str, str]:
    """The environment of a program whose clock is so far ahead, and of what it starts.

    Not by `faketime` around it: a signal to that wrapper would not reach the program.
    """
    shown = subprocess.run(
        ["faketime", "-f", "+1s", "env"], capture_output=True, text=True, check=True
    ).stdout
    [library] = re.findall("^LD_PRELOAD=(.+)$", shown, re.MULTILINE)
    return {
        "LD_PRELOAD": library,
        "FAKETIME": f"+{seconds}s",
        "PYTHONPATH": str(ROOT / "tests" / "ahead"),  # libfaketime forgets the timed waits of threads
    }


@dataclass
class Service:
    """One running service; `logins` are those that its first start printed."""

    folder: Path
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    logins: dict[str, str] = field(default_factory=dict)
    invitations: list[str] = field(default_factory=list)
    greeting: str = ""  # of the last start
    first_greeting: str = ""  # what the first start printed, with the log-ins
    opened: list[httpx.Client] = field(default_factory=list)  # closed when the service stops
    process: subprocess.Popen[str] | ForkedProgram | None = None
    ahead_seconds: int = 0  # the clock of the service and its sandbox, from the next start on
    is_forked: ClassVar[bool] = True  # False: started as everybody starts it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("XCERT_", "WECHAT_"))
        }
        if self.ahead_seconds:
            kept |= moved_clock(self.ahead_seconds)
        return kept | {
            "XCERT_DATA_DIR": str(self.folder / "var"),
            "XCERT_KEYS_DIR": str(self.folder / "certs"),
            "XCERT_JOB_WORKERS": "1",
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, seconds: float = 120) -> Service:
        """Start and wait for the greeting, which comes when the service is ready."""
        self.process = self._spawn()
        assert self.process.stdout is not None
        lines: list[str] = []
        ends = time.monotonic() + seconds
        for line in self.process.stdout:
            lines.append(line)
            if "按 Ctrl-C 停止" in line or time.monotonic() > ends:
                break
        self.greeting = "".join(lines)
        if "按 Ctrl-C 停止" not in self.greeting:
            self.stop()
            raise AssertionError(f"the service did not start:\n{self.greeting}\n{self.log()[-4000:]}")
        self.first_greeting = self.first_greeting or self.greeting
        self.logins |= dict(_LOGIN.findall(self.greeting))
        self.invitations += _INVITATION.findall(self.greeting)
        return self

    def _spawn(self) -> subprocess.Popen[str] | ForkedProgram:
        if self.is_forked and not self.ahead_seconds:
            return ForkedProgram(("server.cli", "serve", "--dev"), self.environment())
        return subprocess.Popen(
            [sys.executable, "-m", "server.cli", "serve", "--dev"],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def log(self) -> str:
        path = self.folder / "var" / "service.log"
        return path.read_text("utf-8") if path.exists() else ""

    def stop(self) -> None:
        """Ctrl-C, and a wait for everything to end; also after a start that failed or a process that was killed."""
        while self.opened:
            self.opened.pop().close()
        if self.process is not None:
            end(self.process)
            self.process = None


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach, so that the data of the database stand in it and may be copied with it."""
    place = Path(tempfile.mkdtemp(prefix="xcert-journey-", dir="/tmp"))
    place.chmod(0o777)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def after_its_first_start(folder: Path, shared: Path, kind: type[Service] = Service) -> Service:
    """A service in `folder` that has been started once and stopped: a first start takes half a minute of the processor.

    One test process makes the first start, every other copies what it left.

    Args:
        shared: a folder of all test processes of this run.
        kind: how the service is started from then on.
    """
    first, told = shared / "service", shared / "service.json"
    with (shared / "service.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(first, ignore_errors=True)
            first.mkdir(mode=0o777)
            one = Service(first)
            with running(one):
                pass
            kept = {"greeting": one.greeting, "logins": one.logins, "invitations": one.invitations}
            told.write_text(json.dumps([one.port, one.sandbox_port, kept]), "utf-8")
    subprocess.run(["cp", "-a", f"{first}/.", str(folder)], check=True)  # with its owners
    service = kind(folder)
    was, sandbox_was, _ = json.loads(told.read_text("utf-8"))
    text = told.read_text("utf-8").replace(f":{was}/", f":{service.port}/")
    kept = json.loads(text.replace(f":{sandbox_was}/", f":{service.sandbox_port}/"))[2]
    service.logins, service.invitations = kept["logins"], kept["invitations"]
    service.first_greeting = kept["greeting"].replace(str(first), str(folder))
    return service


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Start a service, and stop it however the tests with it end."""
    try:
        yield service.start()
    finally:
        service.stop()
