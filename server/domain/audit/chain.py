"""A hash chain over the audit trail: whoever changes, adds or takes out an entry later breaks every link from there on.

Writers know nothing of it. One job takes the entries that can no longer change their number of neighbours, in the order
of their ids, some hundreds a link. An id is given before its transaction ends, so a smaller one may still come after a
greater: the job notes how far the trail reaches and which transactions run, and links that far only when all of those
have ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tortoise.transactions import in_transaction

from server.domain.ports import Services
from server.errors import NotFound
from server.models import AuditLink
from server.models.database import rows, write

LINK = 500  # entries of one link, at most
LINKS_AT_ONCE = 100  # of one turn of the job
FOLDER = "audit/"  # in the file store: the hashes, out of reach of whoever can write to the database alone
_DOMAIN = b"xcert-audit-1\n"
NONE = bytes(32)  # before the first link

_ENTRIES = """
SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at, actor_kind, actor_id, actor_name, action, subject_kind,
       subject_id, was::text AS was, became::text AS became, address, request_id
FROM audit_entry WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
"""
_MARK = """
INSERT INTO audit_mark (id, until_id, seen_xid, published) VALUES (1, 0, 0, 0) ON CONFLICT (id) DO NOTHING
"""
_TAKE = "SELECT until_id, seen_xid, published FROM audit_mark WHERE id = 1 FOR UPDATE SKIP LOCKED"
_NOW = """
SELECT pg_snapshot_xmin(s)::text::bigint AS oldest, pg_snapshot_xmax(s)::text::bigint AS next,
       (SELECT coalesce(max(id), 0) FROM audit_entry) AS newest
FROM pg_current_snapshot() s
"""
_NEW_MARK = "UPDATE audit_mark SET until_id = $1, seen_xid = $2 WHERE id = 1"
_LAST = "SELECT position, until_id, hash FROM audit_link ORDER BY position DESC LIMIT 1"
_ADD = """
INSERT INTO audit_link (position, until_id, count, entries_sha256, hash, made_at) VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is hashed: `line` is its canonical JSON, one line."""

    id: int
    line: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.line).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One link as it is told to others."""

    position: int
    until_id: int
    count: int
    entries_sha256: bytes
    hash: bytes

    def line(self) -> bytes:
        told = {
            "link": self.position,
            "until_id": self.until_id,
            "count": self.count,
            "entries_sha256": self.entries_sha256.hex(),
            "hash": self.hash.hex(),
        }
        return canonical(told)

    @property
    def key(self) -> str:
        """Where its hash stands in the file store: two links of one position lie side by side."""
        return f"{FOLDER}{self.position:010}-{self.hash.hex()[:16]}.json"


