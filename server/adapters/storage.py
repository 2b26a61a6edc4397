"""Files by key in a folder: certificates, imported workbooks, reports."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from server.domain.ports import StoredFile
from server.errors import NotFound, OutsideFailure

Answer = TypeVar("Answer")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_SCRATCH = ".scratch"  # no key begins with a dot
_SCRATCH_SECONDS = 3600.0  # no write takes so long: whoever wrote it is gone
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError: it is none, and might lead elsewhere."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a vault key: {key!r}")
    return key


def missing() -> NotFound:
    """The store answers, and the key holds nothing."""
    return NotFound("file_missing", "文件不存在或已被清理，请联系管理员。")


class FolderFileStore:
    """Implements the file store port.

    A write is a new file, flushed, then renamed, and its folder flushed: after a power cut a key holds a whole file or
    nothing, and what was reported as kept is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(_with_cause, self._put, self._path(key), data)

    async def put_once(self, key: str, data: bytes) -> bytes:
        return await asyncio.to_thread(_with_cause, self._put_once, self._path(key), data)

    def _put(self, path: Path, data: bytes) -> None:
        scratch = self._written(data)
        try:
            _make_folder(path.parent)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
        _flush_folder(path.parent)

    def _put_once(self, path: Path, data: bytes) -> bytes:
        scratch = self._written(data)
        try:
            _make_folder(path.parent)
            os.link(scratch, path)  # refused when something stands there, unlike a rename
        except FileExistsError:
            return path.read_bytes()
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.exists():
                return path.read_bytes()
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
        _flush_folder(path.parent)
        return data

    def _written(self, data: bytes) -> Path:
        """A flushed file of `data` beside the keys; nothing when it cannot be written whole."""
        folder = self._folder / _SCRATCH
        _make_folder(folder)
        scratch = folder / secrets.token_hex(12)
        try:
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        return scratch

    async def get(self, key: str) -> bytes:
        try:
            return await asyncio.to_thread(_with_cause, self._path(key).read_bytes)
        except FileNotFoundError:
            raise missing() from None

    async def exists(self, key: str) -> bool:
        return await asyncio.to_thread(self._path(key).exists)

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._path(key).unlink, True)

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        """Memory holds the names of one folder and of those above it."""
        waiting = [""]  # folders end with "/", which is their place among the keys
        while waiting:
            one = waiting.pop()
            if one and not one.endswith("/"):
                if one > after and (file := await asyncio.to_thread(self._described, one)) is not None:
                    yield file
            elif not one or one > after or after.startswith(one):
                waiting += await asyncio.to_thread(_with_cause, self._names, one)

    def _names(self, folder: str) -> list[str]:
        """What lies in a folder, the last key first; `folder` ends with "/" or is the whole store."""
        try:
            with os.scandir(self._folder / folder) as entries:
                found = [one for one in entries if not one.name.startswith(".")]
                return sorted(
                    (f"{folder}{one.name}{'/' if one.is_dir() else ''}" for one in found), reverse=True
                )
        except FileNotFoundError:
            return []

    def _described(self, key: str) -> StoredFile | None:
        try:
            found = (self._folder / key).stat()
        except FileNotFoundError:
            return None
        changed_at = datetime.fromtimestamp(found.st_mtime, UTC)
        return StoredFile(key, found.st_size, changed_at, f"{found.st_size}-{found.st_mtime_ns}")

    async def sweep(self) -> int:
        return await asyncio.to_thread(self._sweep)

    def _sweep(self) -> int:
        count = 0
        for scratch in (self._folder / _SCRATCH).glob("*"):
            try:
                if scratch.stat().st_mtime < time.time() - _SCRATCH_SECONDS:
                    scratch.unlink()
                    count += 1
            except FileNotFoundError:
                continue
        return count

    async def check(self) -> None:
        await asyncio.to_thread(_with_cause, self._check)

    def _check(self) -> None:
        self._written(b"ready").unlink()


def _with_cause(work: Callable[..., Answer], *arguments: object) -> Answer:
    """`work`, whose failure by the disk is an outside failure with its cause in the log."""
    try:
        return work(*arguments)
    except FileNotFoundError:
        raise
    except OSError as error:
        cause = errno.errorcode.get(error.errno or 0, "?")
        raise OutsideFailure(f"文件无法读写（{cause}），请检查数据目录所在的磁盘。") from error


def _make_folder(folder: Path) -> None:
    """Make it and what is missing above it, each noted down in the folder that holds it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Make sure that the names in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
