"""Ready answers: never untrue for longer than the watch may be blind, never early, and without the database when hot."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tortoise.transactions import in_transaction

from server.adapters.lookup_watch import VOUCH_SECONDS
from server.domain import lookups
from server.domain.actor import Caller
from server.domain.lookups.views import Standing
from server.domain.people import bindings
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS
from server.models import LookupChange, Plan
from tests.kit import make
from tests.kit.lookup_process import ME
from tests.kit.lookups import RELEASE, bound, certificate
from tests.kit.statements import statements

OTHER = WeChatIdentity("oa", "openid-other")


async def test_hot_answers_do_not_touch_the_database(services: Services, process: Any) -> None:
    await make.registration(
        services, await bound(services), on=await make.plan(release_at=services.clock.now())
    )
    one, two = process(), process()
    await one.watch.ask()
    await two.watch.ask()
    with statements() as seen:
        assert await one.results() == (True, 1)
    assert len(seen) == 1  # cold: one statement
    with statements() as seen:
        first = await one.results_answer()
        assert await one.results_answer() is first  # this process's own copy
        assert await two.results() == (True, 1)  # through the shared cache
        assert await two.results() == (True, 1)
    assert seen == []


async def test_a_release_reaches_every_process_that_asks_again(services: Services, process: Any) -> None:
    plan = await make.plan()
    await make.registration(services, await bound(services), on=plan)
    one, two = process(), process()
    for p in (one, two):
        await p.watch.ask()
        assert await p.results() == (True, 0)
    async with in_transaction():
        await Plan.filter(id=plan.id).update(release_at=services.clock.now())
        await lookups.changed()
    for p in (one, two):
        await p.watch.ask()  # what it does every 300 ms, message or not
        assert await p.results() == (True, 1)


async def test_a_watch_that_cannot_ask_vouches_for_nothing(services: Services, process: Any) -> None:
    registration = await make.registration(
        services, await bound(services), on=await make.plan(release_at=services.clock.now())
    )
    made = await certificate(registration)
    blind = process()
    await blind.watch.ask()
    assert await blind.certificate_state() == "valid"
    made.state, made.revoked_at = "revoked", services.clock.now()
    await made.save()
    await lookups.changed()
    blind.seconds.now += VOUCH_SECONDS
    assert await blind.certificate_state() == "valid"  # within the second that is allowed
    blind.seconds.now += 0.001
    assert blind.watch.version() is None
    assert await blind.certificate_state() == "revoked"


async def test_a_minute_of_release_is_kept_without_any_message(services: Services, process: Any) -> None:
    await make.registration(services, await bound(services), on=await make.plan(release_at=RELEASE))
    one = process()
    await one.watch.ask()
    assert await one.results() == (True, 0)
    services.clock.set(RELEASE - timedelta(milliseconds=1))  # type: ignore[attr-defined]
    assert await one.results() == (True, 0)
    services.clock.set(RELEASE)  # type: ignore[attr-defined]
    assert await one.results() == (True, 1)


async def test_an_answer_of_a_process_with_a_fast_clock_is_not_told_early(
    services: Services, process: Any
) -> None:
    await make.registration(services, await bound(services), on=await make.plan(release_at=RELEASE))
    fast, slow = process(), process()
    for p in (fast, slow):
        await p.watch.ask()
    services.clock.set(RELEASE)  # type: ignore[attr-defined]
    assert await fast.results() == (True, 1)  # now in the shared cache
    services.clock.set(RELEASE - timedelta(seconds=2))  # type: ignore[attr-defined]
    assert await slow.results() == (True, 0)


async def test_a_release_put_off_is_obeyed(services: Services, process: Any) -> None:
    plan = await make.plan(release_at=RELEASE)
    await make.registration(services, await bound(services), on=plan)
    one = process()
    await one.watch.ask()
    assert await one.results() == (True, 0)
    async with in_transaction():
        await Plan.filter(id=plan.id).update(release_at=RELEASE + timedelta(days=1))
        await lookups.changed()
    await one.watch.ask()
    services.clock.set(RELEASE)  # type: ignore[attr-defined]
    assert await one.results() == (True, 0)


async def test_one_persons_change_leaves_the_others_ready(services: Services, process: Any) -> None:
    await bound(services)
    await bound(services, OTHER, "李四")
    one = process()
    await one.watch.ask()
    assert (await one.results(), await one.results(OTHER)) == ((True, 0), (True, 0))
    await bindings.unbind(services, ME, caller=Caller("203.0.113.9"))
    await one.watch.ask()
    with statements() as seen:
        assert await one.results(OTHER) == (True, 0)
    assert seen == []
    assert await one.results() == (False, 0)


async def test_binding_is_seen_in_spite_of_an_earlier_answer(services: Services, process: Any) -> None:
    number = make.id_number(4055)
    await make.candidate(services, "崔子涵", number)
    one = process()
    await one.watch.ask()
    assert await one.results() == (False, 0)
    await bindings.bind(one.s, ME, "崔子涵", number, caller=Caller("203.0.113.9"))
    await one.watch.ask()
    assert await one.results() == (True, 0)


async def test_data_read_before_a_change_is_stale_even_if_kept_after_it(
    services: Services, process: Any
) -> None:
    one = process()
    await one.watch.ask()
    bodies = iter((b"old", b"new"))

    async def read(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
        body = next(bodies)
        if body == b"old":  # the change commits and is heard of while this reading is under way
            await lookups.changed()
            await one.watch.ask()
        return body, Standing()

    await one.answers.get(one.s, "topic", ME, read)
    assert (await one.answers.get(one.s, "topic", ME, read)).body == b"new"
    assert (await one.answers.get(one.s, "topic", ME, read)).body == b"new"


async def test_a_new_process_knows_what_changed_before_it_started(services: Services, process: Any) -> None:
    plan = await make.plan()
    await make.registration(services, await bound(services), on=plan)
    old = process()
    await old.watch.ask()
    assert await old.results() == (True, 0)  # stands in the shared cache for ten minutes
    await Plan.filter(id=plan.id).update(release_at=services.clock.now())
    await lookups.changed()
    new = process()
    await new.watch.ask()
    assert await new.results() == (True, 1)


async def test_a_watch_that_was_away_too_long_begins_anew(services: Services, process: Any) -> None:
    plan = await make.plan()
    await make.registration(services, await bound(services), on=plan)
    one = process()
    await one.watch.ask()
    assert await one.results() == (True, 0)
    await Plan.filter(id=plan.id).update(release_at=services.clock.now())
    await lookups.changed()
    await LookupChange.all().delete()  # forgotten by the sweep, long after
    services.cache.values.clear()  # type: ignore[attr-defined]  # and Redis keeps nothing for so long
    one.seconds.now += READY_SECONDS + 1
    await one.watch.ask()
    assert await one.results() == (True, 1)


async def test_changes_become_visible_in_the_order_of_their_numbers(services: Services) -> None:
    """The lock is held to the commit: who has seen change 2 can never meet change 1 later."""
    first_told, let_go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with in_transaction():
            await lookups.changed("oa:slow")
            first_told.set()
            await let_go.wait()

    async def quick() -> None:
        await first_told.wait()
        async with in_transaction():
            await lookups.changed("oa:quick")

    tasks = [asyncio.create_task(slow()), asyncio.create_task(quick())]
    await first_told.wait()
    waiting: Any = []
    while not waiting:  # until the second one stands at the lock
        waiting = await LookupChange.raw(
            "SELECT 1 AS id FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
    assert await LookupChange.all().count() == 0
    let_go.set()
    await asyncio.gather(*tasks)
    assert [change.scope for change in await LookupChange.all().order_by("id")] == ["oa:slow", "oa:quick"]


async def test_many_at_once_read_once(services: Services, process: Any) -> None:
    one = process()
    await one.watch.ask()
    readings = 0

    async def read(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
        nonlocal readings
        readings += 1
        await asyncio.sleep(0)
        return b"answer", Standing()

    answers = await asyncio.gather(*(one.answers.get(one.s, "topic", ME, read) for _ in range(50)))
    assert {answer.body for answer in answers} == {b"answer"}
    assert readings == 1
    assert one.answers.inflight == {}


async def test_who_joins_a_reading_that_began_too_early_reads_again(services: Services, process: Any) -> None:
    one = process()
    await one.watch.ask()
    began, go_on = asyncio.Event(), asyncio.Event()
    bodies = iter((b"old", b"new"))

    async def read(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
        body = next(bodies)
        if body == b"old":
            began.set()
            await go_on.wait()
        return body, Standing()

    first = asyncio.create_task(one.answers.get(one.s, "topic", ME, read))
    await began.wait()
    await lookups.changed()
    await one.watch.ask()
    second = asyncio.create_task(one.answers.get(one.s, "topic", ME, read))
    await asyncio.sleep(0)
    go_on.set()
    assert ((await first).body, (await second).body) == (b"old", b"new")


async def test_a_reading_that_fails_fails_for_all_and_is_forgotten(services: Services, process: Any) -> None:
    one = process()
    await one.watch.ask()

    async def broken(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
        raise RuntimeError("the database is away")

    answers = await asyncio.gather(
        *(one.answers.get(one.s, "topic", ME, broken) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [RuntimeError] * 3
    assert one.answers.inflight == {}
