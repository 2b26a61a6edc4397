"""What the file store port promises, of both adapters: a folder and a bucket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.adapters.object_storage import Patience
from server.adapters.storage import FolderFileStore
from server.domain.ports import FileStore
from server.errors import NotFound
from tests.kit.object_store import Way


@pytest.fixture(params=["folder", "bucket", "prefix"])
def file_store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return FolderFileStore(tmp_path / "vault")
    objects: Way = request.getfixturevalue("objects")
    return objects.store("" if request.param == "bucket" else "of/ours", Patience())


async def test_what_was_put_is_got(file_store: FileStore) -> None:
    await file_store.put("certificates/23/a.pdf", b"one")
    await file_store.put("certificates/23/a.pdf", b"two")
    assert await file_store.get("certificates/23/a.pdf") == b"two"
    await file_store.put("empty", b"")
    assert await file_store.get("empty") == b""


async def test_a_large_file_is_whole(file_store: FileStore) -> None:
    large = bytes(range(256)) * 48_000  # 12 MB: more than what a client sends in one part by itself
    await file_store.put("imports/large", large)
    assert await file_store.get("imports/large") == large
    assert await file_store.put_once("imports/once", large) == large


async def test_a_missing_file_is_said_so(file_store: FileStore) -> None:
    assert not await file_store.exists("a.pdf")
    with pytest.raises(NotFound) as refusal:
        await file_store.get("a.pdf")
    assert (refusal.value.code, refusal.value.message) == (
        "file_missing",
        "文件不存在或已被清理，请联系管理员。",
    )


async def test_deleting_twice_is_the_same_as_once(file_store: FileStore) -> None:
    await file_store.put("a.pdf", b"one")
    assert await file_store.exists("a.pdf")
    await file_store.delete("a.pdf")
    await file_store.delete("a.pdf")
    assert not await file_store.exists("a.pdf")


@pytest.mark.parametrize("key", ["../a", "/etc/passwd", "a/../b", "", ".hidden", "a//b", "a/.b", "甲", "a\n"])
async def test_a_key_cannot_lead_elsewhere(file_store: FileStore, key: str) -> None:
    for verb in (file_store.get, file_store.exists, file_store.delete):
        with pytest.raises(ValueError, match="not a vault key"):
            await verb(key)
    for write in (file_store.put, file_store.put_once):
        with pytest.raises(ValueError, match="not a vault key"):
            await write(key, b"x")


async def test_what_was_kept_once_stays(file_store: FileStore) -> None:
    first = await asyncio.gather(*(file_store.put_once("c/a.pdf", bytes([n])) for n in range(8)))
    assert set(first) == {await file_store.get("c/a.pdf")}
    assert await file_store.put_once("c/a.pdf", b"late") == first[0]


# In the order of bytes "-" and "." come before "/", and "/" before digits.
KEYS = ["a-b", "a.b", "a/b", "a/b.c/d", "a/b/c", "a/c", "a0", "b", "c/d/e/f"]


async def test_all_files_are_listed_in_the_order_of_their_keys(file_store: FileStore) -> None:
    assert [one async for one in file_store.listing()] == []
    for number, key in enumerate(reversed([key for key in KEYS if key != "a/b"])):
        await file_store.put(key, b"x" * number)
    await file_store.check()  # leaves nothing that is listed
    wanted = [key for key in KEYS if key != "a/b"]
    found = [one async for one in file_store.listing()]
    assert [(one.key, one.size) for one in found] == list(zip(wanted, range(7, -1, -1), strict=True))
    for start in (*wanted, "", "a", "a/b.", "a/zzz", "zzz"):
        assert [one.key async for one in file_store.listing(start)] == [key for key in wanted if key > start]


async def test_more_files_than_a_page_are_all_listed(file_store: FileStore) -> None:
    keys = [f"log/tile/{number:04}" for number in range(1203)]
    for start in range(0, len(keys), 50):
        await asyncio.gather(*(file_store.put(key, b"1") for key in keys[start : start + 50]))
    assert [one.key async for one in file_store.listing()] == keys
    assert [one.key async for one in file_store.listing(keys[1000])] == keys[1001:]


async def test_a_file_written_anew_has_another_mark(file_store: FileStore) -> None:
    async def mark() -> str:
        [one] = [one async for one in file_store.listing()]
        return one.mark

    await file_store.put("a", b"one")
    before = await mark()
    assert await mark() == before
    await file_store.put("a", b"two")
    assert await mark() != before
