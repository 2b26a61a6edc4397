"""Files that name people or accounts (bank slips, formal letters): what kind one is by its first bytes, kept sealed.

Every one has a file of its own and is sealed for its place, so that none can stand for another row.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from server.domain.ports import FileStore, Keys, Services
from server.errors import FieldError, Invalid

LARGEST = 5 * 1024 * 1024  # bytes
# The first bytes of a file of each kind; what the file is called proves nothing.
MAGIC = {"pdf": b"%PDF-", "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
CONTENT_TYPES = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
log = logging.getLogger("xcert.files")


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file in the file store.

    Attributes:
        kind: pdf, jpeg or png.
        sha256: of the file as it was handed in.
    """

    key: str
    kind: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one table's rows lie, and what they are called.

    Attributes:
        folder: in the file store.
        about: what they are sealed for.
        label: one of them, for the sentences of a refusal.
        missing: the sentence when there is none.
    """

    folder: str
    about: str
    label: str
    missing: str

    def kind_of(self, data: bytes) -> str:
        """Raises Invalid: /file — nothing, too large, or neither PDF, JPEG nor PNG."""
        if not data:
            raise _invalid("missing", self.missing)
        if len(data) > LARGEST:
            most = LARGEST // 1024 // 1024
            raise _invalid("file_size", f"{self.label}不能超过 {most} MB，请压缩后重新上传。")
        found = next((kind for kind, magic in MAGIC.items() if data.startswith(magic)), None)
        if found is None:
            raise _invalid(
                "file_type", f"{self.label}须是 PDF、JPEG 或 PNG 文件；改文件名不会改变文件的种类。"
            )
        return found

    async def keep(self, keys: Keys, file_store: FileStore, data: bytes) -> SealedFile:
        """Seal it and put it into the file store. Raises as `kind_of`; OutsideFailure."""
        kind, digest = self.kind_of(data), hashlib.sha256(data).digest()
        key = f"{self.folder}/{digest.hex()[:16]}-{uuid4().hex}"
        sealed = await asyncio.to_thread(keys.encrypt, b64encode(data).decode(), about=self.about_of(key))
        await file_store.put(key, sealed)
        return SealedFile(key, kind, digest)

    @asynccontextmanager
    async def kept(
        self, s: Services, data: bytes, *, is_named: Callable[[str], Awaitable[bool]]
    ) -> AsyncIterator[SealedFile]:
        """The file of a row that the body writes: when the body fails, nothing is kept of it. Raises as `keep`.

        Args:
            is_named: whether a row names the file with this key.
        """
        file = await self.keep(s.keys, s.file_store, data)
        try:
            yield file
        except (Exception, asyncio.CancelledError):
            await _forget(s.file_store, file, is_named)
            raise

    async def opened(self, keys: Keys, file_store: FileStore, key: str) -> bytes:
        """The file as it was handed in. Raises NotFound, OutsideFailure."""
        sealed = await file_store.get(key)
        return b64decode(await asyncio.to_thread(keys.decrypt, sealed, about=self.about_of(key)))

    def about_of(self, key: str) -> str:
        """What the file with this key is encrypted for."""
        return f"{self.about}:{key}"


async def _forget(
    file_store: FileStore, file: SealedFile, is_named: Callable[[str], Awaitable[bool]]
) -> None:
    """Nothing came of it, so nothing is kept of its file.

    Only when the database says so: a connection that broke while committing may have committed. Whatever goes wrong
    here must not hide why nothing was recorded.
    """
    try:
        if not await is_named(file.key):
            await file_store.delete(file.key)
    except Exception as problem:
        log.error(
            "sealed file left in the file store", extra={"file": file.key, "why": type(problem).__name__}
        )


def _invalid(code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError("/file", code, message)])
