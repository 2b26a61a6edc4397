"""Files of a store outside the data folder: into a backup, and back. Everything may be cut off and done again."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.adapters.file_stores import file_store_of
from server.adapters.storage import FolderFileStore
from server.domain.ports import FileStore, StoredFile
from server.errors import NotFound
from server.settings import Settings

LOG = "log/"
_CHECKPOINT = "log/checkpoint"  # says that the others are there, so it comes last
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds of a store.

    Attributes:
        sums: SHA-256 by key.
        marks: as the store gave them, by key: the next backup need not read again what still has the same.
    """

    sums: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)


def store_elsewhere(settings: Settings, usual: Path) -> FileStore | None:
    """The store of the settings; None when it is the folder that is copied with the data folder.

    Args:
        usual: that folder.
    """
    place = settings.files_place
    if place.folder is not None and place.folder.resolve() == usual.resolve():
        return None
    return file_store_of(settings)


async def save(store: FileStore, folder: Path, earlier: Path | None, known: Saved) -> Saved:
    """Every file of the store into `folder`; what did not change since is shared with the `earlier` backup.

    Args:
        earlier: the same folder of that backup.
        known: what that backup wrote down.
    Raises OutsideFailure.
    """
    target, saved = FolderFileStore(folder), Saved()

    async def take(one: StoredFile) -> None:
        digest = known.sums.get(one.key)
        is_same = one.mark and known.marks.get(one.key) == one.mark
        if earlier is not None and digest is not None and is_same and _shared(earlier, folder, one.key):
            saved.sums[one.key], saved.marks[one.key] = digest, one.mark
            return
        try:
            data = await store.get(one.key)
        except NotFound:  # cleared away since it was listed
            return
        await target.put(one.key, data)
        saved.sums[one.key], saved.marks[one.key] = hashlib.sha256(data).hexdigest(), one.mark

    waiting: list[StoredFile] = []
    async for one in store.listing():
        waiting.append(one)
        if len(waiting) >= _AT_ONCE:
            await asyncio.gather(*map(take, waiting))
            waiting = []
    await asyncio.gather(*map(take, waiting))
    return saved


def _shared(earlier: Path, folder: Path, key: str) -> bool:
    """Whether the earlier backup's file is in this one, too, by a hard link."""
    try:
        (folder / key).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.link(earlier / key, folder / key)
    except OSError:  # another file system, or somebody took it away: read then
        return False
    return True


async def put_missing(store: FileStore, folder: Path) -> None:
    """What the store lacks of a backup, but for the public log: nobody sees any of it without a row. Raises OutsideFailure."""
    there = {one.key async for one in store.listing()}
    keys = [key for key in _keys(folder) if not key.startswith(LOG) and key not in there]
    await _each(store, folder, keys, lambda data, now: True)


async def put_back(store: FileStore, folder: Path) -> None:
    """Every file of a backup as it was; of the public log only what is missing, for what was published is never taken back.

    Raises OutsideFailure.
    """
    keys = _keys(folder)
    ours = [key for key in keys if not key.startswith(LOG)]
    await _each(store, folder, ours, lambda data, now: data != now)
    log = [key for key in keys if key.startswith(LOG) and key != _CHECKPOINT]
    await _each(store, folder, log, lambda data, now: now is None)
    await _each(store, folder, [_CHECKPOINT] if _CHECKPOINT in keys else [], lambda data, now: now is None)


async def _each(
    store: FileStore, folder: Path, keys: Iterable[str], wants: Callable[[bytes, bytes | None], bool]
) -> None:
    async def one(key: str) -> None:
        data = await asyncio.to_thread((folder / key).read_bytes)
        try:
            now: bytes | None = await store.get(key)
        except NotFound:
            now = None
        if wants(data, now):
            await store.put(key, data)

    todo = list(keys)
    for start in range(0, len(todo), _AT_ONCE):
        await asyncio.gather(*map(one, todo[start : start + _AT_ONCE]))


def _keys(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def of_manifest(manifest: Mapping[str, object], prefix: str) -> Saved:
    """What an earlier backup wrote down, by key."""
    sums, marks = manifest.get("sha256"), manifest.get("marks")
    return Saved(
        {name.removeprefix(prefix): str(value) for name, value in sums.items() if name.startswith(prefix)}
        if isinstance(sums, dict)
        else {},
        {name: str(value) for name, value in marks.items()} if isinstance(marks, dict) else {},
    )
