"""公开签发日志: every step of a certificate gets its one place, whoever dies or comes between, and nothing is rewritten."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from itertools import pairwise

import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from server.domain.certificates import revocation, transitions
from server.domain.certificates.states import STEPS
from server.domain.ports import Services
from server.domain.public_log import inclusion, log_state, merkle, queries, sequencer
from server.domain.public_log.log_entry import certificate_hash, read_entry
from server.models import AuditEntry, Certificate, LogCheckpoint, LogEntry, LogOutboxEntry
from server.models.database import rows
from tests.kit import issuing, log_desk, make
from tests.kit.fakes import Killed, KillerFaultInjector, MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.log_auditor import auditor

LEAVES = int(os.environ.get("XCERT_LEAVES", "3000"))  # 1,000,000 were tried: docs/public-log.md


async def sequenced(s: Services) -> list[tuple[int, str, str]]:
    """Everything that is in the log after one run: place, event, certificate."""
    await sequencer.run(s)
    return [
        (one.index, one.event, bytes(one.certificate).hex()[:12])
        for one in await LogEntry.all().order_by("index")
    ]


async def test_sealing_and_revoking_are_in_the_log(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    made = await Certificate.all().order_by("number")
    assert await LogOutboxEntry.all().count() == 4
    await revocation.revoke(
        services.clock, services.faults, made[0].number, "信息有误", actor=make.ISSUER_STAFF
    )
    seen = await sequenced(services)
    assert sorted(seen[:4]) == sorted(
        (seen_one[0], "issued", certificate_hash(c.code).hex()[:12])
        for c in made
        for seen_one in seen
        if seen_one[2] == certificate_hash(c.code).hex()[:12] and seen_one[1] == "issued"
    )
    assert seen[4] == (4, "revoked", certificate_hash(made[0].code).hex()[:12])
    assert await LogOutboxEntry.all().count() == 0
    proofs = await inclusion.find(services.file_store, services.keys, made[0].code)
    assert [(one.entry.event, one.holds, one.checkpoint.size) for one in proofs] == [
        ("issued", True, 5),
        ("revoked", True, 5),
    ]
    assert proofs[0].entry.pdf == bytes(made[0].pdf_sha256 or b"").hex()
    assert (proofs[0].entry.series, proofs[0].entry.serial_to) == ("26SPS1", 1000)
    assert inclusion.read_proof(str(proofs[0]).encode()) == proofs[0]
    look = await auditor(services, log_desk.files(services))
    assert look.look(whole=True) == 5


async def test_a_certificate_that_is_superseded_names_its_successor(services: Services) -> None:
    """Whatever verb takes the step: the hook is the writer's."""
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    old, new, *_ = await Certificate.all().order_by("number")
    at = services.clock.now()
    async with in_transaction():
        changes = {"superseded_by_id": [new.id], "superseded_at": [at]}
        await transitions.advance("supersede", [old.id], changes=changes)
    await sequencer.run(services)
    [issued, over] = await inclusion.find(services.file_store, services.keys, old.code)
    assert (issued.entry.event, over.entry.event, over.entry.at) == ("issued", "superseded", at)
    assert over.entry.successor == certificate_hash(new.code).hex() and over.holds
    look = await auditor(services, log_desk.files(services))
    assert look.look(whole=True) == 5


async def test_every_step_that_the_public_should_know_of_is_logged() -> None:
    """A new state that ends or begins validity must be told, too."""
    told = {state.value for state in transitions.LOGGED}
    assert {step.target.value for step in STEPS.values()} - told == {"void", "drawing"}


