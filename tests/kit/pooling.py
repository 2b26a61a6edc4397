"""A PgBouncer of the system's before the database of a test, as operators put it there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
import pytest

from tests.kit.started import end, free_port

LEAST_POOL = (
    3  # connections of the PgBouncer to the database: fewer than its clients, so that each is lent to many
)


@contextmanager
def pgbouncer(url: str, **more: str | int) -> Iterator[str]:
    """A PgBouncer in transaction mode before the server of `url`. Yields the URL that leads through it.

    Args:
        more: further words of its configuration.
    """
    if (program := shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/sbin")) is None:
        pytest.skip("PgBouncer is not installed here (apt-get install pgbouncer)")
    parts, port = urlsplit(url), free_port()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    folder.chmod(0o755)  # the account it runs as passes it
    (folder / "users.txt").write_text(f'"{user}" "{password}"\n')
    words: dict[str, str | int] = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users.txt"),
        "pool_mode": "transaction",
        "default_pool_size": LEAST_POOL,
        "stats_users": user,
        **({"user": "nobody"} if os.geteuid() == 0 else {}),  # it refuses root
        **more,
    }
    lines = [f"[databases]\n* = host={parts.hostname} port={parts.port}\n[pgbouncer]"]
    (folder / "ini").write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in words.items())]))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "ini")], stdout=log, stderr=log)
    pooled = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))
    try:
        while not _answers(pooled):
            assert process.poll() is None, (folder / "log").read_text()
        yield pooled
    finally:
        end(process)
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
