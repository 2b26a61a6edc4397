"""Backup, erasure, restore: the person is gone, on the same machine and on another that has only the backup side."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from server.adapters.file_stores import MountedFileStore
from server.adapters.keys import KeyFolder
from server.commands import Impossible, erasures, restore, unfinished_restore
from server.commands.backup import MANIFEST
from server.domain.ports import Services
from server.domain.privacy import erasing
from server.domain.privacy.redoing import Redone
from server.models import Candidate, Registration, database
from server.settings import Settings
from tests.commands.conftest import Xcert
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.whole_person import ASKED


async def erased(s: Services, url: str) -> Candidate:
    """One of the imported people is erased as the service does it; whom it was."""
    await database.connect(url)
    try:
        who = await Candidate.all().order_by("id").first()
        assert who is not None
        await Registration.filter(candidate_id=who.id).update(outcome="failed")
        case = await erasing.ask(s, who.id, ASKED, actor=make.OPERATOR)
        await erasing.approve(s, case, actor=make.ADMIN)
        await erasing.sweep(s)
        return who
    finally:
        await database.close()


async def still_there(url: str, who: Candidate) -> bool:
    """Whether anything in the candidates' table is the person's."""
    link = await asyncpg.connect(url)
    try:
        return bool(
            await link.fetchval(
                "SELECT count(*) FROM candidate WHERE id_index = $1 OR (id = $2 AND erased_at IS NULL)",
                bytes(who.id_index),
                who.id,
            )
        )
    finally:
        await link.close()


async def brought_back(url: str, who: Candidate) -> None:
    """The person is in the database again, as by a restore that is none of ours."""
    link = await asyncpg.connect(url)
    try:
        await link.execute("DELETE FROM erasure")
        await link.execute("ALTER TABLE candidate DISABLE TRIGGER candidate_erased_stays")
        await link.execute("UPDATE candidate SET name = $2, erased_at = NULL WHERE id = $1", who.id, who.name)
        await link.execute("ALTER TABLE candidate ENABLE TRIGGER candidate_erased_stays")
    finally:
        await link.close()


async def test_whoever_was_erased_after_the_backup_is_gone_after_the_restore(
    xcert: Xcert, filled: str, empty: str, services: Services, tmp_path: Path
) -> None:
    register = tmp_path / "backup-side"
    register.mkdir()
    assert xcert("backup", tmp_path / "backups/1").returncode == 0
    exchange(services, second_register=MountedFileStore(register))
    who = await erased(services, filled)
    assert not await still_there(filled, who)

    there = {
        "XCERT_DATABASE_URL": empty,
        "XCERT_DATA_DIR": str(tmp_path / "other"),
        "XCERT_ERASURES_DIR": str(register),
    }
    back = xcert("restore", tmp_path / "backups/1", **there)
    assert (back.returncode, back.stderr) == (0, "")
    assert "按删除登记重做了 1 项删除。" in back.stdout
    assert not await still_there(empty, who)
    assert [one.name for one in (tmp_path / "other/vault/erasures").iterdir()] == [
        one.name for one in (register / "erasures").iterdir()
    ]

    await brought_back(empty, who)
    checked = xcert("erasures", "check", **there)
    assert checked.returncode == 3 and "1 位已删除的人又在数据库里" in checked.stdout
    assert "1 位已删除的人又在数据库里" in xcert("doctor", "--local", **there).stdout
    again = xcert("erasures", "redo", **there)
    assert again.returncode == 0 and again.stdout.splitlines()[0] == "按删除登记重做了 1 项删除。"
    assert not await still_there(empty, who)
    whole = xcert("erasures", "check", **there)
    assert (whole.returncode, whole.stdout.splitlines()[-1]) == (0, "✓ 删除登记与数据库一致。")

    same = xcert("restore", tmp_path / "backups/1", "--replace")
    assert "按删除登记重做了 1 项删除。" in same.stdout
    assert not await still_there(filled, who)


async def test_the_register_of_a_newer_backup_beside_it_counts_and_a_place_that_is_away_is_said(
    xcert: Xcert, filled: str, empty: str, services: Services, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backups/1").returncode == 0
    who = await erased(services, filled)
    assert xcert("backup", tmp_path / "backups/2").returncode == 0
    there = {"XCERT_DATABASE_URL": empty, "XCERT_DATA_DIR": str(tmp_path / "other")}
    away = xcert("restore", tmp_path / "backups/1", XCERT_ERASURES_DIR=str(tmp_path / "away"), **there)
    assert away.returncode == 1
    for what in (("serve", "--web-only"), ("worker",), ("worker", "--one")):
        early = xcert(*what, **there)
        assert (
            early.returncode == 1 and f"请先运行 xcert erasures redo {tmp_path / 'backups/1'}" in early.stderr
        )
    assert "恢复备份还没有做完" in xcert("doctor", "--local", **there).stdout
    assert "完成之前不要启动服务" in away.stderr and "XCERT_ERASURES_DIR" in away.stderr
    assert not await still_there(empty, who), "what the newer backup says is done by then"
    again = xcert("restore", tmp_path / "backups/1", "--replace", **there)
    assert (again.returncode, again.stderr) == (0, "")
    assert not await still_there(empty, who)
    assert await unfinished_restore.command(empty) is None


async def test_a_restore_that_died_is_gone_on_with(
    xcert: Xcert, filled: str, services: Services, tmp_path: Path
) -> None:
    """The mark comes with the loading, and goes by the erasures alone only when nothing else is left."""
    assert xcert("backup", tmp_path / "1").returncode == 0
    who = await erased(services, filled)
    assert xcert("backup", tmp_path / "2").returncode == 0
    assert xcert("restore", tmp_path / "1", "--replace").returncode == 0
    await brought_back(filled, who)
    link = await asyncpg.connect(filled)
    try:
        await link.execute(unfinished_restore.mark("xcert restore '王 1' --replace"))
    finally:
        await link.close()
    early = xcert("serve", "--web-only")
    assert early.returncode == 1 and "xcert restore '王 1' --replace" in early.stderr
    redone = xcert("erasures", "redo")
    assert redone.returncode == 3 and "请先运行 xcert restore '王 1' --replace" in redone.stdout
    assert not await still_there(filled, who)
    await unfinished_restore.only_erasures(filled, "xcert erasures redo")
    assert await unfinished_restore.command(filled) == "xcert erasures redo"
    assert xcert("backup", tmp_path / "3").returncode == 0, "also with the mark in it"
    assert xcert("erasures", "redo").returncode == 0
    assert await unfinished_restore.command(filled) is None
    again = xcert("restore", tmp_path / "3", "--replace")
    assert (again.returncode, again.stderr) == (0, "")
    assert await unfinished_restore.command(filled) is None


async def test_the_keys_of_the_backup_are_enough_after_a_new_index_key(
    xcert: Xcert, environment: dict[str, str], filled: str, empty: str, services: Services, tmp_path: Path
) -> None:
    register, backups, apart = tmp_path / "backup-side", tmp_path / "backups", tmp_path / "keys-apart"
    register.mkdir()
    assert xcert("backup", backups / "1", "--keys", apart).returncode == 0
    assert xcert("keys", "rotate", "index", "--now").returncode == 0
    own = KeyFolder(Path(environment["XCERT_KEYS_DIR"]), production=False)
    exchange(services, second_register=MountedFileStore(register), keys=own)
    who = await erased(services, filled)
    there = {
        "XCERT_DATABASE_URL": empty,
        "XCERT_DATA_DIR": str(tmp_path / "other"),
        "XCERT_ERASURES_DIR": str(register),
        "XCERT_KEYS_DIR": str(tmp_path / "new-keys"),
    }
    paused = {"XCERT_DATABASE_URL": "postgresql://x@127.0.0.1:1/xcert", "XCERT_DATABASE_SESSION_URL": empty}
    back = xcert("restore", backups / "1", "--keys", apart, **there | paused)
    assert (back.returncode, back.stderr) == (0, "")
    assert "按删除登记重做了 1 项删除。" in back.stdout
    assert not await still_there(empty, who)

    [entry] = (register / "erasures").iterdir()
    for one in (entry, tmp_path / "other/vault/erasures" / entry.name):
        one.write_bytes(b"damaged")
    await brought_back(empty, who)
    for what in (("erasures", "redo"), ("erasures", "check")):
        told = xcert(*what, **there)
        assert told.returncode == 3 and "读不出" in told.stdout and entry.name in told.stdout
    again = xcert("restore", backups / "1", "--replace", **there)
    assert again.returncode == 1 and entry.name in again.stderr
    assert f"xcert erasures redo {backups / '1'}" in again.stderr


def test_what_lies_beside_the_backup_and_whatever_breaks_ends_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "2 of May", "lost+found"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).write_text("{}")
    rightly = Path.is_file

    def refused(path: Path) -> bool:
        if "lost+found" in path.parts:
            raise PermissionError(13, "Permission denied")
        return rightly(path)

    monkeypatch.setattr(Path, "is_file", refused)
    backups = restore._beside(tmp_path / "1")
    assert [one.name for one in backups] == ["1", "2 of May"]

    async def breaks(*_: object) -> list[Redone]:
        raise ArithmeticError("王伟")

    monkeypatch.setattr(erasures, "after_restore", breaks)
    with pytest.raises(Impossible) as told:
        restore._erase_again(Settings(), backups)
    assert f"xcert erasures redo {tmp_path}/1 '{tmp_path}/2 of May'" in str(told.value)
    assert "ArithmeticError" in str(told.value) and "王伟" not in str(told.value)
