"""A campaign's messages a second in one process against a bare aiohttp loop that posts the same bytes to the same server;
the audience of a million by its one statement against the bare writing of its rows, and what Python needs for it; and how
long after a pause the last call begins.

Ours and the ceiling take turns, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from server.adapters.wechat import sending
from server.composition import running
from server.domain.campaigns import campaign_views, handling, slices, upkeep
from server.domain.ports import Services
from server.models import Campaign, Delivery, Plan
from server.models.database import rows, write
from server.settings import Settings
from tests.bench.load import processor_seconds
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import campaigning, make
from tests.kit.campaigning import WAY, WRITER
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatConsole
from tests.kit.started import free_port

ROOT = Path(__file__).resolve().parents[2]
PEOPLE, TURNS = 3_000, 6
FEW, MANY = 1_000, int(os.environ.get("XCERT_AUDIENCE", "1000000"))
PAUSES, SLOW = 10, 0.1
FILL = (
    "INSERT INTO candidate (id, name, id_kind, id_sealed, id_index, kind, major_code, major_name, major_version,"
    " major_tier, photo_key, created_at, updated_at) SELECT {first} + i, '考' || chr(19968 + i % 20000), '居民身份证', '\\x00',"
    " sha256(('bench' || {first} + i)::bytea), 'social', '', '', '', '', '', now(), now() FROM generate_series(1, {many}) i",
    "INSERT INTO registration (id, candidate_id, plan_id, site_id, admission_number, outcome, created_at)"
    " SELECT {first} + i, {first} + i, {plan}, {site}, 'B' || {first} + i, 'passed', now() FROM generate_series(1, {many}) i",
    "INSERT INTO binding (account, openid, unionid, candidate_id, bound_at)"
    " SELECT 'oa', 'oBench' || {first} + i, '', {first} + i, now() FROM generate_series(1, {many}) i",
    "ANALYZE",
)


def run() -> list[Row]:
    with place() as settings:
        return [
            *asyncio.run(_sent(settings)),
            asyncio.run(_paused(settings)),
            *asyncio.run(_frozen(settings)),
        ]


@asynccontextmanager
async def _serving(settings: Settings, seconds: float = 0.0) -> AsyncIterator[Services]:
    """The service before a lean WeChat that takes so long to answer."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.send_server", str(port), str(seconds)], cwd=ROOT
    )
    settings = replace(
        settings,
        oa_appid="wxbench0000000000",
        oa_secret="s" * 32,
        api_url=f"http://127.0.0.1:{port}",
        campaign_per_second=1_000_000,
        campaign_per_day=1_000_000_000,
    )
    try:
        async with running(settings) as s:
            exchange(s, wechat_console=FakeWeChatConsole())
            yield s
    finally:
        server.kill()
        server.wait()


async def _people(first: int, many: int) -> Plan:
    plan, site = await make.plan(), await make.site()
    for statement in FILL:
        await rows(statement.format(first=first, many=many, plan=plan.id, site=site.id))
    return plan


async def _begun(s: Services, plan: Plan, per_second: int = 1_000_000) -> Campaign:
    """A campaign that runs and may send a second's worth at once."""
    campaign = await campaigning.approved(s, plan, per_second=500)
    await handling.start(s.clock, s.queue, campaign.id, actor=WRITER)
    await Campaign.filter(id=campaign.id).update(
        per_second=per_second, per_day=1_000_000_000, allowance=per_second, paced_at=s.clock.now()
    )
    await write("DELETE FROM procrastinate_jobs")
    return campaign


# Messages


@dataclass
class Spent:
    """How long so many took, by the wall and by this process's processor time."""

    seconds: float = 0.0
    processor: float = 0.0
    many: int = 0
    _began: tuple[float, float] = field(default=(0.0, 0.0))

    def begin(self) -> None:
        self._began = time.perf_counter(), processor_seconds(os.getpid())

    def end(self, many: int) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.processor += processor_seconds(os.getpid()) - self._began[1]
        self.many += many


async def _sent(settings: Settings) -> list[Row]:
    ours, bare = Spent(), Spent()
    async with _serving(settings) as s, aiohttp.ClientSession() as session:
        plan = await _people(10_000_000, PEOPLE)
        for turn in range(TURNS + 1):
            campaign = await _begun(s, plan)
            bodies = await _bodies(s, campaign)
            ours.begin()
            await _all(s, campaign)
            ours.end(PEOPLE)
            bare.begin()
            await _posted(session, s.settings.api_url, bodies)
            bare.end(PEOPLE)
            assert await Delivery.filter(campaign_id=campaign.id, state="accepted").count() == PEOPLE
            if turn == 0:  # connections, prepared statements
                ours, bare = Spent(), Spent()
    against = "aiohttp 直接发同样的字节"
    return [
        Row("群发，一个进程", ours.many / ours.seconds, bare.many / bare.seconds, "条/秒", against, "≥ 0.7"),
        Row(
            "群发，一个进程，按处理器时间",
            ours.many / ours.processor,
            bare.many / bare.processor,
            "条/核秒",
            against,
        ),
    ]


