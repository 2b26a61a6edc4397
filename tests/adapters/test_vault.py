"""Files in a folder: what only a disk can do. What every store promises: test_file_stores.py."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from server.adapters.storage import FolderFileStore
from server.errors import OutsideFailure


async def test_what_was_put_is_got(tmp_path: Path) -> None:
    file_store = FolderFileStore(tmp_path)
    await file_store.put("certificates/23/a.pdf", b"one")
    await file_store.put("certificates/23/a.pdf", b"two")
    assert await file_store.get("certificates/23/a.pdf") == b"two"
    assert [path.name for path in (tmp_path / "certificates/23").iterdir()] == ["a.pdf"]


async def test_what_was_kept_once_stays(tmp_path: Path) -> None:
    file_store = FolderFileStore(tmp_path)
    first = await asyncio.gather(*(file_store.put_once("c/a.pdf", bytes([n])) for n in range(8)))
    assert set(first) == {await file_store.get("c/a.pdf")}
    assert await file_store.put_once("c/a.pdf", b"late") == first[0]
    assert list((tmp_path / ".scratch").iterdir()) == []


async def test_a_file_system_without_links_keeps_the_first_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr("server.adapters.storage.os.link", refused)
    file_store = FolderFileStore(tmp_path)
    assert [await file_store.put_once("a.pdf", data) for data in (b"one", b"two")] == [b"one", b"one"]
    assert list((tmp_path / ".scratch").iterdir()) == []


@pytest.mark.parametrize("verb", ["put", "put_once"])
async def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    file_store = FolderFileStore(tmp_path)
    await file_store.put("a.pdf", b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("server.adapters.storage.os.fsync", full)
    with pytest.raises(OutsideFailure) as failure:
        await getattr(file_store, verb)("b.pdf", b"two")
    assert str(failure.value) == "文件无法读写（ENOSPC），请检查数据目录所在的磁盘。"
    with pytest.raises(OutsideFailure):
        await file_store.check()
    monkeypatch.undo()
    await file_store.check()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.pdf"]


async def test_files_and_the_folders_that_name_them_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder a power cut may lose the name of a file whose row says that it is there."""
    flushed: list[str] = []

    def flush(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(f"{tmp_path}"))

    file_store = FolderFileStore(tmp_path / "vault")
    monkeypatch.setattr("server.adapters.storage.os.fsync", flush)
    await file_store.put("c/23/a.pdf", b"one")
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
    await file_store.put_once("c/23/b.pdf", b"one")
    assert flushed[1:] == ["/vault/c/23"]


async def test_what_a_dead_writer_left_is_swept(tmp_path: Path) -> None:
    file_store = FolderFileStore(tmp_path)
    await file_store.put("a.pdf", b"one")
    old, young = tmp_path / ".scratch" / "old", tmp_path / ".scratch" / "young"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    os.utime(young, (time.time(), time.time()))
    assert [await file_store.sweep(), await file_store.sweep()] == [1, 0]
    assert [path.name for path in (tmp_path / ".scratch").iterdir()] == ["young"]
    assert await file_store.get("a.pdf") == b"one"
