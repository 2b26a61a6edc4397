"""After a restore: what was published is never taken back, and the record catches up with it or says why it cannot."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.domain.actor import SYSTEM
from server.domain.certificates import log_completeness, revocation
from server.domain.issuance import certificate_query
from server.domain.ports import Services
from server.domain.public_log import log_recovery, log_state, queries, sequencer
from server.domain.public_log.log_entry import certificate_hash, read_entry
from server.domain.public_log.log_state import LogStopped
from server.models import AuditEntry, Certificate, LogEntry, LogOutboxEntry, NumberSeries
from server.models.database import rows
from tests.kit import issuing, log_desk, make
from tests.kit.fakes import Killed, KillerFaultInjector, MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.log_auditor import auditor


async def gone_back(to: int, *, checkpoints_from: int = 0) -> None:
    """The database as it was when the log had `to` entries."""
    for table in ("log_entry", "log_checkpoint"):
        await rows(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change")
    await rows("DELETE FROM log_entry WHERE index >= $1", to)
    await rows("DELETE FROM log_checkpoint WHERE size > $1", checkpoints_from)
    for table in ("log_entry", "log_checkpoint"):
        await rows(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change")


async def recovered(s: Services) -> log_recovery.Plan:
    found = await log_recovery.plan(s, s.file_store)
    await certificate_query.step_on(found.serials)
    await log_recovery.carry_out(s, found, actor=SYSTEM)
    return found


async def in_order(s: Services, size: int) -> None:
    assert await log_state.problem(s) == ""
    assert (await log_recovery.review(s)).problems == []
    look = await auditor(s, log_desk.files(s))
    assert look.look(whole=True) == size


@pytest.mark.parametrize(("to", "signed"), [(0, 0), (20, 20), (30, 20), (300, 300), (599, 300)])
async def test_a_restored_database_catches_up_with_what_was_published(
    services: Services, to: int, signed: int
) -> None:
    for first, count in ((0, 20), (20, 280), (300, 300)):
        await log_desk.logged(services, first, count)
    published = dict(log_desk.files(services))
    await gone_back(to, checkpoints_from=signed)
    await sequencer.run(services)
    assert "少于已公布的（600 条）" in (await queries.head()).stopped_reason
    found = await recovered(services)
    assert (found.size, len(found.missing)) == (600, 600 - to)
    assert log_desk.files(services) == published
    logged = [read_entry(bytes(one.entry)).certificate for one in await LogEntry.all().order_by("index")]
    assert logged == [log_desk.entry(serial).certificate for serial in range(600)]
    await log_desk.logged(services, 600, 10)
    await in_order(services, 610)
    [row] = await AuditEntry.filter(action="log.recover")
    assert row.became == {"size": 600, "entries": 600 - to, "files": 0}


async def test_numbers_step_on_past_what_the_log_knows(services: Services) -> None:
    await log_desk.logged(services, 0, 1500)
    await gone_back(0)
    await NumberSeries.create(prefix="26SPS1", given=7)
    found = await log_recovery.plan(services, services.file_store)
    assert found.serials == {"26SPS1": 2000}
    assert await certificate_query.step_on(found.serials) == {"26SPS1": 2000}
    assert await certificate_query.step_on(found.serials) == {}
    assert (await NumberSeries.get(prefix="26SPS1")).given == 2000


async def test_what_was_revoked_meanwhile_is_named(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await sequencer.run(services)
    one = await Certificate.all().order_by("number").first()
    assert one is not None
    await revocation.revoke(services.clock, services.faults, one.number, "信息有误", actor=make.ISSUER_STAFF)
    await sequencer.run(services)
    await gone_back(4, checkpoints_from=4)
    await Certificate.filter(id=one.id).update(state="valid", revoked_at=None)
    found = await recovered(services)
    assert found.ended == [certificate_hash(one.code)]
    assert await log_completeness.still_valid(found.ended) == [one.number]
    await revocation.revoke(services.clock, services.faults, one.number, "信息有误", actor=make.ISSUER_STAFF)
    await sequencer.run(services)
    assert await LogEntry.all().count() == 5  # the log knew it already
    await in_order(services, 5)


async def test_lost_files_are_written_anew_with_the_same_bytes(services: Services) -> None:
    for first, count in ((0, 20), (20, 580)):
        await log_desk.logged(services, first, count)
    published = dict(log_desk.files(services))
    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files.clear()
    await sequencer.run(services)
    assert "不见了" in (await queries.head()).stopped_reason
    await recovered(services)
    now = log_desk.files(services)
    assert all(published[path] == data for path, data in now.items())
    assert now["checkpoint"] == published["checkpoint"]
    await in_order(services, 600)
    await log_desk.logged(services, 600, 300)
    await in_order(services, 900)


async def test_an_older_copy_takes_nothing_back_that_was_published(services: Services) -> None:
    await log_desk.logged(services, 0, 20)
    assert isinstance(services.file_store, MemoryFileStore)
    older = MemoryFileStore()
    older.files.update(services.file_store.files)
    await log_desk.logged(services, 20, 30)
    await gone_back(20, checkpoints_from=20)
    with pytest.raises(LogStopped, match=r"已公布的日志（50 条）比这份副本（20 条）新"):
        await log_recovery.plan(services, older)
    services.file_store.files["log/checkpoint"] = b"rubbish"  # what a copy is for
    assert (await log_recovery.plan(services, older)).size == 20


async def test_the_log_is_not_held_after_a_recovery_that_failed(services: Services) -> None:
    await log_desk.logged(services, 0, 20)
    found = await log_recovery.plan(services, services.file_store)
    await log_desk.logged(services, 20, 10)
    for _ in range(2):  # a second try meets no lock of the first
        with pytest.raises(LogStopped, match="日志刚刚有了变化，请再运行一次"):
            await log_recovery.carry_out(services, found, actor=SYSTEM)
    assert await queries.claim_writer("another", 60.0)
    with pytest.raises(LogStopped, match="后台任务正在写日志，请一分钟后再试"):
        await log_recovery.carry_out(services, found, actor=SYSTEM)


async def test_a_gap_in_the_record_ends_the_look_through_it(services: Services) -> None:
    """As when somebody took rows out of the table: it is said, and nothing waits for them for ever."""
    await log_desk.logged(services, 0, 20)
    await rows("ALTER TABLE log_entry DISABLE TRIGGER log_entry_no_change")
    await rows("DELETE FROM log_entry WHERE index < 19")
    await rows("ALTER TABLE log_entry ENABLE ALWAYS TRIGGER log_entry_no_change")
    async with asyncio.timeout(20):
        assert (await log_recovery.review(services)).problems
    services.file_store.files.clear()  # type: ignore[attr-defined]  # they lie in memory
    with pytest.raises(LogStopped, match="缺失"):
        async with asyncio.timeout(20):
            found = log_recovery.Plan("127.0.0.1:8000/log", 19, await queries.size())
            await log_recovery.carry_out(services, found, actor=SYSTEM)


async def test_a_spoilt_file_is_found_and_mended(services: Services) -> None:
    await log_desk.logged(services, 0, 600)
    published = dict(log_desk.files(services))
    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files["log/tile/0/001"] = b"spoilt"
    del services.file_store.files["log/tile/entries/000"]
    assert (await log_recovery.review(services)).problems == [
        "日志文件 log/tile/entries/000 不见了。",
        "日志文件 log/tile/0/001 与数据库不符。",
    ]
    await recovered(services)
    assert log_desk.files(services) == published


async def test_what_was_never_signed_goes(services: Services) -> None:
    """A run died over tiles that no checkpoint names, and the database lost what they were made of."""
    await log_desk.logged(services, 0, 300)
    await log_desk.put(300, 400)
    with pytest.raises(Killed):
        await sequencer.run(
            replace(services, faults=KillerFaultInjector("log.sequence: the edge is written"))
        )
    await gone_back(300, checkpoints_from=300)
    await log_desk.lease_lapses()
    await log_desk.put(5000, 400)
    await sequencer.run(services)
    assert "已有别的内容" in (await queries.head()).stopped_reason
    await recovered(services)
    await sequencer.run(services)
    await in_order(services, 700)


async def test_two_histories_are_not_made_one(services: Services) -> None:
    await log_desk.logged(services, 0, 300)
    await gone_back(10)
    await rows(
        "INSERT INTO log_entry (index, event, certificate, entry) VALUES (10, 'issued', $1, $2)",
        bytes.fromhex(log_desk.entry(999).certificate),
        log_desk.entry(999).to_bytes(),
    )
    published = dict(log_desk.files(services))
    with pytest.raises(LogStopped, match="两个版本"):
        await log_recovery.plan(services, services.file_store)
    assert log_desk.files(services) == published and await LogEntry.all().count() == 11


async def test_a_log_of_another_key_is_not_taken_over(services: Services) -> None:
    await log_desk.logged(services, 0, 30)
    good = await services.file_store.get("log/checkpoint")
    await gone_back(0)
    await services.file_store.put("log/checkpoint", good.replace(b"\n30\n", b"\n20\n"))
    with pytest.raises(LogStopped, match="不是本机的日志密钥签的"):
        await log_recovery.plan(services, services.file_store)


async def test_a_copy_of_somebody_else_is_enough_when_our_files_are_old_too(services: Services) -> None:
    await log_desk.logged(services, 0, 40)
    old = dict(log_desk.files(services))
    await log_desk.logged(services, 40, 400)
    copy = MemoryFileStore()
    copy.files = {f"log/{path}": data for path, data in log_desk.files(services).items()}
    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files = {f"log/{path}": data for path, data in old.items()}
    await gone_back(40, checkpoints_from=40)
    assert await log_state.problem(services) == ""  # nothing here can know
    found = await log_recovery.plan(services, copy)
    assert len(found.missing) == 400
    await log_recovery.carry_out(services, found, actor=SYSTEM)
    await in_order(services, 440)


@pytest.mark.parametrize(
    "place",
    ["log.recover: the entries are back", "log.recover: after the commit", "log.recover: the files are there",
     "log.go_on: before the commit"],
)  # fmt: skip
async def test_a_death_over_the_recovery_is_repeated(services: Services, place: str) -> None:
    for first, count in ((0, 20), (20, 580)):
        await log_desk.logged(services, first, count)
    await gone_back(20, checkpoints_from=20)
    with pytest.raises(Killed):
        await recovered(replace(services, faults=KillerFaultInjector(place)))
    await log_desk.lease_lapses()
    await recovered(services)
    await log_desk.logged(services, 600, 5)
    await in_order(services, 605)


async def test_certificates_from_before_the_log_are_taken_in(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    made = await Certificate.all().order_by("id")
    await Certificate.filter(id=made[1].id).update(state="revoked", revoked_at=services.clock.now())
    await LogOutboxEntry.all().delete()  # as older programs left it
    await log_completeness.sweep(services)
    await sequencer.run(services)
    seen = [
        (read_entry(bytes(one.entry)).event, bytes(one.certificate))
        for one in await LogEntry.all().order_by("index")
    ]
    assert seen == [
        ("issued", certificate_hash(made[0].code)),
        ("issued", certificate_hash(made[1].code)),
        ("revoked", certificate_hash(made[1].code)),
        ("issued", certificate_hash(made[2].code)),
        ("issued", certificate_hash(made[3].code)),
    ]
    await log_completeness.sweep(services)  # not again today
    assert await LogOutboxEntry.all().count() == 0
    await in_order(services, 5)


async def test_what_came_past_the_writer_is_found_the_next_day(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    await log_completeness.sweep(services)
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await LogOutboxEntry.all().delete()
    await log_completeness.sweep(services)
    assert await LogOutboxEntry.all().count() == 0
    await rows("UPDATE log_head SET complete_at = complete_at - interval '25 hours'")
    await log_completeness.sweep(services)
    assert await LogOutboxEntry.all().count() == 4
    assert "4 events of certificates had come past the public log" in caplog.text


async def test_a_certificate_from_before_that_is_revoked_first_is_told_in_order(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await LogOutboxEntry.all().delete()
    one = await Certificate.first()
    assert one is not None
    await revocation.revoke(services.clock, services.faults, one.number, "信息有误", actor=make.ISSUER_STAFF)
    await log_completeness.sweep(services)
    await sequencer.run(services)
    assert [
        (e.index, e.event)
        for e in await LogEntry.filter(certificate=certificate_hash(one.code)).order_by("index")
    ] == [
        (0, "issued"),
        (1, "revoked"),
    ]
    await in_order(services, 5)
