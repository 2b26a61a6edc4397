"""A backup holds the whole state, and a restore brings all of it back, or refuses and touches nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.domain import imports
from server.domain.audit import SYSTEM
from server.domain.people import staff
from server.domain.ports import Services
from server.machinery.keys import KeyFolder
from server.machinery.queue import JobQueue
from server.machinery.vault import FolderVault
from server.records import database
from tests import make
from tests.commands.conftest import Xcert
from tests.conftest import with_database

TABLES = ("candidate", "score", "staff", "audit_entry", "import_run", "procrastinate_jobs")


async def state(url: str) -> dict[str, str]:
    """What the tables hold, as digests."""
    link = await asyncpg.connect(url)
    try:
        found = {}
        for table in TABLES:
            rows = await link.fetch(f"SELECT t::text AS line FROM {table} t ORDER BY 1")
            found[table] = hashlib.sha256("\n".join(row["line"] for row in rows).encode()).hexdigest()
        return found
    finally:
        await link.close()


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
async def filled(services: Services, environment: dict[str, str], sheets: Path, db_url: str) -> str:
    """A service with people, scores, an account and files, under the same keys and folders as the command line's."""
    services.keys = KeyFolder(Path(environment["XCERT_KEYS_DIR"]), production=False)
    services.vault = FolderVault(Path(environment["XCERT_DATA_DIR"]) / "vault")
    services.queue = JobQueue()
    for kind, name in (("candidates", "考生信息.xlsx"), ("scores", "成绩.xlsx")):
        data = (sheets / name).read_bytes()
        taken = await imports.take(services, kind, name, data, actor=make.OPERATOR)
        assert (taken.rows_taken, taken.rows_refused) == (30, 0)
    await staff.create(services, "lin.wei", "operator", name="林薇", actor=SYSTEM)
    await database.close()
    return db_url


@pytest.fixture
async def empty(postgres_url: str, db_url: str) -> Any:
    """Another machine: an empty database that was never migrated."""
    name = f"{db_url.rsplit('/', 1)[1]}_other"
    link = await asyncpg.connect(postgres_url)
    await link.execute(f"CREATE DATABASE {name}")
    yield with_database(postgres_url, name)
    await link.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await link.close()


async def test_whole_state_and_back(xcert: Xcert, filled: str, empty: str, tmp_path: Path) -> None:
    made = xcert("backup", tmp_path / "backup", "--keys", tmp_path / "apart")
    assert (made.returncode, made.stderr) == (0, "")
    assert f"密钥另存在 {tmp_path / 'apart'}。请与备份分开、加密地保管" in made.stdout
    key_names = {path.name for path in (tmp_path / "certs").iterdir()}
    assert {path.name for path in (tmp_path / "apart").iterdir()} == key_names
    assert not [path for path in (tmp_path / "backup").rglob("*") if path.suffix in (".key", ".pem")]
    other = {
        "XCERT_DATABASE_URL": empty,
        "XCERT_DATA_DIR": str(tmp_path / "other"),
        "XCERT_KEYS_DIR": str(tmp_path / "other-certs"),
    }
    back = xcert("restore", tmp_path / "backup", "--keys", tmp_path / "apart", **other)
    assert (back.returncode, back.stderr) == (0, "")
    assert await state(empty) == await state(filled)
    vault = files(tmp_path / "var" / "vault")
    assert vault
    assert files(tmp_path / "other" / "vault") == vault
    assert files(tmp_path / "other-certs") == files(tmp_path / "certs")
    same_again = xcert("import", "scores", tmp_path / "cohort" / "成绩.xlsx", **other)
    assert same_again.returncode == 0, "the restored keys read the restored people"
    assert "没有变化 30 行" in same_again.stdout


async def test_restore_never_overwrites_unasked_nor_beside_a_running_service(
    xcert: Xcert, filled: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backup").returncode == 0
    before = await state(filled)
    refused = xcert("restore", tmp_path / "backup")
    assert (refused.returncode, refused.stderr) == (
        1,
        "数据库里已有数据。确认要用备份覆盖时，请加 --replace。\n",
    )
    assert await state(filled) == before
    service = await asyncpg.connect(filled)
    refused = xcert("restore", tmp_path / "backup", "--replace")
    assert (refused.returncode, refused.stderr) == (
        1,
        "还有程序连接着这个数据库，请先停止网页服务和后台任务，再恢复。\n",
    )
    await service.close()
    assert xcert("staff", "create", "another", "--role", "auditor").returncode == 0
    assert await state(filled) != before
    assert xcert("restore", tmp_path / "backup", "--replace").returncode == 0
    assert await state(filled) == before


async def test_a_backup_folder_is_new_and_closed_and_a_broken_one_is_refused(
    xcert: Xcert, filled: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backup").returncode == 0
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine.txt").write_text("mine")
    refused = xcert("backup", used)
    assert (refused.returncode, refused.stderr) == (1, f"{used} 不是空目录，请换一个新目录。\n")
    assert files(used) == {"mine.txt": b"mine"}
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert set(manifest["sha256"]) == {
        path.relative_to(tmp_path / "backup").as_posix()
        for path in (tmp_path / "backup").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    before = await state(filled)
    dump = tmp_path / "backup" / "database.dump"
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused = xcert("restore", tmp_path / "backup", "--replace")
    assert (refused.returncode, refused.stderr) == (
        1,
        "备份里有 1 个文件缺失或损坏（如 database.dump），请换一份备份。\n",
    )
    (tmp_path / "backup" / "manifest.json").unlink()
    refused = xcert("restore", tmp_path / "backup", "--replace")
    assert refused.stderr == f"{tmp_path / 'backup'} 里没有完整的备份（缺 manifest.json），请换一份。\n"
    assert await state(filled) == before


async def test_restore_needs_the_keys_of_that_time(
    xcert: Xcert, filled: str, empty: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backup").returncode == 0
    other = {"XCERT_DATABASE_URL": empty, "XCERT_KEYS_DIR": str(tmp_path / "nothing")}
    refused = xcert("restore", tmp_path / "backup", **other)
    assert refused.returncode == 1
    assert "缺少这份备份当时的密钥 DEVELOPMENT（或内容不同）。请用 --keys 目录 指出" in refused.stderr
    shutil.copytree(tmp_path / "certs", tmp_path / "nothing")
    (tmp_path / "nothing" / "field-0001.key").write_text("00" * 32)
    assert "缺少这份备份当时的密钥 field-0001.key" in xcert("restore", tmp_path / "backup", **other).stderr
