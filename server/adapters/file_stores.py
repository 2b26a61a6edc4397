"""Which file store the settings name: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from server.adapters.object_storage import Bucket, ObjectFileStore
from server.adapters.storage import FolderFileStore
from server.domain.ports import FileStore, StoredFile
from server.errors import OutsideFailure
from server.files_place import FilesPlace
from server.settings import Settings

Answer = TypeVar("Answer")
_PATIENCE = 20.0  # seconds for one file


class MountedFileStore(FolderFileStore):
    """A folder that somebody else provides, mounted from another machine for instance: it is never made here.

    Whatever is written where nothing is mounted would lie beside the data and be lost with them. A mount whose machine is
    gone answers nothing at all, and its threads never end: before each call one thread asks whether it is there, and as long
    as that one hangs no other is begun.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._there = folder
        self._asked: asyncio.Future[bool] | None = None

    async def put(self, key: str, data: bytes) -> None:
        await self._require()
        await _within(super().put(key, data))

    async def put_once(self, key: str, data: bytes) -> bytes:
        await self._require()
        return await _within(super().put_once(key, data))

    async def get(self, key: str) -> bytes:
        await self._require()
        return await _within(super().get(key))

    async def exists(self, key: str) -> bool:
        await self._require()
        return await _within(super().exists(key))

    async def delete(self, key: str) -> None:
        await self._require()
        await _within(super().delete(key))

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        await self._require()
        them = super().listing(after)
        while (one := await _within(anext(them, None))) is not None:
            yield one

    async def _require(self) -> None:
        if self._asked is None or self._asked.done():
            self._asked = _on_a_thread(self._there)
        if not await _within(asyncio.shield(self._asked)):
            raise OutsideFailure(f"目录 {self._there} 不在（XCERT_ERASURES_DIR），请建立或挂载它。")


def _on_a_thread(folder: Path) -> asyncio.Future[bool]:
    """Whether the folder is there; the thread keeps no process from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def look() -> None:
        try:
            is_there = folder.is_dir()
        except OSError:  # a stale handle, for instance
            is_there = False
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(answer.set_result, is_there)

    threading.Thread(target=look, name="mounted-folder", daemon=True).start()
    return answer


async def _within(work: Awaitable[Answer]) -> Answer:
    """Raises OutsideFailure: it takes longer than any disk that is there."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await work
    except TimeoutError:
        raise OutsideFailure(
            "删除登记的另一处（XCERT_ERASURES_DIR）没有应答，请检查挂载的那台机器和网络。", unknown=True
        ) from None


def second_register_of(settings: Settings) -> FileStore | None:
    """Where the register of erasures is kept once more; None: nowhere."""
    return MountedFileStore(settings.erasures_dir) if settings.erasures_dir is not None else None


def file_store_of(settings: Settings, place: FilesPlace | None = None) -> FileStore:
    """The store at the place of the settings, or at another one reached by the same keys."""
    place = place or settings.files_place
    if place.folder is not None:
        return FolderFileStore(place.folder)
    return ObjectFileStore(
        Bucket(
            name=place.bucket,
            prefix=place.prefix,
            endpoint=settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com",
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            in_host=settings.s3_style == "host",
            certificates=settings.s3_certificates,
        )
    )
