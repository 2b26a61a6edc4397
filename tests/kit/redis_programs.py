"""Redis and sentinels of the system's, with TLS and replicas: what the wheel's own Redis has not."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.kit.started import end, free_port

PASSWORD = "password-of-redis"
SERVICE = "xcert"
_PAUSE = 0.02


def _program(name: str) -> list[str]:
    """Debian's redis-tools holds the server, which is what it is called: redis-server or redis-sentinel.

    Returns:
        The beginning of a command.
    """
    if (found := shutil.which("redis-check-rdb")) is None:
        pytest.skip("Redis is not installed here (apt-get install redis-tools)")
    return ["bash", "-c", f'exec -a {name} {found} "$@"', name]


@contextmanager
def _running(name: str, folder: Path, lines: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    place = folder / f"{name}-{free_port()}"
    place.mkdir()
    (place / "conf").write_text("\n".join([*lines, f"dir {place}", 'save ""', ""]))
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([*_program(name), str(place / "conf")], stdout=log, stderr=log)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _wait(port: int, **how: object) -> redis.Redis:
    client = redis.Redis("127.0.0.1", port, password=PASSWORD, **how)  # type: ignore[arg-type]
    while True:
        try:
            client.ping()
        except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
            time.sleep(_PAUSE)
            continue
        return client


@contextmanager
def with_tls(authority: Path, certificate: Path, key: Path) -> Iterator[int]:
    """A Redis that speaks TLS alone. Yields its port.

    Args:
        authority, certificate, key: PEM files.
    """
    port = free_port()
    lines = [
        "port 0",
        f"tls-port {port}",
        f"tls-cert-file {certificate}",
        f"tls-key-file {key}",
        f"tls-ca-cert-file {authority}",
        "tls-auth-clients no",
        f"requirepass {PASSWORD}",
    ]
    with _folder() as folder, _running("redis-server", folder, lines):
        _wait(port, ssl=True, ssl_ca_certs=str(authority)).close()
        yield port


@dataclass
class Watched:
    """A master and a replica, watched by a sentinel."""

    ports: tuple[int, int]
    sentinel: int
    master: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The first sentinel has been down for long."""
        return f"redis+sentinel://:{PASSWORD}@127.0.0.1:{free_port()},127.0.0.1:{self.sentinel}/{SERVICE}/0"


@contextmanager
def watched() -> Iterator[Watched]:
    first, second, sentinel = free_port(), free_port(), free_port()
    common = [
        f"requirepass {PASSWORD}",
        f"masterauth {PASSWORD}",
        "bind 127.0.0.1",
        "repl-diskless-sync-delay 0",
    ]
    with _folder() as folder, ExitStack() as stack:
        master = stack.enter_context(_running("redis-server", folder, [f"port {first}", *common]))
        replica = [f"port {second}", f"replicaof 127.0.0.1 {first}", *common]
        stack.enter_context(_running("redis-server", folder, replica))
        _wait(first).close()
        link = _wait(second)
        while link.info("replication")["master_link_status"] != "up":
            time.sleep(_PAUSE)
        link.close()
        lines = [
            f"port {sentinel}",
            "bind 127.0.0.1",
            f"sentinel monitor {SERVICE} 127.0.0.1 {first} 1",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} 300",
            f"sentinel failover-timeout {SERVICE} 1000",
        ]
        stack.enter_context(_running("redis-sentinel", folder, lines))
        asked = redis.Redis("127.0.0.1", sentinel)
        while not _knows_the_replica(asked):
            time.sleep(_PAUSE)
        asked.close()
        yield Watched((first, second), sentinel, master)


def _knows_the_replica(sentinel: redis.Redis) -> bool:
    try:
        return len(sentinel.sentinel_slaves(SERVICE)) == 1
    except redis.RedisError:
        return False
