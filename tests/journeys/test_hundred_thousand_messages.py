"""A campaign through every storm: nobody is lost, nobody has two messages, and every end is what WeChat knows.

Real processes, killed by SIGKILL. An ordinary run has 200 people on the real sandbox; the whole has a leaner WeChat, which
tells of a tenth of the messages, since a chat and an event for each would take hours:
`XCERT_PEOPLE=100000 .venv/bin/python -m pytest -s tests/journeys/test_hundred_thousand_messages.py`, which prints what happened.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from server.adapters import embedded
from server.adapters.clock import SystemClock
from server.adapters.queue import JobQueue
from server.domain.campaigns import delivery_list
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.notices import sender
from server.domain.ports import Services
from server.models import Delivery, PushSeen, database
from server.models.database import rows, write
from tests.kit import campaign_storm, campaigning
from tests.kit.campaign_storm import Known, Storm
from tests.kit.campaigning import WRITER, ends
from tests.kit.exchange import exchange
from tests.kit.started import end, free_port
from tests.kit.web_process import web_process

PEOPLE = int(os.environ.get("XCERT_PEOPLE", "200"))
SEED = int(os.environ.get("XCERT_WEATHER", "20261127"))
IS_WHOLE = PEOPLE >= 10_000
KILLS, PAUSES = (50, 20) if IS_WHOLE else (3, 2)
RATES = (100, 200, 400) if IS_WHOLE else (40, 80, 120)


@asynccontextmanager
async def storm(
    s: Services, db: str, folder: Path
) -> AsyncIterator[tuple[Storm, dict[str, str], embedded.Redis]]:
    """Everything running but the workers; the campaign has begun."""
    port = free_port()
    settings = replace(
        s.settings,
        api_url=f"http://127.0.0.1:{port}",
        campaign_per_second=500,
        campaign_per_day=10_000_000,
    )
    exchange(s, settings=settings, clock=SystemClock(), queue=JobQueue())
    await database.close()
    await database.connect(
        db, patience=database.UNHURRIED
    )  # the list is written by this process, as by a job
    plan, persons = await campaign_storm.populate(s, PEOPLE)
    ours = {
        "WECHAT_OA_APPID": settings.oa_appid,
        "WECHAT_OA_SECRET": settings.oa_secret,
        "WECHAT_OA_TOKEN": settings.oa_token,
        "WECHAT_OA_AES_KEY": settings.oa_aes_key,
        "WECHAT_API_URL": settings.api_url,
        "XCERT_CAMPAIGN_PER_SECOND": "500",
        "XCERT_CAMPAIGN_PER_DAY": "10000000",
    }
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(embedded.Redis(folder / "redis"))
        url = await stack.enter_async_context(web_process(settings, db, redis.url, **ours))
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("XCERT_", "WECHAT_"))}
        theirs = {
            "XCERT_PUBLIC_URL": url,
            "SANDBOX_PORT": str(port),
            "XCERT_DATA_DIR": str(settings.data_dir),
            "XCERT_KEYS_DIR": str(settings.keys_dir),
        }
        environment = kept | ours | theirs
        wechat = await campaign_storm.wechat_process(s, environment, port, is_lean=IS_WHOLE)
        stack.callback(wechat.kill)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        campaign = await campaigning.running(s, plan, per_second=RATES[0], per_day=10_000_000)
        one = Storm(
            s,
            db,
            redis.url,
            settings.api_url,
            campaign,
            random.Random(SEED),
            ours | {"XCERT_PUBLIC_URL": url},
            http,
            IS_WHOLE,
        )
        try:
            yield one, persons, redis
        finally:
            for worker in one.workers:
                worker.kill()


async def rages(one: Storm, *, restart: Callable[[], None]) -> None:
    """Kills, pauses and other rates at random moments of the way, in a mood of WeChat's that changes all the time."""
    events = [one.kill] * KILLS + [one.pause] * PAUSES + [lambda: one.another_rate(RATES)] * PAUSES
    one.dice.shuffle(events)
    share = 0.9 * PEOPLE * campaign_storm.BOUND / len(events)
    for number, event in enumerate(events):
        await one.another_mood()
        await one.gets_as_far_as(int(share * (number + one.dice.random())))
        await event()
        if event == one.kill:
            await one.hire(1)
        elif event == one.pause:
            await asyncio.sleep(one.dice.uniform(0, 0.5))
        await one.resume()
        if number == len(events) // 2:
            restart()


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.rule("C3")
@pytest.mark.parametrize("workers", [1, 2])
async def test_whatever_happens_everybody_has_one_explained_end(
    services: Services, db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    """With two workers Redis is restarted in the middle as well."""
    begun = time.perf_counter()
    async with storm(services, db, tmp_path) as (one, persons, redis):
        await one.hire(workers)
        await rages(one, restart=(lambda: restarted(redis)) if workers == 2 else (lambda: None))
        await one.calm()
        await one.catch_up()
        await one.settle()
        lean = await one.lean_knows() if one.is_lean else None
        await one.dismiss()
    found = await ends(one.campaign)
    known = lean or campaign_storm.known_to_wechat(services, persons)
    await proven(services, one, found, known)
    with capsys.disabled():
        sys.stdout.write(figures(one, found, known, time.perf_counter() - begun))


def restarted(redis: embedded.Redis) -> None:
    """It is asked to end, is away for a moment, and comes back on the same port with what it had written down."""
    child = redis._child
    assert child is not None
    end(child)
    until = time.monotonic() + 30
    while not (redis.is_running() and redis._revival is None):
        redis.tend()
        time.sleep(0.02)
        assert time.monotonic() < until


async def proven(s: Services, one: Storm, found: Counter[str], known: Known) -> None:
    """States sum to the snapshot; nobody was accepted twice; every end is what WeChat knows; the unknown are listed."""
    again = await campaigning.again(one.campaign)
    assert (again.state, again.people, again.reachable) == (
        "done",
        PEOPLE,
        int(PEOPLE * campaign_storm.BOUND),
    )
    assert sum(found.values()) == PEOPLE
    assert found["no_way"] == PEOPLE - again.reachable
    twice = await rows(
        "SELECT 1 FROM delivery WHERE campaign_id = $1 GROUP BY candidate_id HAVING count(*) > 1", again.id
    )
    assert twice == []
    assert max(known.accepted.values()) == 1, "accepted twice"
    assert max(known.shown.values()) == 1, "shown twice"
    state_of = dict(
        await Delivery.filter(campaign_id=again.id, openid__not="").values_list("openid", "state")
    )
    by_state: dict[str, set[str]] = defaultdict(set)
    for openid, state in state_of.items():
        by_state[state].add(openid)
    assert set(found) <= {"delivered", "refused", "failed", "unknown", "accepted", "no_way"}
    took, shown = set(known.accepted), set(known.shown)
    told = took & (by_state["delivered"] | by_state["failed"] | by_state["refused"])
    untold = took & (by_state["accepted"] | by_state["unknown"])  # WeChat told nothing, or nobody answered it
    assert took == told | untold
    assert len(told) == await PushSeen.all().count(), "every event that came in has closed its message"
    assert by_state["accepted"] <= took
    assert by_state["delivered"] <= shown <= by_state["delivered"] | untold
    await listed(one, by_state["unknown"])
    await closed_after_a_day(s, len(by_state["accepted"]))


async def listed(one: Storm, unknown: set[str]) -> None:
    """Every message of unknown outcome is on the page of deliveries, with its reason."""
    after, seen = 0, 0
    while True:
        wanted = Wanted(campaign_id=one.campaign.id, state="unknown")
        page = await delivery_list.page(wanted, actor=WRITER, after=after, size=200)
        seen += len(page.items)
        assert all(row.reason for row in page.items)
        if page.next_cursor is None:
            break
        after = int(page.next_cursor)
    assert seen == len(unknown)


async def closed_after_a_day(s: Services, silent: int) -> None:
    """What WeChat never spoke of again does not stay open."""
    await write("UPDATE delivery SET sent_at = sent_at - interval '25 hours'")
    await sender.sweep(s)
    assert await Delivery.filter(state="unreported").count() == silent
    assert await Delivery.filter(state__in=["pending", "sending", "accepted"]).count() == 0


def figures(one: Storm, found: Counter[str], known: Known, seconds: float) -> str:
    lines = [f"\n{PEOPLE} people, seed {SEED}, {seconds:.0f} s"]
    told = one.counts | found | known.happened
    lines += [f"  {name}: {count}" for name, count in sorted(told.items())]
    lines.append(f"  accepted by WeChat: {known.accepted.total()}, shown: {known.shown.total()}")
    return "\n".join(lines) + "\n"
