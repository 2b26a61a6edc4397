"""A PostgreSQL of the system's (15, as Debian 12 has it): older than the wheel's, and built with TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.started import free_port
from tests.kit.tls import Identity

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def account(folder: Path) -> dict[str, Any]:
    """As whom a server runs on this folder, for Popen: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody")
    return {"user": "nobody", "extra_groups": []}


@contextmanager
def older_postgres(identity: Identity | None = None) -> Iterator[str]:
    """A server of its own. Yields the URL of an empty database.

    Args:
        identity: with it, the server lets in who comes by TLS and nobody else.
    """
    if not PROGRAMS.is_dir():
        pytest.skip("PostgreSQL 15 is not installed here (apt-get install postgresql-15)")
    folder = Path(tempfile.mkdtemp(prefix="pg15-", dir="/tmp"))
    who, port = account(folder), free_port()
    how: dict[str, Any] = {
        "check": True,
        "capture_output": True,
        "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        "cwd": "/",
        **who,
    }
    data = folder / "data"
    initdb: list[str | Path] = [
        PROGRAMS / "initdb",
        "-D",
        data,
        "-U",
        "xcert",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "-N",
    ]
    subprocess.run(initdb, **how)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    if identity is not None:
        shutil.copy(identity.certificate, data / "server.crt")
        shutil.copy(identity.key, data / "server.key")
        (data / "server.key").chmod(0o600)
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
        account(data)
        options += " -c ssl=on"
    control: list[str | Path] = [PROGRAMS / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], **how)
    try:
        yield f"postgresql://xcert@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **how)
        shutil.rmtree(folder, ignore_errors=True)
