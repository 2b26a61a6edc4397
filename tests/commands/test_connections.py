"""What commands say of the connections: a PgBouncer where the database was meant, and too few for all machines."""

from __future__ import annotations

import dataclasses
import re
import socket
from pathlib import Path

import pytest

from server import store_urls
from server.commands import Impossible, preflight
from server.commands.doctor import connection_checks, local
from server.commands.doctor.connection_checks import Held, held_by_others, judged
from server.commands.doctor.findings import Level
from server.models import database
from server.settings import Settings
from server.store_urls import place_of
from tests.commands.conftest import Xcert
from tests.kit import tls
from tests.kit.pooling import pgbouncer
from tests.kit.started import free_port

NAMES = {"xcert-web@a": 9, "xcert-queue@b": 3, "xcert-jobs@b": 5, "xcert-web@me": 11, "psql": 2, "xcert": 1}


def test_what_others_hold_is_counted_by_machine() -> None:
    direct = held_by_others(NAMES, me="me", roles=("web", "jobs", "queue"))
    assert direct == Held({"a": 9, "b": 8}, 3)
    assert str(direct) == "别的机器现在用着 17 个（a 9、b 8），其余程序 3 个"
    assert held_by_others(NAMES, me="me", roles=("queue",)) == Held({"b": 3}, 3)


@pytest.mark.parametrize(
    ("most", "level", "said"),
    [
        (97, Level.OK, "还够 2 台这样的机器（连本机）"),
        (60, Level.LOOK, "快不够了"),
        (50, Level.BAD, "不够；请调小 XCERT_DATABASE_POOL"),
    ],
)
def test_it_is_said_before_it_is_too_tight(most: int, level: Level, said: str) -> None:
    finding = judged("本机最多用 31 个", 31, Held({"a": 18}, 2), most)
    assert (finding.level, finding.title) == (level, "数据库连接数")
    assert finding.text.startswith(
        f"本机最多用 31 个，别的机器现在用着 18 个（a 18），其余程序 2 个，数据库最多接受 {most} 个，{said}"
    )


@pytest.fixture
def ours(settings: Settings, db_url: str) -> Settings:
    return dataclasses.replace(
        settings, database_url=db_url, workers=2, database_pool=10, job_workers=1, job_database_pool=6
    )


async def test_the_connections_of_all_processes_are_added_up(db_url: str, ours: Settings) -> None:
    """web × (pool + its listener) + jobs × (pool + the queue's three), and what another machine holds."""
    link = await database.line(database.Way(db_url, name="xcert-web@another"))
    finding = await connection_checks.check(ours)
    await link.close()
    assert finding.level is Level.OK
    assert finding.text.startswith("本机最多用 31 个（网页 2 × 11，任务 1 × 9），")
    assert "（another 1）" in finding.text
    finding = await connection_checks.check(dataclasses.replace(ours, workers=200))
    assert (finding.level, "不够；请调小" in finding.text) == (Level.BAD, True)
    nobody = dataclasses.replace(ours, database_url="postgresql://u:p@127.0.0.1:1/x")
    assert (await connection_checks.check(nobody)).text == "无法查看，请先解决数据库连接"


async def test_a_pgbouncer_has_limits_of_its_own(db_url: str, ours: Settings) -> None:
    with pgbouncer(db_url, max_client_conn=40) as url:
        both = dataclasses.replace(ours, database_url=url, database_session_url=db_url)
        assert re.fullmatch(r"PostgreSQL \S+，直连和经过 PgBouncer 都通", await local.CHECKS["数据库"](both))
        finding = await connection_checks.check(both)
        assert finding.level is Level.OK
        assert finding.text.startswith(
            "本机最多向 PgBouncer 要 28 个，直连 3 个（任务 1 × 3）；PgBouncer 最多接受 40 个，向数据库用 3 个，"
        )
        others = database.Way(url, through_pgbouncer=True, name="xcert-web@another")
        links = [await database.line(others) for _ in range(13)]
        finding = await connection_checks.check(both)
        for link in links:
            await link.close()
        assert finding.level is Level.BAD
        assert (
            "PgBouncer 最多接受 40 个（max_client_conn），别的机器现在用着 13 个（another 13）"
            in finding.text
        )
    with pgbouncer(db_url, stats_users="somebody") as url:
        finding = await connection_checks.check(dataclasses.replace(both, database_url=url))
        assert (finding.level, "写进它的 stats_users" in finding.text) == (Level.LOOK, True)
    with pytest.raises(local.Missing, match="ConnectionRefusedError），请检查 XCERT_DATABASE_URL"):
        await local.CHECKS["数据库"](both)


