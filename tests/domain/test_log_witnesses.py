"""Witnesses: their signatures are taken in when they are genuine, their proofs of a split are believed, nothing else is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from server.adapters.witness_client import HttpWitnesses, read_setting
from server.domain.ports import Services, Witness
from server.domain.public_log import checkpoints, log_state, queries, sequencer, witnessing
from server.domain.public_log.signed_note import Checkpoint, VerifierKey, read_note
from server.errors import OutsideFailure
from server.models import LogCosignature
from server.models.database import rows
from tests.kit import log_desk
from tests.kit.fakes import FakeClock, MemoryFileStore
from tests.kit.log_witness import FakeWitness, FakeWitnesses


def witnessed(s: Services, *witnesses: FakeWitness, away: frozenset[str] = frozenset()) -> Services:
    return replace(s, log_witnesses=FakeWitnesses(*witnesses, away=away))


async def test_its_signature_stands_under_the_published_checkpoint(services: Services) -> None:
    one, two = FakeWitness(), FakeWitness("other.example/w2", bytes(range(32, 64)))
    s = witnessed(services, one, two)
    for first, count in ((0, 5), (5, 300), (305, 1)):
        await log_desk.logged(s, first, count)
        note = read_note(log_desk.files(s)["checkpoint"])
        keys = [VerifierKey.read(each.witness.key) for each in (one, two)]
        assert [sum(line.is_by(key) for line in note.signatures) for key in keys] == [1, 1]
    assert [body.split(b"\n")[0] for body in one.asked] == [b"old 0", b"old 5", b"old 305"]
    assert (await queries.newest_cosigned())[one.witness.key] == 306
    await sequencer.run(s)
    assert len(one.asked) == 3  # nothing new to sign


async def test_a_log_that_does_not_grow_is_signed_anew(services: Services, clock: FakeClock) -> None:
    one = FakeWitness(at=int(clock.now().timestamp()))
    s = witnessed(services, one)
    await log_desk.logged(s, 0, 5)
    clock.set(clock.now() + timedelta(hours=13))
    one.at = int(clock.now().timestamp())
    await sequencer.run(s)
    assert [body.split(b"\n")[0] for body in one.asked] == [b"old 0", b"old 5"]
    [row] = await LogCosignature.all()
    assert (row.size, row.signed_at) == (5, clock.now().replace(microsecond=0))


async def test_one_that_is_away_or_new_or_behind_costs_nothing(services: Services) -> None:
    one, gone = FakeWitness(), FakeWitness("gone.example/w", bytes(range(32, 64)))
    await log_desk.logged(witnessed(services, one, gone, away=frozenset({gone.name})), 0, 5)
    assert (await queries.newest_cosigned()) == {one.witness.key: 5}
    await log_desk.logged(witnessed(services, one, gone, away=frozenset({one.name})), 5, 5)
    await log_desk.logged(witnessed(services, one, gone), 10, 5)
    assert (await queries.newest_cosigned()) == {one.witness.key: 15, gone.witness.key: 15}
    await LogCosignature.all().delete()  # our memory of it, not its own: it says where it is
    await log_desk.logged(witnessed(services, one, gone), 15, 5)
    assert one.asked[-2].startswith(b"old 0\n") and one.asked[-1].startswith(b"old 15\n")
    assert (await queries.newest_cosigned()) == {one.witness.key: 20, gone.witness.key: 20}


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (403, b""), (404, b""), (200, b""), (200, b"rubbish"), (200, b"\xff\xfe"), (409, b"x\n"), (409, b"9" * 30),
     (409, b"999\n"), (422, b""), (200, "— witness.example/w1 AAAAAAAA\n".encode())],
)  # fmt: skip
async def test_what_it_says_wrong_is_not_taken(
    services: Services, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even that it knows more: it shows no checkpoint of ours for that."""
    s = witnessed(services, FakeWitness(answer=answer))
    await log_desk.logged(s, 0, 5)
    assert await LogCosignature.all().count() == 0
    assert await log_state.problem(s) == ""
    assert "did not sign" in caplog.text


async def test_a_forged_signature_is_not_taken(services: Services) -> None:
    honest = FakeWitness()
    s = witnessed(services, honest)
    await log_desk.logged(s, 0, 5)
    line = (await LogCosignature.first() or LogCosignature()).line
    await LogCosignature.all().delete()
    honest.answer = (200, line.encode())  # a replay: of another checkpoint
    await log_desk.logged(s, 5, 5)
    assert await LogCosignature.all().count() == 0
    assert await log_state.problem(s) == ""


