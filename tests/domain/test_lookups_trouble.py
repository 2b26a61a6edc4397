"""Ready answers when something is broken or has just changed: still true, at worst slower."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg

from server.adapters.cache import RedisCache, connect
from server.adapters.lookup_watch import LookupWatch
from server.domain import lookups
from server.domain.actor import Caller
from server.domain.people import bindings
from server.domain.ports import Services
from server.domain.ports.lookups import READY_SECONDS
from server.models import LookupChange
from server.models.database import watch_line
from server.web.ready_answers import AnswerCache, ReadyAnswer, ReadyAnswers
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, MemoryCache
from tests.kit.lookup_process import ME
from tests.kit.lookups import RELEASE, bound


class BrokenCache(MemoryCache):
    async def get(self, key: str) -> bytes | None:
        raise ConnectionError("Redis is away")

    async def set(self, key: str, value: bytes, *, seconds: float) -> None:
        raise ConnectionError("Redis is away")


async def test_without_redis_everything_is_still_told(services: Services, process: Any) -> None:
    await bound(services)
    exchange(services, cache=BrokenCache(FakeClock()))
    one = process()
    await one.watch.ask()
    assert await one.results() == (True, 0)
    assert await one.results() == (True, 0)


async def test_the_shared_cache_holds_no_openid_and_no_name(
    services: Services, process: Any, redis_url: str
) -> None:
    client = connect(redis_url)
    exchange(services, cache=RedisCache(client))
    number = make.id_number(4055)
    await make.registration(
        services, await bound(services, number=number), on=await make.plan(release_at=RELEASE)
    )
    one, two = process(), process()
    await one.watch.ask()
    await two.watch.ask()
    answer = await one.results_answer()
    assert await two.results_answer() == answer
    [key] = await client.keys("*")
    held = await client.get(key)
    assert isinstance(key, bytes) and isinstance(held, bytes)
    kept = key + held
    for secret in (ME.openid, number, "崔子涵", "78.5"):
        assert secret.encode() not in kept
    assert 0 < await client.ttl(key) <= READY_SECONDS
    await client.aclose()


def test_the_shelf_is_bounded_and_the_longest_unused_leave_first() -> None:
    shelf = AnswerCache(room=3 * (500 + 1 + 100))
    answers = {key: ReadyAnswer(key.encode() * 100, 1) for key in "abcd"}
    for key in "abc":
        shelf.put(key, answers[key])
    assert shelf.get("a") is answers["a"]
    shelf.put("d", answers["d"])
    assert [shelf.get(key) is not None for key in "abcd"] == [True, False, True, True]
    assert shelf.bytes_used == 3 * 601
    shelf.put("a", ReadyAnswer(b"x" * 2000, 1))  # more than there is room for
    assert shelf.bytes_used == 0


def test_an_answer_survives_packing() -> None:
    answer = ReadyAnswer("成绩".encode(), 7, 1.5, float("inf"))
    again = ReadyAnswer.unpacked(answer.packed())
    assert again == answer
    assert again.etag == answer.etag != ReadyAnswer(b"other", 7).etag


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_running_watch_hears_of_a_change(services: Services, db: str) -> None:
    watch = LookupWatch(watch_line(db))
    await watch.start()
    before = watch.version()
    assert before is not None
    await lookups.changed()
    await until(lambda: (watch.version() or before) > before)
    await watch.stop()


async def test_a_running_watch_that_misses_the_message_asks_anyway(services: Services, db: str) -> None:
    watch = LookupWatch(watch_line(db), listens=False)
    await watch.start()
    before = watch.version()
    assert before is not None
    await lookups.changed()
    await until(lambda: (watch.version() or before) > before)
    await watch.stop()


async def test_a_watch_that_hears_of_a_change_as_it_is_stopped_stops() -> None:
    class Line:
        def is_closed(self) -> bool:
            return False

        async def add_listener(self, channel: str, hear: Callable[[], None]) -> None:
            self.hear = hear

        async def fetch(self, *_: object) -> list[dict[str, Any]]:
            return []

        def terminate(self) -> None: ...

    line = Line()

    async def connect() -> Line:
        return line

    watch = LookupWatch(connect)
    await watch.start()
    await asyncio.sleep(0)
    line.hear()
    stopping = asyncio.create_task(watch.stop())
    assert (await asyncio.wait({stopping}, timeout=30))[0] == {stopping}


async def test_a_running_watch_finds_back_after_its_connection_is_cut(services: Services, db: str) -> None:
    watch = LookupWatch(watch_line(db))
    await watch.start()
    surgeon = await asyncpg.connect(db)
    cut = await surgeon.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%FROM lookup_change%'"
        " AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    assert cut == 1
    await lookups.changed()
    newest = (await LookupChange.all().order_by("-id").first()).id  # type: ignore[union-attr]
    await until(lambda: watch.version() == newest)
    await surgeon.close()
    await watch.stop()


async def test_a_watch_without_a_database_lets_the_process_start(services: Services) -> None:
    watch = LookupWatch(watch_line("postgresql://nobody@127.0.0.1:1/none"))
    await watch.start()
    assert watch.version() is None
    await watch.stop()


async def test_release_times_around_an_answer_are_its_bounds(services: Services) -> None:
    me = await bound(services)
    now = services.clock.now()
    past, older = now - timedelta(days=1), now - timedelta(days=30)
    soon, later = now + timedelta(minutes=3), now + timedelta(days=3)
    for moment in (older, past, soon, later, None):
        site = await make.site(await make.school())
        await make.registration(services, me, on=await make.plan(release_at=moment), at=site)
    standing = (await lookups.results(services, ME)).standing
    assert (standing.since, standing.until) == (past.timestamp(), soon.timestamp())


async def test_no_answer_stands_longer_than_ten_minutes_or_a_minute_while_a_certificate_is_under_way(
    services: Services,
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    await make.registration(services, await bound(services), on=plan)
    now = services.clock.now().timestamp()
    assert (await lookups.results(services, ME)).standing.until == now + READY_SECONDS
    assert (await lookups.certificates(services, ME)).standing.until == now + 60


async def test_whoever_binds_or_unbinds_sees_it_on_the_next_page(services: Services, process: Any) -> None:
    who = await make.candidate(services, number=make.id_number(4321))
    await make.registration(services, who, on=await make.plan(release_at=services.clock.now()))
    one, two = process(), process()
    await one.watch.ask()
    await two.watch.ask()
    assert [await one.results(), await two.results()] == [(False, 0), (False, 0)]
    await bindings.bind(one.s, ME, who.name, make.id_number(4321), caller=Caller("127.0.0.1"))
    assert [await one.results(), await two.results()] == [(True, 1), (True, 1)]
    await one.watch.ask()
    assert await one.results() == (True, 1)
    await bindings.unbind(one.s, ME, caller=Caller("127.0.0.1"))
    assert await one.results() == (False, 0)


async def test_who_joins_a_reading_that_hangs_is_told_to_try_again(services: Services, process: Any) -> None:
    """Killed at random, a database kept one person waiting for 47 seconds: what they joined, and then their own reading."""
    one = process()
    await one.watch.ask()
    hangs = asyncio.Event()

    async def read(_: Services, __: Any) -> Any:
        await hangs.wait()

    answers = ReadyAnswers(patience=0.2)
    waiting = [asyncio.create_task(answers.get(one.s, "results", ME, read)) for _ in range(3)]
    done, _ = await asyncio.wait(waiting)
    assert [type(task.exception()) for task in done] == [TimeoutError] * 3
    hangs.set()
