"""The trail cannot be rewritten unseen: whatever is changed, added or taken out breaks the chain, or leaves its hash behind."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, chain
from server.domain.audit.chain import Verdict
from server.domain.ports import Services
from server.models import AuditEntry, AuditLink
from tests.kit.exchange import exchange
from tests.kit.fakes import MemoryFileStore


async def wrote(services: Services, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        became = {"名": "王敏", "n": number, "list": [1.5, None, True]}
        await audit_log.record(services.clock, SYSTEM, "test.do", "thing", number, became=became)


async def chained(services: Services) -> None:
    """Twice: once to see how far the trail goes, once to link so far."""
    await chain.extend(services)
    await chain.extend(services)


@asynccontextmanager
async def owner(db_url: str) -> AsyncIterator[Any]:
    """Somebody who may do everything in the database, triggers or not."""
    link = await asyncpg.connect(db_url)
    await link.execute("SET session_replication_role = replica")
    await link.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
    await link.execute("ALTER TABLE audit_link DISABLE TRIGGER USER")
    try:
        yield link
    finally:
        for table in ("audit_entry", "audit_link"):
            await link.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change")
            await link.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate")
        await link.close()


@pytest.fixture(autouse=True)
def short_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "LINK", 3)


async def test_the_chain_grows_and_agrees(services: Services) -> None:
    assert await chain.verify(services) == Verdict()
    await wrote(services, 7)
    assert (await chain.verify(services)).waiting == 7
    await chained(services)
    verdict = await chain.verify(services)
    last = await AuditLink.all().order_by("-position").first()
    assert last is not None
    assert verdict == Verdict(links=3, entries=7, waiting=0, head=bytes(last.hash).hex())
    heads = [verdict.head]
    for start in (7, 8, 12):
        await wrote(services, 4 if start == 8 else 1, start)
        await chained(services)
        heads.append((await chain.verify(services)).head)
    assert len(set(heads)) == 4
    for head in heads:
        assert (await chain.verify(services, remembered=head)).problems == []
    await chained(services)
    assert (await chain.verify(services)).head == heads[-1], "nothing new, no link"


async def test_a_late_entry_with_a_small_number_is_waited_for(services: Services, db_url: str) -> None:
    """An id is given before its transaction ends: the chain never goes past one that may still come."""
    await wrote(services, 2)
    slow = await asyncpg.connect(db_url)
    transaction = slow.transaction()
    await transaction.start()
    columns = "at, actor_kind, actor_name, action, subject_kind, subject_id, address, request_id"
    await slow.execute(
        f"INSERT INTO audit_entry ({columns}) VALUES (now(), 'system', 'x', 'test.slow', 'thing', '0', '', '')"
    )
    await wrote(services, 2, 2)
    await chained(services)
    await chained(services)
    assert await AuditLink.all().count() == 0, "as long as it runs"
    await transaction.commit()
    await slow.close()
    await chained(services)
    verdict = await chain.verify(services)
    assert (verdict.problems, verdict.entries, verdict.waiting) == ([], 5, 0)


async def test_many_writers_and_several_jobs_make_one_chain(services: Services) -> None:
    async def write(start: int) -> None:
        for number in range(start, start + 10):
            await wrote(services, 1, number)
            await asyncio.sleep(0)

    async def link() -> None:
        for _ in range(8):
            await chain.extend(services)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(write(start) for start in range(0, 60, 10)), link(), link())
    await chained(services)
    verdict = await chain.verify(services)
    assert (verdict.problems, verdict.entries, verdict.waiting) == ([], 60, 0)
    positions = [one.position async for one in chain.links()]
    assert positions == list(range(1, len(positions) + 1))


FORGERIES = {
    "changed": "UPDATE audit_entry SET became = '{\"n\": 99}' WHERE id = 5",
    "another's name": "UPDATE audit_entry SET actor_name = '别人' WHERE id = 2",
    "another time": "UPDATE audit_entry SET at = at - interval '1 microsecond' WHERE id = 6",
    "taken out": "DELETE FROM audit_entry WHERE id = 4",
    "the last taken out": "DELETE FROM audit_entry WHERE id = 7",
    "two exchanged": "UPDATE audit_entry SET id = CASE id WHEN 1 THEN -1 ELSE 1 END WHERE id IN (1, 2);"
    " UPDATE audit_entry SET id = 2 WHERE id = -1",
    "a link taken out": "DELETE FROM audit_link WHERE position = 2",
    "a link changed": "UPDATE audit_link SET hash = sha256('x') WHERE position = 2",
    "the end taken out": "DELETE FROM audit_link WHERE position = 3; DELETE FROM audit_entry WHERE id = 7",
    "all of it": "DELETE FROM audit_link; DELETE FROM audit_entry",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_every_forgery_is_seen(services: Services, db_url: str, forgery: str) -> None:
    await wrote(services, 7)
    await chained(services)
    async with owner(db_url) as link:
        await link.execute(FORGERIES[forgery])
    assert (await chain.verify(services)).problems != []


async def test_an_entry_put_in_later_is_seen(services: Services, db_url: str) -> None:
    await wrote(services, 7)
    async with owner(db_url) as link:
        await link.execute("UPDATE audit_entry SET id = id * 10")
    await chained(services)
    assert (await chain.verify(services)).problems == []
    async with owner(db_url) as link:
        await link.execute(
            "INSERT INTO audit_entry SELECT 15, at, actor_kind, actor_id, actor_name, action, subject_kind,"
            " subject_id, was, became, address, request_id FROM audit_entry WHERE id = 10"
        )
    assert (await chain.verify(services)).problems == ["第 1 节（审计编号 1–30）：应有 3 条，现在更多"]


async def test_a_chain_written_anew_is_seen_by_its_hashes_elsewhere(services: Services, db_url: str) -> None:
    """Whoever owns the database and knows how can reckon a new chain; the files, and a hash on paper, are not his."""
    await wrote(services, 7)
    await chained(services)
    head = (await chain.verify(services)).head
    async with owner(db_url) as link:
        await link.execute("UPDATE audit_entry SET actor_name = '别人' WHERE id = 2; DELETE FROM audit_link")
        await link.execute("UPDATE audit_mark SET published = 0")
    await chained(services)
    seen = await chain.verify(services)
    assert seen.problems == ["文件存储里有 3 节不在这条链上：链被改写过，或数据库被换成了更早的一份"]
    assert isinstance(services.file_store, MemoryFileStore)
    kept, services.file_store.files = services.file_store.files, {}
    by_hand = await chain.verify(services, remembered=head)
    assert by_hand.problems[-1].startswith(f"记下的链头 {head[:16]}… 不在链上")
    services.file_store.files = kept


async def test_after_a_restore_what_is_missing_is_a_note(services: Services, db_url: str) -> None:
    await wrote(services, 7)
    await chained(services)
    async with owner(db_url) as link:
        await link.execute("DELETE FROM audit_link WHERE position = 3; DELETE FROM audit_entry WHERE id = 7")
    await audit_log.record(services.clock, SYSTEM, "backup.restore", "backup", "-")
    await chained(services)
    verdict = await chain.verify(services)
    assert verdict.problems == []
    assert verdict.notes == [
        "文件存储里有 1 节不在这条链上：恢复过备份，备份之后的记录不在了；请核对恢复的时间"
    ]


async def test_a_mark_of_another_server_is_made_anew(services: Services, db_url: str) -> None:
    """A restored database counts its transactions from elsewhere: the chain must not wait for years."""
    await wrote(services, 2)
    await chain.extend(services)
    link = await asyncpg.connect(db_url)
    await link.execute("UPDATE audit_mark SET seen_xid = 4000000000000")
    await link.close()
    await chained(services)
    await chained(services)
    assert (await chain.verify(services)).entries == 2


async def test_hashes_that_were_not_laid_down_are_laid_down_later(services: Services) -> None:
    class Away(MemoryFileStore):
        async def put(self, key: str, data: bytes) -> None:
            raise AssertionError("the process died here")

    there = services.file_store
    await wrote(services, 4)
    exchange(services, file_store=Away())
    await chain.extend(services)
    with pytest.raises(AssertionError):
        await chain.extend(services)
    assert await AuditLink.all().count() == 2
    exchange(services, file_store=there)
    assert (await chain.verify(services)).problems == []
    await chain.extend(services)
    assert len([one async for one in there.listing("audit/")]) == 2
    assert (await chain.verify(services)).problems == []


async def test_links_are_for_ever(services: Services, db_url: str) -> None:
    await wrote(services, 1)
    await chained(services)
    link = await asyncpg.connect(db_url)
    for statement in ("UPDATE audit_link SET count = 2", "DELETE FROM audit_link", "TRUNCATE audit_link"):
        with pytest.raises(asyncpg.RestrictViolationError, match="不可修改或删除"):
            await link.execute(statement)
    await link.close()


async def test_a_known_answer(services: Services) -> None:
    """What others reckon by: the line of an entry and the hash of a link, as docs/operate.md has them."""
    entry = chain.Entry(1, chain.canonical({"id": 1, "名": "王"}))
    assert entry.line == '{"id":1,"名":"王"}'.encode()
    link = chain.linked(chain.NONE, 1, 1, [entry])
    of_entries = hashlib.sha256(hashlib.sha256(entry.line).digest()).digest()
    numbers = (1).to_bytes(8, "big") * 3
    assert link.hash == hashlib.sha256(b"xcert-audit-1\n" + bytes(32) + numbers + of_entries).digest()
    await wrote(services, 1)
    row = await AuditEntry.get()
    [mine] = await chain.entries(0, row.id, 5)
    assert mine.line.startswith(b'{"action":"test.do","actor_id":null,"actor_kind":"system","actor_name":')
    assert '"became":{"list":[1.5,null,true],"n":0,"名":"王敏"}'.encode() in mine.line