@pytest.mark.parametrize(
    "at", [1795406460 + 86_400, 1795406460 * 10**9, 2**63 - 1], ids=["day", "nanoseconds", "last"]
)
async def test_a_witness_whose_clock_is_ahead_costs_nothing(
    services: Services, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither is its signature kept, which nothing would replace, nor do the others lose theirs."""
    ahead, right = FakeWitness(at=at), FakeWitness("other.example/w2", bytes(range(32, 64)))
    s = witnessed(services, ahead, right)
    await log_desk.logged(s, 0, 5)
    assert (await queries.newest_cosigned()) == {right.witness.key: 5}
    assert "its clock is ahead of ours" in caplog.text


async def test_proof_that_the_log_went_back_stops_it(services: Services) -> None:
    """Database and files from an older backup: nothing here can know, but the witness has our own signature."""
    one = FakeWitness()
    s = witnessed(services, one)
    assert isinstance(s.file_store, MemoryFileStore)
    await log_desk.logged(s, 0, 40)
    old = dict(s.file_store.files)
    await log_desk.logged(s, 40, 60)
    for table in ("log_entry", "log_checkpoint"):
        await rows(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change")
    await rows("DELETE FROM log_entry WHERE index >= 40")
    await rows("DELETE FROM log_checkpoint WHERE size > 40")
    await LogCosignature.filter(size__gt=40).delete()
    s.file_store.files.clear()
    s.file_store.files.update(old)
    assert await log_state.problem(s) == ""
    await log_desk.logged(s, 500, 3)
    problem = await log_state.problem(s)
    assert "见证人 witness.example/w1 有本机签过的更大的检查点（100 条，这里只有 43 条）" in problem


async def test_proof_of_two_versions_stops_it(services: Services) -> None:
    one = FakeWitness()
    s = witnessed(services, one)
    await log_desk.logged(services, 0, 30)  # nobody witnessed
    await log_desk.logged(services, 30, 30)
    origin = (await queries.head()).origin
    forked = checkpoints.sign(s.keys, Checkpoint(origin, 30, bytes(32)), s.clock.now())
    one.seen[origin] = (30, bytes(32), str(forked).encode())
    await sequencer.run(s)
    assert "有本机签过的另一份日志（30 条，树根不同）" in await log_state.problem(s)


async def test_over_http_everything_has_its_limit() -> None:
    """The real adapter: a slow one, a giant one, one that sends elsewhere, and none at all."""
    one = FakeWitness()

    async def add(request: web.Request) -> web.StreamResponse:
        how = request.match_info["how"]
        if how == "slow":
            await asyncio.sleep(30)
        if how == "giant":
            return web.Response(body=b"x" * 100_000)
        if how == "elsewhere":
            raise web.HTTPFound("/good/add-checkpoint")
        return web.Response(status=409, body=b"7\n")

    app = web.Application()

    async def shown(request: web.Request) -> web.StreamResponse:
        how, origin = request.match_info["how"], request.match_info["origin"]
        if how == "giant":
            return web.Response(body=b"x" * 100_000)
        if how == "elsewhere":
            raise web.HTTPFound(f"/good/{origin}/checkpoint")
        return web.Response(body=origin.encode()) if origin == "ab" * 32 else web.Response(status=404)

    app.router.add_post("/{how}/add-checkpoint", add)
    app.router.add_get("/{how}/{origin}/checkpoint", shown)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    port_of = HttpWitnesses([])
    try:
        at = {
            how: Witness(one.witness.key, f"http://127.0.0.1:{port}/{how}")
            for how in ("good", "slow", "giant", "elsewhere")
        }
        assert await port_of.add_checkpoint(at["good"], b"old 0\n") == (409, b"7\n")
        assert (await port_of.add_checkpoint(at["elsewhere"], b""))[0] == 302
        with pytest.raises(OutsideFailure, match="too large"):
            await port_of.add_checkpoint(at["giant"], b"")
        with pytest.raises(OutsideFailure, match="TimeoutError"):
            await port_of.add_checkpoint(at["slow"], b"")
        with pytest.raises(OutsideFailure, match="does not answer"):
            await port_of.add_checkpoint(Witness(one.witness.key, "http://127.0.0.1:9"), b"")
        assert await port_of.checkpoint(at["good"], "ab" * 32) == b"ab" * 32
        with pytest.raises(OutsideFailure, match="shows no checkpoint: status 404"):
            await port_of.checkpoint(at["good"], "cd" * 32)
        with pytest.raises(OutsideFailure, match="shows no checkpoint: status 302"):
            await port_of.checkpoint(at["elsewhere"], "ab" * 32)
        with pytest.raises(OutsideFailure, match="too large"):
            await port_of.checkpoint(at["giant"], "ab" * 32)
    finally:
        await runner.cleanup()


def test_the_setting() -> None:
    key = FakeWitness().witness.key
    assert read_setting("") == []
    assert read_setting(f"{key} https://w.example/a/; {key} http://b") == [
        Witness(key, "https://w.example/a"),
        Witness(key, "http://b"),
    ]
    for wrong in (
        "https://w.example",
        f"{key}",
        f"{key} ftp://x",
        "name https://w.example",
        f"{key} https://a b",
    ):
        with pytest.raises(ValueError, match="公钥行 网址"):
            read_setting(wrong)
    assert witnessing.read_key(Witness(key, "https://w.example")).kind == 4
    with pytest.raises(ValueError, match="类型应为 4"):
        witnessing.read_key(
            Witness("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "https://w")
        )
