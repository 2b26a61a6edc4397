"""A key in the vault holds a whole file or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NotFound
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
