"""A whole production site on this machine, as docs/operate.md sets it up: two hosts of an installed release behind nginx.

PgBouncer before PostgreSQL, a Redis with TLS, an S3 bucket, and a WeChat (the sandbox) behind TLS. What an operator types
is run by the installed program; to load it once for all commands, they are forked (`command_server`).
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import redis

from server.commands import dev_setup
from server.settings import load
from tests.kit import front, object_store, redis_programs, tls
from tests.kit.command_server import CommandServer
from tests.kit.other_postgres import older_postgres
from tests.kit.pooling import pgbouncer
from tests.kit.production import wait_ready
from tests.kit.repository import ROOT
from tests.kit.started import Started, end, free_port

SAMPLES = ROOT / "docs" / "deploy"
APP_ROLE = "xcert_app"
OPERATOR = "127.0.0.2"  # from where the monitoring asks
_AES_KEYS = ("a" * 43, "b" * 43)
# WeChat's own: what an operator reads there and fills in.
ACCOUNTS = {
    "WECHAT_OA_APPID": "wx0000000000000001",
    "WECHAT_MP_APPID": "wx0000000000000002",
    "WECHAT_OA_TEMPLATE_RESULT": "template-of-results",
    "WECHAT_OA_TEMPLATE_CERTIFICATE": "template-of-certificates",
    "WECHAT_OA_TEMPLATE_CORRECTION": "template-of-corrections",
    "WECHAT_OA_TEMPLATE_SIGNING": "template-of-signing",
}
SECRETS = {
    "WECHAT_OA_SECRET": "1" * 32,
    "WECHAT_OA_TOKEN": "oatoken0123456",
    "WECHAT_OA_AES_KEY": _AES_KEYS[0],
    "WECHAT_MP_SECRET": "2" * 32,
    "WECHAT_MP_TOKEN": "mptoken0123456",
    "WECHAT_MP_AES_KEY": _AES_KEYS[1],
}


def own_address() -> str:
    """A loopback address whose ports 80 and 443 are ours. Skips where an ordinary user may not take them."""
    for _ in range(20):
        address = f"127.{random.randint(2, 250)}.{random.randint(0, 250)}.{random.randint(2, 250)}"
        try:
            for port in (80, 443):
                with socket.socket() as probe:
                    probe.bind((address, port))
        except PermissionError:
            pytest.skip("ports 80 and 443 are root's here, and production has an address without a port")
        except OSError:
            continue
        return address
    raise AssertionError("no loopback address has its ports free")


@contextmanager
def bucket(port: int, folder: Path) -> Iterator[object_store.Way]:
    """The way to the S3 server with its proxy that checks signatures, in a thread with a loop of its own."""
    object_store.emptied(folder)
    ready, over = threading.Event(), asyncio.Event()
    ways: list[object_store.Way] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with object_store.way_to(port, folder) as way:
            ways.append(way)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield ways[0]
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join()


@dataclass
class Host:
    """One machine: its own data folder and its own copy of the keys."""

    folder: Path
    web_processes: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def stop(self) -> int:
        """`systemctl stop`; the exit code."""
        assert self.process is not None
        return end(self.process, signal.SIGTERM)


@dataclass
class Site:
    """Everything that runs. `url` is where the world finds it, `sandbox` where people hold their phones."""

    current: Path  # as `make install` leaves it: it points to the release
    folder: Path
    address: str
    started: Started
    commands: CommandServer
    bucket: Path  # what the object store holds
    hosts: tuple[Host, ...] = ()
    sandbox: str = ""
    settings: dict[str, str] = field(
        default_factory=dict
    )  # what stands in xcert.env beside the sample's lines
    secrets: dict[str, str] = field(default_factory=dict)  # each a file of its own
    owner_url: str = ""  # of the database, directly, as the owner of the tables
    logins: dict[str, str] = field(default_factory=dict)
    opened: list[httpx.Client] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)  # every command, as it was typed

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def xcert(self, *arguments: str | Path, code: int = 0) -> str:
        """What an operator types on the first host, with the settings of the service; what it said on stdout."""
        return self._run(arguments, self.environment(), code)

    def refused(self, *arguments: str) -> str:
        """The same too early: what it says instead."""
        done = self.commands.run(list(arguments), cwd=self.folder, env=self.environment())
        assert done.returncode == 1, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stderr + done.stdout

    def as_owner(self, *arguments: str | Path) -> str:
        """The same for a command that changes tables."""
        own = {"XCERT_DATABASE_URL": self.owner_url, "XCERT_DATABASE_SESSION_URL": self.owner_url}
        return self._run(arguments, self.environment() | own, 0)

    def _run(self, arguments: Sequence[str | Path], env: dict[str, str], code: int) -> str:
        self.typed.append(" ".join(["xcert", *map(str, arguments)]))
        done = self.commands.run([str(one) for one in arguments], cwd=self.folder, env=env)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        """In which an operator types."""
        return self.of(self.hosts[0])

    def of(self, host: Host) -> dict[str, str]:
        """The environment of a program on one host, as systemd makes it: xcert.env, and secrets as files."""
        lines = (SAMPLES / "xcert.env").read_text("utf-8").splitlines()
        said = dict(line.split("=", 1) for line in lines if not line.startswith("#")) | self.settings
        place = self.folder / "secrets"
        place.mkdir(exist_ok=True, mode=0o700)
        for name, value in self.secrets.items():
            (place / name).write_text(value, "utf-8")
        said |= {f"{name}_FILE": str(place / name) for name in self.secrets}
        own = {
            "XCERT_DATA_DIR": str(host.folder / "data"),
            "XCERT_KEYS_DIR": str(host.keys),
            "PORT": str(host.port),
            "XCERT_WORKERS": str(host.web_processes),
        }
        return outside(self.authority) | said | own

    def connect(self, stack: ExitStack, owner_url: str) -> None:
        """A database of this server, with two roles and a PgBouncer before it: where the service is to find its tables."""
        password = secrets.token_hex(8)
        with psycopg.connect(owner_url, autocommit=True) as link:
            link.execute(f"DROP ROLE IF EXISTS {APP_ROLE}")
            link.execute(f"CREATE ROLE {APP_ROLE} LOGIN PASSWORD '{password}'")
        direct = app_url(owner_url, password)
        pooled = stack.enter_context(pgbouncer(direct, default_pool_size=8, admin_users=APP_ROLE))
        self.owner_url = owner_url
        self.secrets |= {"XCERT_DATABASE_URL": pooled, "XCERT_DATABASE_SESSION_URL": direct}

    def pool(self, word: str) -> None:
        """A word at PgBouncer's console: PAUSE, RESUME."""
        console = urlsplit(self.secrets["XCERT_DATABASE_URL"])._replace(path="/pgbouncer")
        with psycopg.connect(urlunsplit(console), autocommit=True) as link:
            link.execute(word)

    def start(self, host: Host) -> None:
        """`xcert serve` of the installed release."""
        more = {"PYTHONPATH": str(ROOT / "tests" / "deaths"), "DIES_IN": str(self.dying), "DIES_AS": "host"}
        command = [str(self.current / "bin" / "xcert"), "serve", "--no-migrate"]
        self.typed.append("xcert serve --no-migrate")
        with (host.folder / "log").open("ab") as log:
            host.process = subprocess.Popen(
                command,
                cwd=host.folder,
                env=self.of(host) | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.started.also(partial(end, host.process, signal.SIGTERM))

    def is_ready(self, host: Host) -> None:
        assert host.process is not None
        wait_ready(f"http://127.0.0.1:{host.port}", host.process)

    def first_dies(self, place: str) -> None:
        """The host whose web process comes by this place next loses its power; none, when this was never reached."""
        self.dying.mkdir(exist_ok=True)
        (self.dying / "new").write_text(place, "utf-8")
        (self.dying / "new").rename(self.dying / "place")

    @property
    def dying(self) -> Path:
        return self.folder / "dying"

    def dead(self, seconds: float = 30) -> Host:
        """The one that has lost its power."""
        until = time.monotonic() + seconds
        while not (dead := [host for host in self.hosts if host.process and host.process.poll() is not None]):
            assert time.monotonic() < until, "no host has died"
            time.sleep(0.02)
        [one] = dead
        return one

    def is_lost(self) -> None:
        """Database, files, keys and Redis of a site that nobody will see again, and no program of it runs."""
        for host in self.hosts:
            for place in (host.keys, host.folder / "data"):
                shutil.rmtree(place)
            host.keys.mkdir(mode=0o700)
        object_store.emptied(self.bucket)
        redis.Redis.from_url(self.secrets["XCERT_REDIS_URL"], ssl_ca_certs=str(self.authority)).flushall()

    def copy_keys(self) -> None:
        """What has to be done within the hour after a rotation: the same keys on every host."""
        first, *others = self.hosts
        for other in others:
            shutil.copytree(first.keys, other.keys, dirs_exist_ok=True)


def app_url(url: str, password: str) -> str:
    """The same database for the service's own role."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{APP_ROLE}:{password}@{parts.hostname}:{parts.port}"))


@contextmanager
def site(release: Path, folder: Path, objects: tuple[int, Path], started: Started) -> Iterator[Site]:
    """Everything round the service runs, its settings are written, and nothing of the service is started yet.

    Args:
        release: of the program.
        folder: an empty one.
        objects: the S3 server's port, and the folder of its bucket.
        started: ends what is started.
    """
    address = own_address()
    identity = tls.identity(folder, address, days=60)
    (current := folder / "current").symlink_to(release)
    one = Site(current, folder, address, started, CommandServer(release / "bin" / "python"), objects[1])
    started.also(one.commands.stop)
    one.hosts = (Host(folder / "a", 2), Host(folder / "b", 1))
    for host in one.hosts:
        host.keys.mkdir(parents=True, mode=0o700)
    with ExitStack() as stack:
        way = stack.enter_context(bucket(*objects))
        redis_port = stack.enter_context(
            redis_programs.with_tls(identity.authority, identity.certificate, identity.key)
        )
        sandbox, s3, wechat = free_port(), free_port(), free_port()
        one.sandbox = f"http://127.0.0.1:{sandbox}"
        one.settings |= {
            "XCERT_PUBLIC_URL": one.url,
            "XCERT_OPERATIONS": OPERATOR,
            "XCERT_JOB_WORKERS": "1",
            "XCERT_FILES_URL": f"s3://{object_store.BUCKET}/prod",
            "XCERT_S3_ENDPOINT": f"{one.url}:{s3}",
            "XCERT_S3_REGION": object_store.REGION,
            "XCERT_S3_CERTIFICATES_FILE": str(identity.authority),
            "XCERT_REDIS_CERTIFICATES_FILE": str(identity.authority),
            "WECHAT_API_URL": f"{one.url}:{wechat}",
            "WECHAT_OPEN_URL": f"{one.url}:{wechat}",
            "XCERT_WECHAT_HOSTS": address,
            **ACCOUNTS,
        }
        one.secrets |= SECRETS | {
            "XCERT_REDIS_URL": f"rediss://:{redis_programs.PASSWORD}@127.0.0.1:{redis_port}/0",
            "XCERT_S3_ACCESS_KEY": object_store.ACCESS,
            "XCERT_S3_SECRET_KEY": object_store.SECRET,
        }
        beside = {f"{address}:{s3}": way.port, f"{address}:{wechat}": sandbox}
        ports = tuple(host.port for host in one.hosts)
        front.start(folder, started, front.Front(f"{address}:80", f"{address}:443", ports, beside), identity)
        one.connect(stack, stack.enter_context(older_postgres()))
        _start_sandbox(one)
        yield one


def _start_sandbox(one: Site) -> None:
    """The WeChat of this site, which knows the templates as somebody would choose them in WeChat's consoles."""
    place = one.folder / "wechat"
    dev_setup.register_templates(replace(load(one.of(one.hosts[0]), env_file=None), data_dir=place))
    port = one.sandbox.rpartition(":")[2]
    own = {
        "SANDBOX_PORT": port,
        "SANDBOX_SERVICE_URL": one.url,
        "SANDBOX_DATA_DIR": str(place),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "server.sandbox", "--quiet"]
    with (one.folder / "wechat.log").open("wb") as log:
        env = outside(one.authority) | ACCOUNTS | SECRETS | own
        process = one.started.program(command, cwd=one.folder, env=env, stdout=log, stderr=log)
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                return
        assert process.poll() is None, (one.folder / "wechat.log").read_text()
        time.sleep(0.05)


def outside(authority: Path) -> dict[str, str]:
    """What a program is told by this machine alone: nothing of a service, and whose certificates are trusted."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("XCERT_", "WECHAT_", "PYTHON"))}
    return kept | {"SSL_CERT_FILE": str(authority)}