def canonical(value: dict[str, Any]) -> bytes:
    """JSON with sorted names, no spaces, and every character as it is, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def linked(before: bytes, position: int, until_id: int, entries: list[Entry]) -> Link:
    """The link over these entries, after the one whose hash is `before`."""
    of_entries = hashlib.sha256(b"".join(one.digest for one in entries)).digest()
    numbers = b"".join(number.to_bytes(8, "big") for number in (position, until_id, len(entries)))
    digest = hashlib.sha256(_DOMAIN + before + numbers + of_entries).digest()
    return Link(position, until_id, len(entries), of_entries, digest)


async def entries(after: int, until: int, limit: int) -> list[Entry]:
    """Entries in the order of their ids, behind `after` and up to `until`."""
    return [_entry(row) for row in await rows(_ENTRIES, after, until, limit)]


def _entry(row: dict[str, Any]) -> Entry:
    told = {name: row[name] for name in row if name not in ("was", "became")}
    for name in ("was", "became"):
        told[name] = None if row[name] is None else json.loads(row[name])
    return Entry(row["id"], canonical(told))


async def links(after: int = 0) -> AsyncIterator[Link]:
    """Every link behind this position, in order."""
    while page := await AuditLink.filter(position__gt=after).order_by("position").limit(LINKS_AT_ONCE):
        for one in page:
            yield Link(one.position, one.until_id, one.count, bytes(one.entries_sha256), bytes(one.hash))
        after = page[-1].position


async def extend(s: Services) -> None:
    """Link what can be linked, and lay the hashes into the file store. Sweep `audit.chain`; may die anywhere."""
    await write(_MARK)
    for _ in range(LINKS_AT_ONCE):
        if not await _one_link(s.clock.now()):
            break
        await s.faults.reach("audit.chain: a link is made")
    await _publish(s)


async def _one_link(now: datetime) -> bool:
    """One more link in a transaction of its own; False when there is nothing to link now, or another process is at it."""
    async with in_transaction():
        found = await rows(_TAKE)
        if not found:
            return False
        mark, [seen] = found[0], await rows(_NOW)
        before = await rows(_LAST)
        position, until, digest = (
            (before[0]["position"], before[0]["until_id"], bytes(before[0]["hash"]))
            if before
            else (0, 0, NONE)
        )
        if seen["oldest"] >= mark["seen_xid"] and (some := await entries(until, mark["until_id"], LINK)):
            link = linked(digest, position + 1, some[-1].id, some)
            await write(_ADD, link.position, link.until_id, link.count, link.entries_sha256, link.hash, now)
            return True
        is_pending = mark["until_id"] > until and mark["seen_xid"] <= seen["next"]
        if not is_pending and seen["newest"] > until:  # a mark of another server is made anew, too
            await write(_NEW_MARK, seen["newest"], seen["next"])
    return False


async def _publish(s: Services) -> None:
    """Hashes that the file store lacks; one that stands there already is the same, for its name says it."""
    [mark] = await rows("SELECT published FROM audit_mark WHERE id = 1")
    async for link in links(mark["published"]):
        await s.file_store.put(link.key, link.line())
        await write("UPDATE audit_mark SET published = $1 WHERE id = 1 AND published < $1", link.position)


@dataclass(slots=True)
class Verdict:
    """What a verification found.

    Attributes:
        links, entries: how many were reckoned anew, and agree.
        waiting: entries that are not linked yet.
        head: the last link's hash, to be written down elsewhere.
        problems: what disagrees, the first first; the chain is not followed beyond it.
        notes: what may be right and wants a look.
    """

    links: int = 0
    entries: int = 0
    waiting: int = 0
    head: str = ""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def verify(s: Services, *, remembered: str = "") -> Verdict:
    """Reckon the whole chain anew from the entries, and compare it with the hashes in the file store.

    Args:
        remembered: a hash that was written down earlier; it must be one of the chain's.
    Raises OutsideFailure.
    """
    verdict = Verdict()
    before, until, seen = NONE, 0, set[str]()
    is_remembered = not remembered
    async for link in links():
        problem = await _differs(link, before, until, verdict.links + 1)
        if problem:
            verdict.problems.append(problem)
            return verdict
        verdict.links += 1
        verdict.entries += link.count
        verdict.head = link.hash.hex()
        is_remembered = is_remembered or verdict.head == remembered.lower()
        before, until = link.hash, link.until_id
        if (fault := await _published_otherwise(s, link)) is not None:
            verdict.problems.append(fault)
        seen.add(link.key)
    verdict.waiting = (await rows("SELECT count(*) AS n FROM audit_entry WHERE id > $1", until))[0]["n"]
    if not is_remembered:
        verdict.problems.append(
            f"记下的链头 {remembered[:16]}… 不在链上：有人从更早的地方改写了整条链，或恢复过更早的备份"
        )
    await _foreign(s, seen, verdict)
    return verdict


async def _differs(link: Link, before: bytes, until: int, position: int) -> str:
    """What is wrong with a link; "" when it is as its entries say."""
    found = await entries(until, link.until_id, link.count + 1)
    where = f"第 {link.position} 节（审计编号 {until + 1}–{link.until_id}）"
    if link.position != position:
        return f"第 {position} 节不见了"
    if len(found) != link.count:
        now = "现在更多" if len(found) > link.count else f"现有 {len(found)} 条"
        return f"{where}：应有 {link.count} 条，{now}"
    if linked(before, link.position, link.until_id, found) != link:
        return f"{where}：有记录的内容被改过，或这一节被换过"
    return ""


async def _published_otherwise(s: Services, link: Link) -> str | None:
    try:
        if await s.file_store.get(link.key) == link.line():
            return None
        return f"第 {link.position} 节的散列与文件存储里的 {link.key} 不同"
    except NotFound:
        published = (await rows("SELECT published FROM audit_mark WHERE id = 1"))[0]["published"]
        return f"文件存储里没有 {link.key}" if link.position <= published else None


async def _foreign(s: Services, known: set[str], verdict: Verdict) -> None:
    """Hashes in the file store that the chain does not have: it was rewritten, or the database is an older one."""
    foreign = 0
    async for file in s.file_store.listing(FOLDER):
        if not file.key.startswith(FOLDER):
            break
        foreign += file.key not in known
    if not foreign:
        return
    line = f"文件存储里有 {foreign} 节不在这条链上"
    if await rows("SELECT 1 FROM audit_entry WHERE action = 'backup.restore' LIMIT 1"):
        verdict.notes.append(f"{line}：恢复过备份，备份之后的记录不在了；请核对恢复的时间")
    else:
        verdict.problems.append(f"{line}：链被改写过，或数据库被换成了更早的一份")
