"""`xcert files copy`: every file of one store into another. May be killed anywhere, and run again at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from server.domain.file_care.pairing import paired
from server.domain.ports import FileStore, StoredFile
from server.errors import NotFound

# Two stores' clocks differ by less; a copy so much newer than its original was made after the original's last change.
APART = timedelta(minutes=15)
_AT_ONCE = 8


@dataclass(slots=True)
class Copied:
    """How many of each. `files` = copied + same + newer + gone.

    Attributes:
        files: that the source holds.
        same: the target had them already.
        newer: the target holds something else that was written later; it stays.
        gone: cleared away from the source while we copied.
        others: that the target alone holds; they stay.
    """

    files: int = 0
    copied: int = 0
    size: int = 0
    same: int = 0
    newer: int = 0
    gone: int = 0
    others: int = 0
    last: str = ""

    @property
    def adds_up(self) -> bool:
        return self.files == self.copied + self.same + self.newer + self.gone


async def copy(source: FileStore, target: FileStore, tally: Copied) -> AsyncIterator[str]:
    """Copy what the target lacks and what the source has newer. Yields the key up to which all is done.

    A file that is the same is not written again; nothing is ever taken out of either store. Raises OutsideFailure.
    """
    waiting: list[tuple[StoredFile, StoredFile | None]] = []
    async for pair in paired(source.listing(), target.listing()):
        if pair.left is None:
            tally.others += 1
            continue
        waiting.append((pair.left, pair.right))
        if len(waiting) >= _AT_ONCE:
            yield await _carry(source, target, waiting, tally)
            waiting = []
    if waiting:
        yield await _carry(source, target, waiting, tally)


async def _carry(
    source: FileStore, target: FileStore, waiting: list[tuple[StoredFile, StoredFile | None]], tally: Copied
) -> str:
    work = (_one(source, target, mine, theirs, tally) for mine, theirs in waiting)
    ended = await asyncio.gather(*work, return_exceptions=True)  # nothing is still being written when we fail
    for problem in ended:
        if problem is not None:
            raise problem
    tally.last = waiting[-1][0].key
    return tally.last


async def _one(
    source: FileStore, target: FileStore, mine: StoredFile, theirs: StoredFile | None, tally: Copied
) -> None:
    tally.files += 1
    if theirs is not None and theirs.size == mine.size and theirs.changed_at - mine.changed_at > APART:
        tally.same += 1
        return
    try:
        data = await source.get(mine.key)
        there = await target.get(mine.key) if theirs is not None else None
    except NotFound:
        tally.gone += 1
        return
    if there == data:
        tally.same += 1
    elif theirs is not None and theirs.changed_at > mine.changed_at:
        tally.newer += 1
    else:
        await target.put(mine.key, data)
        tally.copied += 1
        tally.size += len(data)
