"""After a restore, or when files of the log are gone: record and publication become one history again, or it is said why not.

What was published under our signature is never taken back. Entries that the record has lost are read from the published
bundles, which the signed root vouches for; files that are lost are written anew from the record, byte for byte the same.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.ports import FileStore, Services
from server.domain.public_log import checkpoints, log_state, queries
from server.domain.public_log.log_entry import Entry, read_entry
from server.domain.public_log.log_state import LogStopped, Published, Reader
from server.domain.public_log.signed_note import Checkpoint, Note
from server.domain.public_log.tile_layout import HEIGHT, WIDTH, Tile, unbundle
from server.domain.public_log.tree_growth import GrowingTree
from server.errors import NotFound

LEASE_SECONDS = 600.0
_CHUNK = 16 * WIDTH


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, found without changing anything.

    Attributes:
        size: of the newest checkpoint that was signed; the log has this many entries afterwards at least.
        missing: entries that the record has lost; the first of them has the place `recorded`.
        serials: number series → the serial that it must be past.
    """

    origin: str
    size: int
    recorded: int
    missing: list[tuple[Entry, bytes]] = field(default_factory=list)
    published: Published | None = None

    @property
    def serials(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry, _ in self.missing:
            found[entry.series] = max(found.get(entry.series, 0), entry.serial_to)
        return found

    @property
    def ended(self) -> list[bytes]:
        """Certificates that were revoked or superseded meanwhile, as the log names them."""
        return [bytes.fromhex(entry.certificate) for entry, _ in self.missing if entry.event != "issued"]


async def plan(s: Services, source: Reader) -> Plan:
    """Compare the record with what is published.

    Args:
        source: where the published log lies: the file store, or a copy of it that somebody kept.

    Raises:
        LogStopped: they are two histories, or what is published is not ours; nobody may go on by himself.
    """
    head = await queries.head()
    last = await queries.last_checkpoint()
    public = await _published(s, source, head.origin)
    await _require_newest(s, source, head.origin, public)
    origin = head.origin or (public.checkpoint.origin if public is not None else "")
    signed = {one.size: one.root for one in (last, public.checkpoint if public is not None else None) if one}
    recorded = await queries.size()
    found = Plan(origin, max(signed, default=0), recorded, [], public)
    tree = GrowingTree(_Nowhere())
    async for entries, is_lost in _entries(source, recorded, sorted(signed)):
        await tree.append(entries)
        if is_lost:
            found.missing.extend((_read(one), one) for one in entries)
        if tree.size in signed and tree.root() != signed[tree.size]:
            raise LogStopped(
                f"数据库里的前 {tree.size} 条与签过的检查点不是同一份：日志有两个版本，不能自动继续。"
                "请保留数据库和文件，停止签发，按 docs/public-log.md“两个版本”处理。"
            )
    return found


async def _published(s: Services, source: Reader, origin: str) -> Published | None:
    public = await log_state.published(source, s.keys, origin)
    if public is not None and not log_state.is_signed(s.keys, public.checkpoint.origin, public.note):
        raise LogStopped("已公布的检查点不是本机的日志密钥签的，请先恢复当时的密钥。")
    return public


async def _require_newest(s: Services, source: Reader, origin: str, public: Published | None) -> None:
    """A copy must not be older than what stands in the file store: that would take back what was published.

    One that cannot be read there, or is not ours, is what a copy is for.
    """
    if source is s.file_store:
        return
    try:
        here = await _published(s, s.file_store, origin)
    except LogStopped:
        return
    size = public.checkpoint.size if public is not None else 0
    if here is not None and here.checkpoint.size > size:
        raise LogStopped(
            f"文件目录里已公布的日志（{here.checkpoint.size} 条）比这份副本（{size} 条）新，"
            "请不带 --copy 运行，或换一份更新的副本。"
        )


async def _entries(
    source: Reader, recorded: int, sizes: list[int]
) -> AsyncIterator[tuple[list[bytes], bool]]:
    """All entries in parts, each ending at a size that was signed or before; from the record, then from bundles."""
    at = 0
    for size in sizes:
        while at < size:
            if at < recorded:
                part = await queries.entries(at, min(size, recorded, at + _CHUNK))
            else:
                index = at // WIDTH
                width = min(WIDTH, sizes[-1] - index * WIDTH)
                part = (await _bundle(source, index, width))[at - index * WIDTH : size - index * WIDTH]
            if not part:
                raise LogStopped(f"第 {at} 条起的日志缺失，数据库和文件里都没有。")
            yield part, at >= recorded
            at += len(part)


async def _bundle(source: Reader, index: int, width: int) -> list[bytes]:
    try:
        return unbundle(await source.get(Tile(-1, index, width).key))
    except NotFound:
        raise LogStopped(
            f"已公布的日志缺少文件 {Tile(-1, index, width).key}，请从备份或保存了副本的人那里找回。"
        ) from None
    except ValueError:
        raise LogStopped(
            f"{Tile(-1, index, width).key} 读不出来，请从备份或保存了副本的人那里找回。"
        ) from None


def _read(data: bytes) -> Entry:
    try:
        return read_entry(data)
    except ValueError:
        raise LogStopped("已公布的日志里有本机的程序看不懂的条目，请先升级程序。") from None


async def carry_out(s: Services, found: Plan, *, actor: Actor) -> int:
    """Do what the plan says, and let the log go on. Returns how many files were written anew.

    Step number series past `found.serials` first: a death in between must not lose that.

    Raises:
        LogStopped: somebody writes the log at this moment, or it has changed since the plan was made.
    """
    writer = secrets.token_hex(8)
    if not await queries.claim_writer(writer, LEASE_SECONDS):
        raise LogStopped("后台任务正在写日志，请一分钟后再试。")
    try:
        return await _carried_out(s, found, actor)
    finally:
        await queries.let_go(writer)


async def _carried_out(s: Services, found: Plan, actor: Actor) -> int:
    if found.origin:
        await queries.begin(found.origin)
    if await queries.size() != found.recorded:
        raise LogStopped("日志刚刚有了变化，请再运行一次。")
    public = found.published
    async with transaction(s.faults, "log.recover"):
        for start in range(0, len(found.missing), 1000):
            await queries.recover(found.recorded + start, found.missing[start : start + 1000])
        await s.faults.reach("log.recover: the entries are back")
        if public is not None:
            note = _ours(s, public)
            await queries.keep_checkpoint(public.checkpoint.size, public.checkpoint.root, note, s.clock.now())
    mended = await _write_anew(s.file_store, found.size)
    await s.faults.reach("log.recover: the files are there")
    await checkpoints.publish(s.file_store)
    async with transaction(s.faults, "log.go_on"):
        await queries.go_on()
        became = {"size": found.size, "entries": len(found.missing), "files": mended}
        await audit_log.record(s.clock, actor, "log.recover", "log", "log", became=became)
    return mended


def _ours(s: Services, public: Published) -> str:
    """The published note with our own signatures alone."""
    keys = log_state.log_keys(s.keys, public.checkpoint.origin).values()
    ours = tuple(one for one in public.note.signatures if any(one.is_by(key) for key in keys))
    return str(Note(public.note.text, ours))


async def _write_anew(file_store: FileStore, size: int) -> int:
    """Every tile up to the signed size as the record makes it; what lies beyond it was never signed, and goes."""
    mending = _Mending(file_store)
    tree = GrowingTree(mending)
    while tree.size < size:
        await tree.append(await log_state.recorded(tree.size, min(size, tree.size + _CHUNK)))
    await tree.write_edge()
    await _forget_beyond(file_store, -1, size)
    level = 0
    while level == 0 or size >> HEIGHT * level:
        await _forget_beyond(file_store, level, size >> HEIGHT * level)
        level += 1
    return mending.count


async def _forget_beyond(file_store: FileStore, level: int, count: int) -> None:
    """Delete the tiles of a level that hold more than its first `count` hashes; one after another was written."""
    index, width = divmod(count, WIDTH)
    goes_on = True
    while goes_on:
        goes_on = await file_store.exists(Tile(level, index, WIDTH).key)
        for wider in range(width + 1, WIDTH + 1):
            await file_store.delete(Tile(level, index, wider).key)
        index, width = index + 1, 0


@dataclass(frozen=True, slots=True)
class Review:
    """What looking through everything came to. `problems`: one sentence each; empty: all is one history."""

    size: int
    checkpoint: Checkpoint | None
    problems: list[str]


async def review(s: Services) -> Review:
    """Compare every entry on record with every file and with the signed head. Changes nothing."""
    problems = [text] if (text := await log_state.problem(s)) else []
    last, size = await queries.last_checkpoint(), await queries.size()
    comparing = _Comparing(s.file_store, problems)
    tree = GrowingTree(comparing)
    head = last.size if last is not None else 0
    try:
        while tree.size < min(head, size):
            await tree.append(await log_state.recorded(tree.size, min(head, size, tree.size + _CHUNK)))
    except LogStopped as gap:
        problems.append(str(gap))
    await tree.write_edge()
    if last is None:
        return Review(size, None, problems)
    if tree.root() != last.root or tree.size != head:
        problems.append(f"数据库里的前 {head} 条与签过的检查点不符。")
    return Review(size, Checkpoint((await queries.head()).origin, head, last.root), problems)


class _Nowhere:
    async def put_once(self, key: str, data: bytes) -> bytes:
        return data


class _Mending:
    def __init__(self, file_store: FileStore) -> None:
        self._file_store = file_store
        self.count = 0

    async def put_once(self, key: str, data: bytes) -> bytes:
        try:
            if await self._file_store.get(key) == data:
                return data
        except NotFound:
            pass
        await self._file_store.put(key, data)
        self.count += 1
        return data


class _Comparing:
    def __init__(self, file_store: FileStore, problems: list[str]) -> None:
        self._file_store, self._problems = file_store, problems

    async def put_once(self, key: str, data: bytes) -> bytes:
        try:
            if await self._file_store.get(key) != data:
                self._problems.append(f"日志文件 {key} 与数据库不符。")
        except NotFound:
            self._problems.append(f"日志文件 {key} 不见了。")
        return data