async def test_nothing_personal_is_in_the_log(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await sequencer.run(services)
    published = b"".join(log_desk.files(services).values())
    for one in await Certificate.all():
        for word in (one.number, one.code[:40], one.code[-40:], *issuing.NAMES):
            assert word.encode() not in published
        assert bytes(one.claims_sha256 or b"") not in published
        assert bytes(one.claims_sha256 or b"").hex().encode() not in published


async def test_a_step_that_is_rolled_back_was_never_to_be_logged(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    one = await Certificate.first()
    assert one is not None
    deadly = replace(services, faults=KillerFaultInjector("certificates.revoke: before the commit"))
    with pytest.raises(Killed):
        await revocation.revoke(deadly.clock, deadly.faults, one.number, "信息有误", actor=make.ISSUER_STAFF)
    assert {event for _, event, _ in await sequenced(services)} == {"issued"}


async def test_the_same_event_stands_there_once(services: Services) -> None:
    await log_desk.put(1, 3)
    await log_desk.put(1, 4)
    first = await sequenced(services)
    assert len(first) == 4
    await log_desk.put(1, 4)
    assert await sequenced(services) == first
    assert await LogOutboxEntry.all().count() == 0


async def test_the_database_refuses_to_change_what_is_logged(services: Services) -> None:
    await log_desk.logged(services, 1, 2)
    for statement in (
        "UPDATE log_entry SET entry = ''",
        "DELETE FROM log_entry",
        "TRUNCATE log_entry",
        "UPDATE log_checkpoint SET root = ''",
        "DELETE FROM log_checkpoint",
        "TRUNCATE log_checkpoint",
    ):
        with pytest.raises(OperationalError, match="公开签发日志不可修改或删除"):
            await rows(statement)
    assert await LogEntry.all().count() == 2


async def test_checkpoints_continue_each_other_and_others_can_check_all_of_it(services: Services) -> None:
    """The independent program follows a growing log, and looks through the whole of it at the end."""
    await sequencer.run(services)
    assert log_desk.files(services)["checkpoint"].startswith(b"127.0.0.1")  # an empty log has a head, too
    look = None
    done = 0
    for count in (1, 254, 1, 1, 300, LEAVES):
        for start in range(done, done + count, 100_000):
            await log_desk.put(start, min(100_000, done + count - start))
        done += count
        while await LogOutboxEntry.exists():
            await sequencer.run(services)
        look = look or await auditor(services, {})
        look.files = log_desk.files(services)
        assert look.look() == done
    assert look is not None
    assert look.look(whole=True) == done
    heads = await LogCheckpoint.all().order_by("size")
    for old, new in pairwise(heads):
        if not old.size:
            continue
        path = await inclusion.path_of(
            services.file_store, merkle.consistency_path(old.size, new.size), new.size
        )
        assert merkle.proves_consistency(old.size, bytes(old.root), new.size, bytes(new.root), path)
    proofs = await inclusion.find(services.file_store, services.keys, log_desk.code(300))
    assert [(one.index, one.holds) for one in proofs] == [(300, True)]


async def test_two_sequencers_at_once_write_one_log(services: Services) -> None:
    await log_desk.put(1, 700)
    await asyncio.gather(*(sequencer.run(services, batch=50) for _ in range(4)))
    await sequencer.run(services)
    assert [one.index for one in await LogEntry.all().order_by("index")] == list(range(700))
    look = await auditor(services, log_desk.files(services))
    assert look.look(whole=True) == 700


async def test_whoever_was_frozen_over_it_changes_nothing(services: Services) -> None:
    """Its lease has run out and another has gone on: it finds out in its next transaction."""
    await log_desk.logged(services, 1, 10)
    await log_desk.put(11, 300)

    class Frozen(KillerFaultInjector):
        async def reach(self, place: str) -> None:
            if place == "log.sequence: the edge is written":
                await log_desk.lease_lapses()
                await log_desk.put(311, 5)
                await sequencer.run(services)

    await sequencer.run(replace(services, faults=Frozen()))
    assert [one.size for one in await LogCheckpoint.all().order_by("size")] == [10, 315]
    look = await auditor(services, log_desk.files(services))
    assert look.look(whole=True) == 315


PLACES = (
    "log.take_in: the events have their places",
    "log.take_in: before the commit",
    "log.take_in: after the commit",
    "log.sequence: tiles are written",
    "log.sequence: the edge is written",
    "log.sign: the checkpoint is kept",
    "log.sign: before the commit",
    "log.sign: after the commit",
    "log.sequence: before it is published",
    "log.sequence: it is published",
)


async def test_every_moment_of_a_run_is_one_to_die_at(services: Services) -> None:
    await log_desk.put(1, 600)
    faults = KillerFaultInjector()
    await sequencer.run(replace(services, faults=faults))
    assert set(faults.reached) == set(PLACES)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("before", [0, 200])
async def test_a_death_anywhere_loses_and_doubles_nothing(
    services: Services, place: str, before: int
) -> None:
    if before:
        await log_desk.logged(services, 0, before)
    await log_desk.put(before, 400)
    with pytest.raises(Killed):
        await sequencer.run(replace(services, faults=KillerFaultInjector(place)))
    await log_desk.put(before + 400, 30)  # life goes on meanwhile
    await sequencer.run(services)
    assert await log_state.problem(services) == ""
    await log_desk.lease_lapses()
    await sequencer.run(services)
    assert await log_state.problem(services) == ""
    logged = [read_entry(bytes(one.entry)).certificate for one in await LogEntry.all().order_by("index")]
    assert logged == [log_desk.entry(serial).certificate for serial in range(before + 430)]
    look = await auditor(services, log_desk.files(services))
    assert look.look(whole=True) == before + 430


async def _stopped(s: Services) -> str:
    """Why the log stands still after one more run."""
    await sequencer.run(s)
    return (await queries.head()).stopped_reason


async def test_a_database_that_has_gone_back_stops_the_issuing(services: Services) -> None:
    """As after a restore: what is published knows more than the record. Nothing is sealed, and people are told why."""
    await log_desk.logged(services, 0, 50)
    newer = dict(log_desk.files(services))
    await rows("ALTER TABLE log_entry DISABLE TRIGGER log_entry_no_change")
    await rows("ALTER TABLE log_checkpoint DISABLE TRIGGER log_checkpoint_no_change")
    await rows("DELETE FROM log_entry WHERE index >= 20")
    await rows("DELETE FROM log_checkpoint")
    why = await log_state.problem(services)  # at once, before any sequencer has looked
    assert "（0 条）少于已公布的（50 条）" in why and "xcert log recover" in why
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    assert {one.state for one in await Certificate.filter(issuance_id=batch.id)} == {"reserved"}
    assert {one.last_error for one in await Certificate.filter(issuance_id=batch.id)} == {why}
    assert await _stopped(services) == why
    assert log_desk.files(services) == newer
    stops = await AuditEntry.filter(action="log.stop")
    assert [one.became for one in stops] == [{"reason": why}]
    await sequencer.run(services)
    assert await AuditEntry.filter(action="log.stop").count() == 1


async def test_a_changed_entry_or_tile_stops_it(services: Services) -> None:
    await log_desk.logged(services, 0, 50)
    store = services.file_store
    assert isinstance(store, MemoryFileStore)
    good = store.files["log/tile/0/000.p/50"]
    store.files["log/tile/0/000.p/50"] = bytes(32) + good[32:]
    await log_desk.put(50, 1)
    assert "对不上" in await _stopped(services)


async def test_a_lost_tile_stops_it(services: Services) -> None:
    await log_desk.logged(services, 0, 50)
    assert isinstance(services.file_store, MemoryFileStore)
    del services.file_store.files["log/tile/0/000.p/50"]
    await log_desk.put(50, 1)
    assert "缺少文件 log/tile/0/000.p/50" in await _stopped(services)


async def test_a_changed_row_stops_it(services: Services) -> None:
    await log_desk.logged(services, 0, 50)
    await rows("ALTER TABLE log_entry DISABLE TRIGGER log_entry_no_change")
    await rows("UPDATE log_entry SET entry = $1 WHERE index = 7", log_desk.entry(99).to_bytes())
    await log_desk.put(50, 1)
    assert "对不上" in await _stopped(services)


async def test_a_tile_is_never_written_anew(services: Services) -> None:
    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files["log/tile/entries/000"] = b"of another history"
    await log_desk.put(0, 300)
    assert "已有别的内容" in await _stopped(services)
    assert services.file_store.files["log/tile/entries/000"] == b"of another history"


async def test_a_checkpoint_of_another_key_stops_it(services: Services) -> None:
    await log_desk.logged(services, 0, 5)
    store = services.file_store
    assert isinstance(store, MemoryFileStore)
    good = store.files["log/checkpoint"]
    for wrong, word in (
        (b"rubbish", "读不出来"),
        (good.replace(b"127.0.0.1", b"127.0.0.2"), "不是本机的日志密钥签的"),
        (good.replace(b"\n5\n", b"\n4\n"), "不是本机的日志密钥签的"),
    ):
        store.files["log/checkpoint"] = wrong
        assert word in await log_state.problem(services)
    store.files["log/checkpoint"] = good
    assert await log_state.problem(services) == ""


async def test_the_auditor_refuses_forks_rollbacks_and_replays(services: Services) -> None:
    """The independent program is worth asking: it finds what it must."""
    await log_desk.logged(services, 0, 300)
    old = dict(log_desk.files(services))
    await log_desk.logged(services, 300, 300)
    new = dict(log_desk.files(services))
    look = await auditor(services, new)
    assert look.look() == 600
    good = look.state
    for files in (
        old,  # a rollback
        new | {"checkpoint": new["checkpoint"].replace(b"\n600\n", b"\n601\n")},  # forged
        {name: data for name, data in new.items() if not name.startswith("tile/0/002")},  # a lost tile
        new | {"tile/entries/000": old["tile/entries/000"][:-1]},  # cut off
        new | {"tile/1/000.p/2": bytes(64)},  # a tile made of nothing
        new | {"tile/entries/000": new["tile/entries/000"].replace(b"issued", b"revoke")},  # another entry
    ):
        look.state, look.files = good, files
        with pytest.raises(look.contradiction):
            look.look(whole=True)
    look.state, look.files = good | {"peaks": [[9, "00" * 32], *good["peaks"][1:]]}, new
    with pytest.raises(look.contradiction, match="not the one that you saw"):
        look.look(whole=True)
