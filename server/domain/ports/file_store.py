"""Files by key: certificates, what was handed in, the public log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as the store lists it.

    Attributes:
        size: in bytes.
        changed_at: when it was last written, by the store's clock.
        mark: another one whenever the file was written anew; says nothing between two stores.
    """

    key: str
    size: int
    changed_at: datetime
    mark: str


class FileStore(Protocol):
    """Files by key. Writing is atomic: a key holds a whole file or nothing.

    Every method raises OutsideFailure when the store is full or refuses, or does not answer in time.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Store, in place of what stood there."""

    async def put_once(self, key: str, data: bytes) -> bytes:
        """Store unless the key holds a file already. Returns what it holds then."""

    async def get(self, key: str) -> bytes:
        """Raises NotFound("file_missing"): the store answers, and the key holds nothing."""

    async def exists(self, key: str) -> bool: ...
    async def delete(self, key: str) -> None: ...
    def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        """Every file whose key comes after `after`, in the order of the keys' bytes; what is written meanwhile may be
        left out."""

    async def sweep(self) -> int:
        """Clear away what writers that died left half-written. Returns how many files that were."""

    async def check(self) -> None:
        """Raises OutsideFailure: nothing can be written now."""