async def _all(s: Services, campaign: Campaign) -> None:
    while await campaigning.state(campaign) == "running":
        await slices.send_on(s)


async def _bodies(s: Services, campaign: Campaign) -> list[bytes]:
    """What WeChat gets for each person, to the byte."""
    posted: list[bytes] = []

    class Recorder:
        async def post(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
            posted.append(orjson.dumps(data))
            return {"msgid": 1}

    account: Any = Recorder()
    for row in await Delivery.filter(campaign_id=campaign.id).order_by("id"):
        fields, url = WAY.filled(row.fields_shown), s.settings.public_url + row.path
        await sending.template(account, row.openid, WAY.template, fields, url=url, dedup_id=row.dedup)
    return posted


async def _posted(session: aiohttp.ClientSession, api_url: str, bodies: list[bytes]) -> None:
    url, waiting = f"{api_url}{sending.TEMPLATE}?access_token={'t' * 512}", iter(bodies)
    headers = {"content-type": "application/json; charset=utf-8"}

    async def posts() -> None:
        for body in waiting:
            async with session.post(url, data=body, headers=headers) as answer:
                assert orjson.loads(await answer.read())["errcode"] == 0

    await asyncio.gather(*(posts() for _ in range(slices.AT_ONCE)))


# A pause


async def _paused(settings: Settings) -> Row:
    """The longest of some, from the pause's commit to the moment at which the last call began."""
    longest = 0.0
    async with _serving(settings, SLOW) as s:
        plan = await _people(20_000_000, PEOPLE)
        begun_at: list[float] = []
        api = s.wechat_sender

        class Watched:
            async def send_template(self, *args: Any, **more: Any) -> str:
                begun_at.append(time.perf_counter())
                return await api.send_template(*args, **more)

        exchange(s, wechat_sender=Watched())
        campaign = await _begun(s, plan)
        for turn in range(PAUSES):
            sends = asyncio.create_task(slices.send_on(s))
            await asyncio.sleep(0.3 + turn / 100)
            await handling.pause(s.clock, campaign.id, actor=WRITER)
            accepted = time.perf_counter()
            await sends
            longest = max(longest, begun_at[-1] - accepted)
            await handling.resume(s.clock, s.queue, campaign.id, actor=WRITER)
            await Campaign.filter(id=campaign.id).update(allowance=1e6, paced_at=s.clock.now())
        assert len(begun_at) > PAUSES * slices.AT_ONCE
    return Row("群发暂停：受理以后最后一次调用开始", longest, 1.0, "秒", "一秒", "≤ 1")


# The audience


async def _frozen(settings: Settings) -> list[Row]:
    async with _serving(replace(settings, job_statement_seconds=3600)) as s:
        few = await _people(30_000_000, FEW)
        many = await _people(40_000_000, MANY)
        _, least, _ = await _frozen_once(s, few, FEW)
        seconds, most, counted = await _frozen_once(s, many, MANY)
        began = time.perf_counter()
        await rows("CREATE TABLE bare (LIKE delivery INCLUDING ALL)")
        await rows(
            "INSERT INTO bare SELECT * FROM delivery WHERE campaign_id = (SELECT max(id) FROM campaign)"
        )
        bare = time.perf_counter() - began
    return [
        Row(f"群发名单，{MANY:,} 人", MANY / seconds, MANY / bare, "人/秒", "只写下同样的行"),
        Row(
            f"受众当场数一遍，{MANY:,} 人",
            counted,
            s.settings.statement_seconds,
            "秒",
            "网页里一条语句的上限",
            "≤ 1",
        ),
        Row(f"写名单时 Python 进程的内存，{MANY:,} 人", most, least, "MB", f"{FEW:,} 人", "≤ 1.1"),
    ]


async def _frozen_once(s: Services, plan: Plan, people: int) -> tuple[float, float, float]:
    """Seconds, the most memory this process has ever had, in megabytes, and the seconds of the draft's count."""
    campaign = await campaigning.written(s, plan, per_second=500)
    began = time.perf_counter()
    seen = await campaign_views.audience(s.clock, campaign.id, actor=WRITER)
    counted = time.perf_counter() - began
    assert seen.reachable == people
    await handling.submit(s, campaign.id, actor=WRITER)
    began = time.perf_counter()
    await upkeep.freeze(s, campaign.id)
    took = time.perf_counter() - began
    assert (await campaigning.again(campaign)).reachable == people
    return took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, counted
