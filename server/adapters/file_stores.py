"""Which file store the settings name: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from server.adapters.object_storage import Bucket, ObjectFileStore
from server.adapters.storage import FolderFileStore
from server.domain.ports import FileStore, StoredFile
from server.errors import OutsideFailure
from server.files_place import FilesPlace
from server.settings import Settings


class MountedFileStore(FolderFileStore):
    """A folder that somebody else provides, mounted from another machine for instance: it is never made here.

    Whatever is written where nothing is mounted would lie beside the data and be lost with them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._there = folder

    async def put(self, key: str, data: bytes) -> None:
        self._require()
        await super().put(key, data)

    async def put_once(self, key: str, data: bytes) -> bytes:
        self._require()
        return await super().put_once(key, data)

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        self._require()
        async for one in super().listing(after):
            yield one

    def _require(self) -> None:
        if not self._there.is_dir():
            raise OutsideFailure(f"目录 {self._there} 不在（XCERT_ERASURES_DIR），请建立或挂载它。")


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
