"""A key in the vault holds a whole file or nothing."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from server.errors import NotFound, OutsideFailure
from server.machinery.vault import FolderVault


async def test_what_was_put_is_got(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    await vault.put("certificates/23/a.pdf", b"one")
    await vault.put("certificates/23/a.pdf", b"two")
    assert await vault.get("certificates/23/a.pdf") == b"two"
    assert [path.name for path in (tmp_path / "certificates/23").iterdir()] == ["a.pdf"]


async def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    assert not await vault.exists("a.pdf")
    with pytest.raises(NotFound) as refusal:
        await vault.get("a.pdf")
    assert refusal.value.code == "file_missing"


async def test_deleting_twice_is_the_same_as_once(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    await vault.put("a.pdf", b"one")
    await vault.delete("a.pdf")
    await vault.delete("a.pdf")
    assert not await vault.exists("a.pdf")


@pytest.mark.parametrize("key", ["../a", "/etc/passwd", "a/../b", "", ".hidden", "a//b", "a/.b"])
async def test_a_key_cannot_leave_the_vault(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a vault key"):
        await FolderVault(tmp_path).put(key, b"x")


async def test_what_was_kept_once_stays(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    first = await asyncio.gather(*(vault.put_once("c/a.pdf", bytes([n])) for n in range(8)))
    assert set(first) == {await vault.get("c/a.pdf")}
    assert await vault.put_once("c/a.pdf", b"late") == first[0]
    assert list((tmp_path / ".scratch").iterdir()) == []


async def test_a_file_system_without_links_keeps_the_first_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr("server.machinery.vault.os.link", refused)
    vault = FolderVault(tmp_path)
    assert [await vault.put_once("a.pdf", data) for data in (b"one", b"two")] == [b"one", b"one"]
    assert list((tmp_path / ".scratch").iterdir()) == []


@pytest.mark.parametrize("verb", ["put", "put_once"])
async def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    vault = FolderVault(tmp_path)
    await vault.put("a.pdf", b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("server.machinery.vault.os.fsync", full)
    with pytest.raises(OutsideFailure) as failure:
        await getattr(vault, verb)("b.pdf", b"two")
    assert str(failure.value) == "文件无法读写（ENOSPC），请检查数据目录所在的磁盘。"
    with pytest.raises(OutsideFailure):
        await vault.check()
    monkeypatch.undo()
    await vault.check()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.pdf"]


async def test_files_and_the_folders_that_name_them_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder a power cut may lose the name of a file whose row says that it is there."""
    flushed: list[str] = []

    def flush(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(f"{tmp_path}"))

    vault = FolderVault(tmp_path / "vault")
    monkeypatch.setattr("server.machinery.vault.os.fsync", flush)
    await vault.put("c/23/a.pdf", b"one")
    scratch = [name for name in flushed if name.startswith("/vault/.scratch/")]
    assert len(scratch) == 1
    assert [name for name in flushed if name not in scratch] == [
        "",  # holds the name of vault
        "/vault",  # of .scratch
        "/vault",  # of c
        "/vault/c",  # of 23
        "/vault/c/23",  # of a.pdf
    ]
    flushed.clear()
    await vault.put_once("c/23/b.pdf", b"one")
    assert flushed[1:] == ["/vault/c/23"]


async def test_what_a_dead_writer_left_is_swept(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    await vault.put("a.pdf", b"one")
    old, young = tmp_path / ".scratch" / "old", tmp_path / ".scratch" / "young"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    assert [await vault.sweep(), await vault.sweep()] == [1, 0]
    assert [path.name for path in (tmp_path / ".scratch").iterdir()] == ["young"]
    assert await vault.get("a.pdf") == b"one"
