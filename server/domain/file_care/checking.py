"""`xcert files check`: rows and files side by side, both ways, and the contents against what is on record.

What is found is asked about once more before it is told: the service goes on meanwhile, and writes files before rows.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from server.domain.audit import chain
from server.domain.corrections.case_letters import SHELF as LETTERS
from server.domain.file_care import queries
from server.domain.file_care.pairing import Pair, paired
from server.domain.file_care.queries import NamedFile
from server.domain.imports.reports import ABOUT_FILE, ABOUT_REPORT
from server.domain.payments import bank_proofs
from server.domain.ports import Services, StoredFile
from server.errors import NotFound, Refused

YOUNG = timedelta(hours=1)  # so old a file may be whose row is still to be written
READ_AT_ONCE = 8
ASKED_AT_ONCE = 200
_LOG, _SITE, _CERTIFICATES = "log/", "wechat-files/", "certificates/"
_AUDIT = (chain.FOLDER, "erasures/")  # the trail's links, and the register of erasures: no row names them
_PICTURES = (".png", ".jpg")  # of a certificate's page: drawn anew whenever they are missing


class Fault(Enum):
    """What is wrong with one key."""

    MISSING = "missing"
    DIFFERS = "differs"
    STRAY = "stray"

    @property
    def label(self) -> str:
        return {"missing": "缺失", "differs": "不符", "stray": "没有登记"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One key that is wrong, and whose it is: `kind` and `subject` of the row; "" for a file without one."""

    fault: Fault
    key: str
    kind: str = ""
    subject: str = ""


@dataclass(slots=True)
class Tally:
    """How many of each. `rows` = whole + missing + differing; `files` = whole + differing + pictures + log + audit +
    site + young + stray.

    Attributes:
        rows: keys that rows name; `whole` of them are there and as recorded (not read: are there and not empty).
        young: files without a row, written within the last hour.
        last: the key up to which everything was counted.
    """

    rows: int = 0
    whole: int = 0
    missing: int = 0
    differing: int = 0
    files: int = 0
    size: int = 0
    pictures: int = 0
    log: int = 0
    audit: int = 0
    site: int = 0
    young: int = 0
    stray: int = 0
    last: str = ""

    @property
    def adds_up(self) -> bool:
        here = self.whole + self.differing
        others = self.pictures + self.log + self.audit + self.site + self.young + self.stray
        return self.rows == here + self.missing and self.files == here + others


@dataclass(slots=True)
class _Waiting:
    """What is looked at together, a few at a time."""

    pairs: list[tuple[NamedFile, StoredFile]] = field(default_factory=list)
    missing: list[NamedFile] = field(default_factory=list)
    strays: list[StoredFile] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        asked = max(len(self.missing), len(self.strays))
        return len(self.pairs) >= READ_AT_ONCE or asked >= ASKED_AT_ONCE


async def check(
    s: Services,
    tally: Tally,
    *,
    after: str = "",
    reads: bool = True,
    going: Callable[[], None] = lambda: None,
) -> AsyncIterator[Finding]:
    """What is wrong, as it is found, roughly in the order of the keys. Raises OutsideFailure; `tally.last` says where.

    Args:
        tally: counts along.
        after: begin behind this key, where an earlier check ended.
        reads: compare contents, too; otherwise only whether files are there and not empty.
        going: called now and then, when `tally.last` has moved.
    """
    waiting = _Waiting()
    last = after
    async for pair in paired(queries.named(after), s.file_store.listing(after)):
        last = _sort(s, tally, waiting, pair)
        if waiting.is_full:
            async for finding in _looked_at(s, tally, waiting, reads=reads):
                yield finding
            tally.last, waiting = last, _Waiting()
            going()
    async for finding in _looked_at(s, tally, waiting, reads=reads):
        yield finding
    tally.last = last


