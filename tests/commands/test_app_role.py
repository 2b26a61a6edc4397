"""The service with a role of its own: it does all its work, and cannot touch what is for ever, nor what guards it."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from server.adapters.queue import JobQueue
from server.commands.doctor import local
from server.commands.doctor.findings import Level
from server.domain.audit import chain
from server.domain.issuance import generation
from server.domain.ports import Services
from server.domain.public_log import log_recovery, sequencer
from server.models import Certificate, app_role, database
from server.models.database import rows
from tests.commands.conftest import ROOT, Xcert
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.jobs import drained
from tests.kit.started import Started, end


@pytest.fixture
async def role(db_url: str) -> AsyncIterator[tuple[str, str]]:
    """A fresh role, and the database's URL with it."""
    name, password = f"app_{secrets.token_hex(4)}", secrets.token_hex(8)
    link = await asyncpg.connect(db_url)
    await link.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    parts = urlsplit(db_url)
    host = parts.netloc.rpartition("@")[2]
    yield name, urlunsplit(parts._replace(netloc=f"{name}:{password}@{host}"))
    await link.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await link.close()


FORBIDDEN = (
    "UPDATE audit_entry SET actor_name = 'x'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
    "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change",
    "DROP TABLE audit_entry CASCADE",
    "UPDATE audit_link SET count = 1",
    "DELETE FROM audit_link",
    "ALTER TABLE audit_link RENAME TO other",
    "DELETE FROM log_entry",
    "DELETE FROM log_checkpoint",
    "DELETE FROM tortoise_migrations",
    "CREATE TABLE public.audit_entry_2 (id int)",
    "CREATE OR REPLACE FUNCTION public.audit_entry_is_for_ever() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "SET session_replication_role = replica",
)


async def test_the_service_works_with_it_and_cannot_change_the_trail(
    xcert: Xcert, role: tuple[str, str], sheets: Path, tmp_path: Path
) -> None:
    name, url = role
    allowed = xcert("migrate", "--app-role", name)
    assert (allowed.returncode, allowed.stderr) == (0, "")
    assert f"角色 {name} 可以读写业务数据，不能改动审计记录和公开签发日志，不能改表。" in allowed.stdout
    assert xcert("migrate", "--app-role", name).returncode == 0, "once more is the same"
    own = {"XCERT_DATABASE_URL": url}
    for kind, book in (("candidates", "考生信息.xlsx"), ("scores", "成绩.xlsx")):
        taken = xcert("import", kind, sheets / book, **own)
        assert taken.returncode in (0, 3), taken.stderr
    assert xcert("staff", "create", "lin.wei", "--role", "operator", **own).returncode == 0
    assert xcert("migrate", **own).returncode == 0, "nothing to be brought up to date"
    assert xcert("audit", "verify", **own).returncode == 0
    assert xcert("files", "check", **own).returncode == 0
    assert xcert("backup", tmp_path / "backup", **own).returncode == 0
    link = await asyncpg.connect(url)
    try:
        assert await link.fetchval("SELECT count(*) FROM audit_entry") > 0
        assert not await app_role.may_change_what_is_for_ever(link)
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await link.execute(statement)
    finally:
        await link.close()


async def test_a_batch_is_issued_and_logged_with_it(
    services: Services, xcert: Xcert, role: tuple[str, str], db_url: str
) -> None:
    """From the list to the sealed file, the public log, the jobs' table and the chain."""
    name, url = role
    assert xcert("migrate", "--app-role", name).returncode == 0
    await database.close()
    await database.connect(url, pool=2)
    try:
        await issuing.generating(services, await issuing.cohort(services))
        await drained(services)
        exchange(services, queue=JobQueue())
        await generation.sweep(services)
        await sequencer.run(services)
        for _ in range(2):
            await chain.extend(services)
        assert {one.state for one in await Certificate.all()} == {"valid"}
        assert (await log_recovery.review(services)).problems == []
        assert (await chain.verify(services)).problems == []
        assert (await rows("SELECT current_user AS name"))[0]["name"] == name
    finally:
        await database.close()


async def test_a_role_that_cannot_be_bounded_is_refused(
    xcert: Xcert, role: tuple[str, str], db_url: str
) -> None:
    name, _ = role
    nobody = xcert("migrate", "--app-role", "nobody_at_all")
    assert (nobody.returncode, "没有角色 nobody_at_all" in nobody.stderr) == (1, True)
    link = await asyncpg.connect(db_url)
    try:
        assert await app_role.may_change_what_is_for_ever(link)
        owner = str(await link.fetchval("SELECT current_user"))
        mine = xcert("migrate", "--app-role", owner)
        assert (mine.returncode, "限制不住" in mine.stderr) == (1, True)
        await link.execute(f'GRANT "{owner}" TO {name}')
        member = xcert("migrate", "--app-role", name)
        assert (member.returncode, "数据表属于" in member.stderr) == (1, True)
        await link.execute(f'REVOKE "{owner}" FROM {name}')
        await link.execute(f"ALTER ROLE {name} CREATEROLE")
        more = xcert("migrate", "--app-role", name)
        assert (more.returncode, "可以管理角色" in more.stderr) == (1, True)
    finally:
        await link.close()


async def test_an_upgrade_is_left_to_the_owner(xcert: Xcert, role: tuple[str, str], db_url: str) -> None:
    name, url = role
    assert xcert("migrate", "--app-role", name).returncode == 0
    link = await asyncpg.connect(db_url)
    last = await link.fetchval(
        "DELETE FROM tortoise_migrations WHERE name = (SELECT max(name) FROM tortoise_migrations) RETURNING name"
    )
    refused = xcert("migrate", XCERT_DATABASE_URL=url)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"数据库要先升级（{last}…），服务用的角色没有这个权限：请用数据表所有者的 XCERT_DATABASE_URL 运行 "
        "xcert migrate --app-role 服务的角色，再启动。\n"
    )
    with pytest.raises(database.OwnerNeeded):
        await database.migrate(url)
    await link.close()


@pytest.mark.slow
async def test_a_worker_works_with_it(
    xcert: Xcert, role: tuple[str, str], environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    name, url = role
    assert xcert("migrate", "--app-role", name).returncode == 0
    own = {"XCERT_DATABASE_URL": url}
    process = started.program(
        [sys.executable, "-m", "server.cli", "worker", "--one"],
        cwd=tmp_path,
        env=environment | own | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    while "✓ 后台任务：1 个进程在运行" not in xcert("doctor", "--local", **own).stdout:
        assert process.poll() is None, "the worker ended by itself"
    assert end(process, signal.SIGTERM) == 0


async def test_the_doctor_says_when_the_service_owns_the_tables(
    services: Services, xcert: Xcert, role: tuple[str, str], db_url: str, redis_url: str
) -> None:
    name, url = role
    assert xcert("migrate", "--app-role", name).returncode == 0
    for address, open_trail in ((db_url, True), (url, False)):
        settings = replace(services.settings, env="production", database_url=address, redis_url=redis_url)
        told = [one.level for one in await local.check(settings) if one.title == "审计"]
        assert told == ([Level.LOOK] if open_trail else [])
