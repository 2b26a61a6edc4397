"""A reload (SIGHUP) and a restart on systemd's socket, under a hail of visitors: everybody is answered, nobody is sent away."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from server.commands.reloading import from_json
from tests.commands.conftest import ROOT, Xcert
from tests.kit.hail import hail, until
from tests.kit.processes import family
from tests.kit.started import Started, free_port, proc

HANDED_OVER = 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&"$LINE"'  # as systemd does


class Activated:
    """`xcert serve` on a socket that stays open when it ends."""

    def __init__(self, folder: Path, environment: dict[str, str], started: Started) -> None:
        self.line = socket.create_server(("127.0.0.1", free_port()), backlog=256)
        started.also(self.line.close)
        self.port = int(self.line.getsockname()[1])
        self.log = folder / "log"
        self._folder, self._started = folder, started
        self._environment = environment | {"PYTHONPATH": str(ROOT), "PORT": "1", "XCERT_WORKERS": "2"}

    def start(self) -> subprocess.Popen[bytes]:
        fd = self.line.fileno()
        command = [sys.executable, "-m", "server.cli", "serve"]
        with self.log.open("ab") as log:
            process: subprocess.Popen[bytes] = self._started.program(
                ["bash", "-c", HANDED_OVER, "bash", *command],
                cwd=self._folder,
                env=self._environment | {"LINE": str(fd), "XCERT_JOB_WORKERS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(fd,),
            )
        return process

    def said(self, sentence: str) -> int:
        return self.log.read_text("utf-8").count(sentence)


def children(pid: int) -> set[int]:
    """The web and job processes."""
    return {one for one in family(pid) if {"web-process", "worker"} & set(proc(one, "cmdline").split("\0"))}


@pytest.mark.slow
async def test_reloads_and_a_restart_on_systemds_socket_send_nobody_away(
    environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    contact = tmp_path / "contact"
    contact.write_text("010-1")
    service = Activated(tmp_path, environment | {"XCERT_CONTACT_FILE": str(contact)}, started)
    first = service.start()
    async with hail(service.port, at_once=3) as visits:
        await until(lambda: visits.fared["answered"] > 100)
        before = children(first.pid)
        assert len(before) == 3
        first.send_signal(signal.SIGHUP)
        await until(lambda: service.said("已重新载入。"))
        after = children(first.pid)
        assert (len(after), before & after) == (3, set())

        contact.unlink()  # the new settings cannot be read: those that run go on
        first.send_signal(signal.SIGHUP)
        await until(lambda: service.said("没有重新载入，原来的进程继续运行：设置、密钥或数据库有问题"))
        assert service.said(f"XCERT_CONTACT_FILE：无法读取 {contact}（没有这个文件或目录）")
        assert children(first.pid) == after

        contact.write_text("010-2")
        first.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, 60) == 0
        answered = visits.fared["answered"]
        second = service.start()
        await until(lambda: visits.fared["answered"] > answered + 100)
    assert set(visits.fared) == {"answered"}, visits.fared
    second.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.wait, 60) == 0


def test_more_than_one_socket_is_refused(xcert: Xcert, environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec env LISTEN_PID=$$ LISTEN_FDS=2 "$@"', "sh", sys.executable, "-m", "server.cli", "serve"],
        cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        "systemd 交来的监听套接字不止一个。请在 .socket 单元里只写一个 ListenStream。\n",
    )


def test_without_migrating_tables_must_be_there_and_newer_ones_are_said(
    xcert: Xcert, environment: dict[str, str], db_url: str
) -> None:
    port = str(free_port())
    with psycopg.connect(db_url) as link:
        link.execute(
            "DELETE FROM tortoise_migrations WHERE name = (SELECT max(name) FROM tortoise_migrations)"
        )
    done = xcert("serve", "--no-migrate", PORT=port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("数据库还没有升级到这个版本（缺 00")
    assert done.stderr.endswith("）。请先运行 xcert migrate，再启动。\n")


def test_without_migrating_tables_of_the_next_release_are_said_and_served(xcert: Xcert, db_url: str) -> None:
    with psycopg.connect(db_url) as link:
        link.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('records', '9999_future', now())"
        )
    asked = ("successors", "--socket", "7", "--web-only")
    refused = xcert(*asked)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("数据库已被更新版本的程序升级过（9999_future），本机的程序太旧。")
    done = xcert(*asked, "--no-migrate")
    assert done.returncode == 0
    assert done.stderr == (
        "注意：数据库已被更新版本的程序升级过（9999_future），本机仍运行旧程序：只有相邻的上一版可以这样运行，请尽快升级。\n"
    )
    [web] = from_json(done.stdout)
    assert (web.title, list(web.command[-2:]), web.pass_fds) == ("网页服务 1 ", ["web-process", "7"], (7,))
