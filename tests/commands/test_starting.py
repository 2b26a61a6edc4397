"""A start that cannot be says why in one sentence, whatever is wrong; nothing is written before that."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from server.commands import Impossible, preflight
from server.commands.serve import shorten
from server.settings import Settings
from tests.commands.conftest import ROOT, Xcert
from tests.conftest import with_database
from tests.kit.started import free_port


def refusal(xcert: Xcert, *arguments: str, code: int = 1, **changed: str) -> str:
    """What the command says; it says only that and ends with `code`: 2 for settings that nothing may start with."""
    done = xcert(*arguments, **{"XCERT_START_SECONDS": "1", **changed})
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_data_folder_that_cannot_be(xcert: Xcert, tmp_path: Path) -> None:
    said = refusal(xcert, "serve", "--dev", XCERT_DATA_DIR="/proc/nope", XCERT_DATABASE_URL="")
    assert said.startswith("/proc/nope 用不了（没有这个文件或目录）。请检查")
    file = tmp_path / "file"
    file.touch()
    said = refusal(
        xcert, "migrate", XCERT_DATA_DIR=str(file / "var"), XCERT_ENV="development", WECHAT_OA_APPID="wx1"
    )
    assert said.startswith(f"数据目录 {file / 'var'} 用不了（路径中有一段不是目录）。请检查目录权限和磁盘")


def test_a_port_that_cannot_be(xcert: Xcert) -> None:
    assert "PORT 应为 65535 或更小" in refusal(xcert, "serve", code=2, PORT="99999")
    assert "SANDBOX_PORT 的值不是有效的数字" in refusal(xcert, "serve", code=2, SANDBOX_PORT="many")


def test_a_database_nobody_serves(xcert: Xcert, tmp_path: Path) -> None:
    port = free_port()
    lines = refusal(xcert, "migrate", XCERT_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{port}/x").splitlines()
    assert lines == [
        f"数据库 127.0.0.1:{port}/x 还没有应答（ConnectionRefusedError），最多等待 1 秒……",
        f"数据库 127.0.0.1:{port}/x 连不上（ConnectionRefusedError）。请检查 XCERT_DATABASE_URL，"
        "以及数据库是否在运行、网络是否相通。",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda url: with_database(url, "none"),
            "拒绝了连接：没有这个名称的数据库。请检查 XCERT_DATABASE_URL。",
        ),
        (
            lambda url: f"{url}?sslmode=verify-full&sslrootcert=/nowhere.crt",
            "拒绝了连接：",
        ),
        (lambda url: f"{url}?sslmode=require", "拒绝了连接：对方没有启用加密连接（TLS），而地址里要求加密"),
        (lambda url: url.replace("://xcert:", "://nobody:"), "拒绝了连接：用户名或密码不对"),
    ],
)
def test_what_no_waiting_changes_is_said_at_once(db_url: str, change: object, said: str) -> None:
    told: list[str] = []
    with pytest.raises(Impossible) as refused:
        preflight.for_database(change(db_url), 600, told.append)  # type: ignore[operator]
    assert said in str(refused.value)
    assert told == []


def test_a_word_of_the_url_that_is_not_known_is_refused(xcert: Xcert) -> None:
    said = refusal(xcert, "migrate", code=2, XCERT_DATABASE_URL="postgresql://u:p@h/x?pool=9")
    assert "XCERT_DATABASE_URL 的参数 pool 不支持，可用的有 sslmode、" in said
    assert "XCERT_REDIS_URL 应为 redis://" in refusal(xcert, "migrate", code=2, XCERT_REDIS_URL="http://h")


def test_a_redis_nobody_serves_or_that_refuses(xcert: Xcert, redis_url: str) -> None:
    port = free_port()
    said = refusal(
        xcert, "serve", XCERT_REDIS_URL=f"redis://127.0.0.1:{port}/0", PORT=str(free_port())
    ).splitlines()
    assert said[-1].startswith(f"Redis 127.0.0.1:{port}/0 连不上（ConnectionError）。请检查 XCERT_REDIS_URL")
    wrong = redis_url.replace("://:", "://:x")
    with pytest.raises(Impossible, match="拒绝了连接：用户名或密码不对"):
        preflight.for_redis(Settings(redis_url=wrong, start_seconds=600), lambda _: None)


def test_a_database_that_comes_up_later_is_waited_for(postgres_url: str) -> None:
    """After a power cut nobody knows which machine is up first."""
    name = "late"
    with psycopg.connect(postgres_url, autocommit=True) as link:
        link.execute(f"DROP DATABASE IF EXISTS {name}")
        link.execute(f"CREATE DATABASE {name} ALLOW_CONNECTIONS false")
        told: list[str] = []

        def say(line: str) -> None:
            told.append(line)
            link.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

        preflight.for_database(with_database(postgres_url, name), 60, say)
        assert told == [
            f"数据库 {postgres_url.rpartition('@')[2].partition('/')[0]}/{name} 还没有应答"
            "（ObjectNotInPrerequisiteStateError），最多等待 60 秒……"
        ]
        link.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_unknown_environment_writes_nothing(xcert: Xcert, tmp_path: Path) -> None:
    assert "XCERT_ENV 只能是 development 或 production" in refusal(xcert, "serve", code=2, XCERT_ENV="prod")
    assert not (tmp_path / "var").exists()


def test_tables_of_a_newer_version_stop_the_start(xcert: Xcert, db_url: str) -> None:
    with psycopg.connect(db_url) as link:
        link.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('records', '9999_future', now())"
        )
    assert refusal(xcert, "migrate") == (
        "数据库已被更新版本的程序升级过（9999_future），本机的程序太旧。请先升级本机的程序，再重新启动。\n"
    )
    assert "数据库已被更新版本的程序升级过（9999_future）" in xcert("doctor", "--local").stdout


def test_output_that_nobody_reads_any_more_is_no_traceback(xcert: Xcert, environment: dict[str, str]) -> None:
    command = f"{shlex.quote(sys.executable)} -m server.cli openapi | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{", "")


def test_a_log_that_grows_is_put_aside_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with log.open("a") as writer:
        writer.write("first\n" * 100)
        writer.flush()
        shorten(log, limit=1000)
        shorten(log, limit=100)
        writer.write("next\n")
    assert log.read_text() == "next\n"
    assert (tmp_path / "service.log.1").read_text() == "first\n" * 100
