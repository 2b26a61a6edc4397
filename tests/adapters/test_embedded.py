"""The embedded servers: data stays, nobody else gets in, and no kill leaves them broken."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from server.adapters import processes
from server.adapters.embedded import AlreadyRunning, EmbeddedError, Postgres, Redis, folders
from tests.kit.small_disk import mounted
from tests.kit.started import Started

# A process that starts both servers in the folder given, says their addresses, and waits to be killed.
KEEPER = """
import sys, time
from server.adapters.embedded import Postgres, Redis
print(Postgres(sys.argv[1] + "/postgres").start(), Redis(sys.argv[1] + "/redis").start(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that `nobody` can reach (pytest's own lies below a 0700 one)."""
    place = Path(tempfile.mkdtemp(prefix="xcert-test-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def run_sql(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as link:
        cursor = link.execute(statement)
        return cursor.fetchall() if cursor.description else []


def postmaster(folder: Path) -> int:
    """The process number of the server, from its own file."""
    return int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def ends(pid: int, seconds: float = 60.0) -> bool:
    """Whether the process ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def keep(started: Started, folder: Path) -> tuple[subprocess.Popen[str], str, str]:
    """A process with both servers, and their addresses."""
    child = started.program(
        [sys.executable, "-c", KEEPER, folder], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    database, cache = child.stdout.readline().split()
    return child, database, cache


def test_data_stays_between_starts(folder: Path) -> None:
    with Postgres(folder / "postgres", fast=True) as server, Redis(folder / "redis") as cache:
        run_sql(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        redis.Redis.from_url(cache.url).set("kept", "yes")
    with Postgres(folder / "postgres", fast=True) as server, Redis(folder / "redis") as cache:
        assert run_sql(server.url, "SELECT answer FROM kept") == [(42,)]
        assert redis.Redis.from_url(cache.url).get("kept") == b"yes"


def test_only_this_machine_and_only_with_the_password(folder: Path) -> None:
    with Postgres(folder / "postgres", fast=True) as server, Redis(folder / "redis") as cache:
        assert run_sql(server.url, "SHOW listen_addresses") == [("127.0.0.1",)]
        assert run_sql(server.url, "SHOW unix_socket_directories") == [("",)]
        assert run_sql(server.url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [
            ("scram-sha-256",)
        ]
        word = (folder / "postgres" / "password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(word, "wrong"))
        assert redis.Redis.from_url(cache.url).config_get("bind") == {"bind": "127.0.0.1"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=int(cache.url.rsplit(":", 1)[1].split("/")[0])).ping()
        secrets = [word, (folder / "redis" / "password").read_text()]
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                said = entry.read_text(errors="replace")
            except OSError:
                continue
            assert not any(secret in said for secret in secrets)
    modes = {stat.S_IMODE((folder / name / "password").stat().st_mode) for name in ("postgres", "redis")}
    assert modes == {0o600}
    assert stat.S_IMODE((folder / "postgres" / "data").stat().st_mode) == 0o700


def test_a_second_start_says_that_it_runs(folder: Path) -> None:
    with Postgres(folder / "postgres", fast=True) as server:
        with pytest.raises(AlreadyRunning) as refusal:
            Postgres(folder / "postgres").start()
        assert str(refusal.value) == (
            f"内嵌 PostgreSQL 已在运行（数据目录 {folder / 'postgres'}，进程 {os.getpid()}）。"
            "请先停止它，或用 XCERT_DATA_DIR 另选数据目录。"
        )
        guest = Postgres(folder / "postgres")
        assert guest.start_or_join() == server.url
        guest.stop()
        assert run_sql(server.url, "SELECT 1") == [(1,)]


def test_two_folders_never_meet(folder: Path) -> None:
    with Postgres(folder / "a", fast=True) as one, Postgres(folder / "b", fast=True) as other:
        run_sql(one.url, "CREATE TABLE mine ()")
        assert one.url.rsplit(":", 1)[1] != other.url.rsplit(":", 1)[1]
        assert run_sql(other.url, "SELECT to_regclass('mine')") == [(None,)]


def test_they_die_with_whoever_started_them(folder: Path, started: Started) -> None:
    child, _, _ = keep(started, folder)
    server = postmaster(folder)
    (cache,) = processes.working_in(folder / "redis" / "data", "redis-server")
    child.kill()
    child.wait()
    assert ends(server) and ends(cache)


def test_after_kill_9_of_everything_all_data_is_there(folder: Path, started: Started) -> None:
    child, database, cache = keep(started, folder)
    run_sql(database, "CREATE TABLE kept AS SELECT 42 AS answer")
    store = redis.Redis.from_url(cache)
    store.set("kept", "yes")
    store.execute_command("CONFIG", "SET", "appendfsync", "always")
    store.set("flushed", "yes")
    servers = [postmaster(folder), *processes.working_in(folder / "redis" / "data", "redis-server")]
    for pid in (*servers, child.pid):
        os.kill(pid, signal.SIGKILL)
    child.wait()
    assert all(ends(pid) for pid in servers)
    assert (folder / "postgres" / "data" / "postmaster.pid").exists(), "the kill left its file"
    with Postgres(folder / "postgres") as server, Redis(folder / "redis") as again:
        assert run_sql(server.url, "SELECT answer FROM kept") == [(42,)]
        assert redis.Redis.from_url(again.url).get("kept") == b"yes"


def test_an_orphan_on_the_data_is_ended(folder: Path, started: Started) -> None:
    """A server that outlived its parent would refuse the next one its data folder."""
    with Postgres(folder / "postgres", fast=True) as server:
        run_sql(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        port = server.url.rsplit(":", 1)[1].split("/")[0]
        program = os.readlink(f"/proc/{postmaster(folder)}/exe")
    who = folders.account()
    orphan = started.program(
        [
            *(program, "-D", str(folder / "postgres" / "data")),
            *("-c", f"port={port}", "-c", "unix_socket_directories="),
        ],
        user=who.uid,
        group=who.gid,
        extra_groups=[] if who.uid is not None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"LC_ALL": "C"},
    )
    assert orphan.stdout is not None
    while "ready to accept connections" not in (line := orphan.stdout.readline()):
        assert line, "the orphan did not start"
    with Postgres(folder / "postgres", fast=True) as server:
        assert run_sql(server.url, "SELECT answer FROM kept") == [(42,)]
    assert orphan.wait(60) == 0


def test_a_killed_server_comes_back_on_its_port(folder: Path) -> None:
    with Postgres(folder / "postgres") as server:
        run_sql(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = postmaster(folder)
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        assert not server.is_running()
        assert tended(server, "内嵌 PostgreSQL 已恢复") == [
            "内嵌 PostgreSQL 意外停止，正在重新启动",
            "内嵌 PostgreSQL 已恢复",
        ]
        assert run_sql(server.url, "SELECT answer FROM kept") == [(42,)]


def tended(server: Postgres | Redis, last: str) -> list[str]:
    """What the server says while it is looked after, until it says `last`."""
    told: list[str] = []
    until = time.monotonic() + 60
    while not told or not told[-1].startswith(last):
        assert time.monotonic() < until, told
        if (said := server.tend()) is not None:
            told.append(said)
        time.sleep(0.01)
    return told


def test_a_server_that_cannot_start_is_tried_again_for_ever_and_the_caller_never_waits(folder: Path) -> None:
    """Its port was taken, or its disk was full: one failed try used to end the whole service."""
    with Redis(folder / "redis") as server:
        (pid,) = processes.working_in(folder / "redis" / "data", "redis-server")
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", server._port))
            other.listen()
            told = tended(server, "内嵌 Redis 还没有恢复")
            told += tended(server, "内嵌 Redis 还没有恢复")
        said = f"（请查看日志 {folder / 'redis' / 'server.log'}）"
        assert told == [
            "内嵌 Redis 意外停止，正在重新启动",
            f"内嵌 Redis 还没有恢复{said}，0.5 秒后再试",
            f"内嵌 Redis 还没有恢复{said}，1 秒后再试",
        ]
        assert server.tend() is None, "not yet due"
        tended(server, "内嵌 Redis 已恢复")
        assert redis.Redis.from_url(server.url).ping()


def test_a_half_made_data_folder_is_made_anew(folder: Path) -> None:
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(folder / "postgres", fast=True) as server:
        assert run_sql(server.url, "SELECT 1") == [(1,)]


def test_data_of_another_version_is_refused(folder: Path) -> None:
    with Postgres(folder / "postgres", fast=True):
        pass
    (folder / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        EmbeddedError, match="属于 PostgreSQL 9，现在装的是 18。请用原来的版本运行 xcert backup"
    ):
        Postgres(folder / "postgres").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_root_below_a_closed_home_keeps_data_outside(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    first = home / "checkout" / "postgres"
    with Postgres(first) as server:
        run_sql(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    place = Path((first / "place").read_text())
    assert place.is_relative_to(folders.OUTSIDE)
    copied = home / "copy" / "postgres"
    shutil.copytree(first, copied)
    try:
        with Postgres(copied) as server:
            assert run_sql(server.url, "SELECT to_regclass('kept')") == [(None,)]
        first.rename(home / "moved")
        with Postgres(home / "moved") as server:
            assert run_sql(server.url, "SELECT answer FROM kept") == [(42,)]
    finally:
        shutil.rmtree(place)
        shutil.rmtree((copied / "place").read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a program as somebody else")
def test_an_ordinary_user(folder: Path) -> None:
    nobody = folders.account()
    folder.chmod(0o777)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    root = Path(__file__).parents[2]
    for python in (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve()):
        if python.exists() and nobody.may_pass(python.parent) and sys.version_info[:2] == version_of(python):
            break
    else:
        pytest.skip("no Python of this version that nobody can run")
    if not nobody.may_pass(root) or not nobody.may_pass(Path(packages)):
        pytest.skip("the checkout lies where nobody cannot read it")
    done = subprocess.run(
        [
            *(str(python), "-c"),
            "import sys, os; from server.adapters.embedded import Postgres, Redis\n"
            "with Postgres(sys.argv[1] + '/postgres', fast=True), Redis(sys.argv[1] + '/redis'): print(os.geteuid())",
            str(folder),
        ],
        user=nobody.uid,
        group=nobody.gid,
        extra_groups=[],
        env={"PYTHONPATH": f"{root}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{nobody.uid}\n", "")


def version_of(python: Path) -> tuple[int, ...]:
    said = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
    )
    return tuple(int(part) for part in said.stdout.split())


def test_a_full_disk_ends_the_database_for_as_long_as_it_is_full_and_loses_nothing() -> None:
    """What was committed is there again, by itself, once there is room; what was refused is not."""
    with mounted(110) as disk, Postgres(disk.folder / "postgres", fast=True) as server:
        run_sql(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        disk.fill()
        with pytest.raises(
            psycopg.Error
        ):  # refused, or the server itself ends: it cannot write its log ahead
            for _ in range(60):  # more than the 16 MB that its log has reserved
                run_sql(server.url, "SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000))")
        disk.free()
        assert tend_until(server, lambda: answers(server.url) == [(42,)])
        run_sql(server.url, "INSERT INTO kept VALUES (43)")


def answers(url: str) -> list[tuple[object, ...]] | None:
    """What the table holds; None while the server is away or recovers."""
    try:
        return run_sql(url, "SELECT answer FROM kept ORDER BY 1")
    except psycopg.OperationalError:
        return None


def tend_until(server: Postgres, enough: Callable[[], bool], seconds: float = 120) -> bool:
    """Look after the server, as the supervisor does, until it is enough."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        server.tend()
        if enough():
            return True
        time.sleep(0.05)
    return False