def _sort(s: Services, tally: Tally, waiting: _Waiting, pair: Pair[NamedFile, StoredFile]) -> str:
    """Count what is clear at once, and lay aside what is to be looked at. Returns the key."""
    named, file = pair.left, pair.right
    if file is None:
        assert named is not None
        waiting.missing.append(named)
        return named.key
    if named is not None:
        waiting.pairs.append((named, file))
    elif file.key.startswith(_LOG):
        tally.log += 1
    elif file.key.startswith(_AUDIT):
        tally.audit += 1
    elif file.key.startswith(_SITE):
        tally.site += 1
    elif _pdf_of(file.key) in (pair.before, pair.ahead):
        tally.pictures += 1
    else:
        waiting.strays.append(file)
        return file.key
    if named is None:
        tally.files += 1
        tally.size += file.size
    return file.key


def _pdf_of(key: str) -> str:
    """Of which certificate's file this is a picture; the key itself if it is none."""
    if key.startswith(_CERTIFICATES) and key.endswith(_PICTURES):
        return f"{key[:-4]}.pdf"
    return key


async def _looked_at(s: Services, tally: Tally, waiting: _Waiting, *, reads: bool) -> AsyncIterator[Finding]:
    there = await asyncio.gather(*(s.file_store.exists(one.key) for one in waiting.missing))
    gone = [one for one, is_there in zip(waiting.missing, there, strict=True) if not is_there]
    come = [one for one, is_there in zip(waiting.missing, there, strict=True) if is_there]  # written since
    named = await queries.still_named([*(one.key for one in gone), *(one.key for one in waiting.strays)])
    for one in gone:
        if one.key in named:  # otherwise it was cleared away meanwhile, row and all
            tally.rows += 1
            tally.missing += 1
            yield Finding(Fault.MISSING, one.key, one.kind, one.subject)
    for file in waiting.strays:
        tally.files += 1
        tally.size += file.size
        if file.key in named:  # its row came after the file was listed
            tally.rows += 1
            tally.whole += 1
        elif file.changed_at > s.clock.now() - YOUNG:
            tally.young += 1
        else:
            tally.stray += 1
            yield Finding(Fault.STRAY, file.key)
    looked: list[tuple[NamedFile, StoredFile | None]] = [*waiting.pairs, *((one, None) for one in come)]
    judged = await asyncio.gather(*(_is_whole(s, one, file, reads=reads) for one, file in looked))
    for (one, listed), is_whole in zip(looked, judged, strict=True):
        if is_whole is None:  # gone since it was listed; the next check says whether its row is, too
            continue
        tally.rows += 1
        tally.files += 1
        tally.size += listed.size if listed is not None else 0
        tally.whole += is_whole
        tally.differing += not is_whole
        if not is_whole:
            yield Finding(Fault.DIFFERS, one.key, one.kind, one.subject)


async def _is_whole(s: Services, one: NamedFile, file: StoredFile | None, *, reads: bool) -> bool | None:
    """Whether the file is the one on record; None: it is not there any more."""
    if not reads:
        return file is None or file.size > 0
    try:
        data = await _content(s, one)
    except NotFound:
        return None
    except Refused:  # it cannot be unsealed: it is not what was put there, or stands for another row
        return False
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).digest())
    return len(data) > 0 and (one.sha256 is None or digest == one.sha256)


async def _content(s: Services, one: NamedFile) -> bytes:
    """The file as the digest on record is made of it. Raises Refused: it cannot be unsealed."""
    if one.kind in ("bank_transfer", "bank_refund"):
        return await bank_proofs.opened(s.keys, s.file_store, one.key)
    if one.kind == "correction":
        return await LETTERS.opened(s.keys, s.file_store, one.key)
    data = await s.file_store.get(one.key)
    if one.kind in ("import", "report"):
        about = ABOUT_FILE if one.kind == "import" else ABOUT_REPORT
        return b64decode(await asyncio.to_thread(s.keys.decrypt, data, about=about))
    return data
