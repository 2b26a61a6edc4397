"""A backup holds the whole state, and a restore brings all of it back, or refuses and touches nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg

from server.commands import trial_restore
from tests.commands.conftest import ROOT, Xcert
from tests.commands.restoring import files, state
from tests.kit.started import Started


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
    file_store = files(tmp_path / "var" / "vault")
    assert file_store
    assert files(tmp_path / "other" / "vault") == file_store
    assert files(tmp_path / "other-certs") == files(tmp_path / "certs")
    same_again = xcert("import", "scores", tmp_path / "cohort" / "成绩.xlsx", **other)
    assert same_again.returncode == 0, "the restored keys read the restored people"
    assert "没有变化 30 行" in same_again.stdout


async def databases(url: str) -> set[str]:
    link = await asyncpg.connect(url)
    try:
        found = await link.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'xcert\\_trial%'")
    finally:
        await link.close()
    return {row["datname"] for row in found}


async def test_a_backup_is_tried_and_nothing_changes(xcert: Xcert, filled: str, tmp_path: Path) -> None:
    """Whole it says so; with a file or a key less it says what is wrong, and leaves nothing behind."""
    assert xcert("backup", tmp_path / "backup", "--keys", tmp_path / "apart").returncode == 0
    before = await state(filled)
    link = await asyncpg.connect(filled)  # the service may run
    tried = xcert("restore", tmp_path / "backup", "--trial")
    assert (tried.returncode, tried.stderr) == (0, "")
    count = await link.fetchval("SELECT count(*) FROM candidate")
    assert f"的备份可以恢复：考生 {count} 人，证书 0 份" in tried.stdout
    assert await databases(filled) == set()
    assert await state(filled) == before
    assert [one[0] for one in await trail(filled)] == ["backup.make", "backup.try"]

    manifest = tmp_path / "backup" / "manifest.json"
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"last_audit": {"id": 999_999, "at": said["made_at"]}}))
    tried = xcert("restore", tmp_path / "backup", "--trial")
    assert tried.returncode == 3
    assert tried.stdout.startswith("✗ 备份时最后一条审计记录不在恢复出来的数据库里。\n")
    await link.execute("UPDATE candidate SET id_sealed = $1 WHERE id = 1", bytes(40))
    assert xcert("backup", tmp_path / "spoilt").returncode == 0
    tried = xcert("restore", tmp_path / "spoilt", "--trial")
    assert (tried.returncode, tried.stdout.splitlines()[0]) == (
        3,
        f"✗ 抽查 {count} 位考生，1 位的证件号码用这些密钥读不出。",
    )
    await link.close()
    assert await databases(filled) == set()


_SLEEPING = """
import sys, time
from server.adapters import postgres_programs
postgres_programs.load = lambda *args, **more: time.sleep(600)
from server.cli import main
main(["restore", sys.argv[1], "--trial"])
"""


async def test_a_killed_trial_is_cleared_away_and_one_that_runs_is_left_alone(
    xcert: Xcert, filled: str, environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    """Nobody is connected to either database: the lock alone tells them apart."""
    assert xcert("backup", tmp_path / "backup").returncode == 0
    command = [sys.executable, "-c", _SLEEPING, str(tmp_path / "backup")]

    async def begun() -> tuple[subprocess.Popen[bytes], str]:
        before = await databases(filled)
        program = started.program(command, cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)})
        async with asyncio.timeout(60):
            while not (new := await databases(filled) - before):
                await asyncio.sleep(0.05)
        return program, new.pop()

    living, its = await begun()
    killed, left = await begun()
    killed.kill()
    killed.wait()
    assert await databases(filled) == {its, left}
    tried = xcert("restore", tmp_path / "backup", "--trial")
    assert (tried.returncode, tried.stderr) == (0, "")
    assert await databases(filled) == {its}
    living.terminate()
    assert await asyncio.to_thread(living.wait, 60) == 128 + signal.SIGTERM
    assert await databases(filled) == set()


async def test_a_certificate_without_its_file_is_told_by_the_trial() -> None:
    class Rows:
        async def fetch(self, _: str) -> list[dict[str, str]]:
            return [
                {"number": f"26SPS10000000{n}", "pdf_key": f"certificates/{n}.pdf", "sha256": f"{n}" * 64}
                for n in (1, 2, 3)
            ]

    sums = {f"files/vault/certificates/{n}.pdf": "1" * 64 for n in (1, 2)}
    assert await trial_restore.files_missing(Rows(), sums) == [
        "2 份证书的 PDF 不在备份里，或内容不符（如 26SPS100000002）。"
    ]


async def trail(url: str) -> list[tuple[str, str, str]]:
    """What the audit trail says of backups: action, who, and of which."""
    link = await asyncpg.connect(url)
    try:
        found = await link.fetch(
            "SELECT action, actor_kind, subject_id FROM audit_entry WHERE action LIKE 'backup.%' ORDER BY id"
        )
    finally:
        await link.close()
    return [tuple(row) for row in found]


async def test_backup_and_restore_stand_in_the_trail(
    xcert: Xcert, filled: str, empty: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "monday").returncode == 0
    made_at = json.loads((tmp_path / "monday" / "manifest.json").read_text())["made_at"]
    assert await trail(filled) == [("backup.make", "system", "monday")]
    other = {"XCERT_DATABASE_URL": empty, "XCERT_DATA_DIR": str(tmp_path / "other")}
    assert xcert("restore", tmp_path / "monday", **other).returncode == 0
    assert await trail(empty) == [("backup.restore", "system", made_at)]
    assert xcert("restore", tmp_path / "no-backup", "--replace", **other).returncode == 1
    assert await trail(empty) == [("backup.restore", "system", made_at)], "what was refused was not done"


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


async def test_an_unchanged_file_is_shared_with_the_backup_before(
    xcert: Xcert, filled: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "one").returncode == 0
    new = tmp_path / "var" / "vault" / "new.pdf"
    new.write_bytes(b"new")
    assert xcert("backup", tmp_path / "two", "--previous", tmp_path / "one").returncode == 0
    one, two = tmp_path / "one" / "files" / "vault", tmp_path / "two" / "files" / "vault"
    assert files(two) == files(one) | {"new.pdf": b"new"}
    for name in files(one):
        assert (two / name).samefile(one / name)
    refused = xcert("backup", tmp_path / "three", "--previous", tmp_path / "none")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"{tmp_path / 'none'} 里没有完整的备份（缺 manifest.json），不能作为上次备份。\n",
    )


async def test_a_missing_pdf_is_told(xcert: Xcert, filled: str, tmp_path: Path) -> None:
    link = await asyncpg.connect(filled)
    await link.execute(
        "SET session_replication_role = replica"
    )  # the row alone; its batch is no part of this
    await link.execute(
        "INSERT INTO certificate (number, issuance_id, registration_id, candidate_id, state, line, claims, claims_sha256,"
        " code, pdf_key, pdf_sha256, sealed_at, attempts, last_error, portal_number, revoke_reason, created_at)"
        " VALUES ('26SPS100000001X', 1, 1, 1, 'valid', '\\x00', '\\x00', '\\x00', '1', 'certificates/lost.pdf',"
        " '\\x00', now(), 1, '', '', '', now())"
    )
    await link.close()
    made = xcert("backup", tmp_path / "backup")
    assert (made.returncode, made.stderr) == (3, "")
    assert "注意：1 份已发证书的 PDF 不在文件目录里，或内容与记录不符：26SPS100000001X。" in made.stdout
    doctor = xcert("doctor", "--local")
    assert "1 份已发证书的 PDF 不在" in doctor.stdout