@pytest.mark.parametrize(
    "ignored", ["", "statement_timeout,lock_timeout,idle_in_transaction_session_timeout"]
)
def test_a_pgbouncer_alone_is_not_enough(db_url: str, ignored: str) -> None:
    """Also one that was made to swallow what a session asks for: nobody would notice until the limits are needed."""
    keep_alive = "tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,tcp_user_timeout"
    words = {"ignore_startup_parameters": f"{ignored},{keep_alive}"} if ignored else {}
    with pgbouncer(db_url, **words) as url:
        one = Settings(database_url=url, start_seconds=0)
        with pytest.raises(Impossible, match="请另填 XCERT_DATABASE_SESSION_URL（直连 PostgreSQL 的地址）"):
            preflight.for_databases(one, lambda _: None)
        preflight.for_databases(dataclasses.replace(one, database_session_url=db_url), lambda _: None)
    with pytest.raises(Impossible, match="连不上（ConnectionRefusedError）。请检查 XCERT_DATABASE_URL"):
        preflight.for_databases(dataclasses.replace(one, database_session_url=db_url), lambda _: None)


def test_commands_work_through_it(xcert: Xcert, db_url: str) -> None:
    with pgbouncer(db_url) as url:
        both = {"XCERT_DATABASE_URL": url, "XCERT_DATABASE_SESSION_URL": db_url}
        done = xcert("staff", "create", "li.hua", "--role", "admin", **both)
        assert (done.returncode, done.stderr) == (0, "")
        assert "li.hua" in xcert("staff", "list", **both).stdout
        done = xcert("migrate", XCERT_DATABASE_URL=url)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("数据库 127.0.0.1:") and done.stderr.count("\n") == 1


def test_connections_say_whose_they_are() -> None:
    assert database.named("web") == f"xcert-web@{socket.gethostname()}"


@pytest.mark.parametrize(
    "command", ["migrate", "staff create li.hua --role admin", "backup somewhere", "serve"]
)
def test_a_server_without_tls_is_refused_by_every_command(
    xcert: Xcert, db_url: str, tmp_path: Path, command: str
) -> None:
    """One sentence and 2; at once, and never in the clear."""
    authority = tls.identity(tmp_path).authority
    asked = {
        "XCERT_DATABASE_URL": f"{db_url}?sslmode=verify-full&sslrootcert={authority}",
        "PORT": str(free_port()),
    }
    done = xcert(*command.split(), **asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"数据库 {place_of(db_url)} 拒绝了连接：对方没有启用加密连接（TLS），而地址里要求加密；"
        "请在服务器上启用，或核对 sslmode。请检查 XCERT_DATABASE_URL。\n"
    )
    if command == "migrate":
        for mode in ("require", "verify-ca"):
            asked["XCERT_DATABASE_URL"] = f"{db_url}?sslmode={mode}&sslrootcert={authority}"
            assert xcert(command, **asked).returncode == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:p@h1,h2:5433/x", "写了几台主机，请加上 target_session_attrs=read-write"),
        ("postgresql://u:p@h1,h2/x?target_session_attrs=any", "请加上 target_session_attrs=read-write"),
        (
            "postgresql://u:p@h1,h2/x?target_session_attrs=standby",
            "target_session_attrs 只能是 any、read-write",
        ),
        ("postgresql://u:p@h1,/x?target_session_attrs=primary", "几台主机写作 主机1:端口,主机2:端口"),
        ("postgresql://u:p@h1:a,h2/x", "主机或端口写法不对"),
    ],
)
def test_several_hosts_written_wrongly(url: str, said: str) -> None:
    for name, setting in (
        ("database_url", "XCERT_DATABASE_URL"),
        ("database_session_url", "XCERT_DATABASE_SESSION_URL"),
    ):
        found = store_urls.problems({"database_url": "postgresql://u:p@h/x"} | {name: url})
        assert found and all(problem.startswith(setting) for problem in found)
        assert said in found[-1]
    assert store_urls.problems({"database_session_url": "postgresql://u:p@h/x"}) == [
        "填了 XCERT_DATABASE_SESSION_URL，XCERT_DATABASE_URL 也要填（经过 PgBouncer 的地址）"
    ]
