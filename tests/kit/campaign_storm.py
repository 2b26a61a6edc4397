"""A campaign in a storm: the sandbox, a web process and workers, each a process of its own that may be killed.

WeChat drops, delays, refuses and cuts off after it has accepted; its events come twice, late, in the wrong order and before
the answers. What WeChat knows is read from the sandbox's own file, which nothing of the service ever writes.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from server.domain.campaigns import handling, upkeep
from server.domain.campaigns.states import CampaignState
from server.domain.ports import Services
from server.errors import Conflict
from server.models import Binding, Campaign, Candidate, Plan, Registration
from server.models.database import rows, write
from server.sandbox.config import Account
from server.sandbox.store import Store
from server.sandbox.wechat_users import People
from tests.kit import campaigning, crashes, make
from tests.kit.campaigning import WRITER
from tests.kit.forking import AwaitedProgram

ROOT = Path(__file__).resolve().parents[2]
SEND = "/cgi-bin/message/template/send"
REFUSALS = (-1, -1, 47003, 40003, 42001)  # busy, our fault, theirs, a token that has ended
BOUND, UNFOLLOWED, BLOCKED = 0.88, 0.02, 0.02  # of all; of the bound
TOLD = 0.1  # of a hundred thousand messages: an event costs the web process ten times what a message costs
TEMPLATE = {
    "account": "oa",
    "id": "tpl-exam",
    "title": "考试安排提醒",
    "use": "message",
    "fields": {"thing1": "考试名称", "name2": "考生姓名", "thing3": "备注"},
}
_UNDER_WAY = (
    "SELECT 1 FROM delivery WHERE state = 'sending' AND next_try_at > now() + interval '50 seconds' LIMIT 1"
)
_CALLED = (
    "SELECT count(*) AS n FROM delivery WHERE campaign_id = $1 AND state <> 'no_way' AND sent_at IS NOT NULL"
)
_DUE = "SELECT 1 FROM delivery WHERE state IN ('pending', 'sending') AND next_try_at <= now() LIMIT 1"
_LEFT = "SELECT 1 FROM delivery WHERE state IN ('pending', 'sending') LIMIT 1"


@dataclass(frozen=True, slots=True)
class Known:
    """What WeChat knows at the end, by openid: how often it accepted a message, and how often one was shown.

    `happened`: what it did to our calls, where it counts that.
    """

    accepted: Counter[str]
    shown: Counter[str]
    happened: Counter[str] = field(default_factory=Counter)


async def populate(s: Services, count: int) -> tuple[Plan, dict[str, str]]:
    """So many candidates of one plan; of those who are bound, openid → the person of the sandbox. Before it starts."""
    plan, site = await make.plan(), await make.site()
    people = [
        Candidate(
            name="崔子涵",
            id_sealed=b"\0",
            id_index=hashlib.sha256(f"storm{n}".encode()).digest(),
            kind="social",
        )
        for n in range(count)
    ]
    await Candidate.bulk_create(people, batch_size=2000)
    made = await Candidate.all().order_by("id").values_list("id", flat=True)
    places = [
        Registration(
            candidate_id=one, plan=plan, site=site, admission_number=f"2309{one:010d}", outcome="pending"
        )
        for one in made
    ]
    await Registration.bulk_create(places, batch_size=2000)
    account = account_of(s)
    store = Store(state_file(s))
    known = People(store)
    store._db.execute("BEGIN")
    persons: dict[str, str] = {}
    now = s.clock.now()
    bound = []
    for number, one in enumerate(list(made)[: int(count * BOUND)]):
        person = known.add("")
        openid = known.openid(account.appid, person)
        persons[openid] = person.id
        if number % round(1 / UNFOLLOWED) != 7:
            known.follow(account, person, int(now.timestamp()), "ADD_SCENE_QR_CODE")
        if number % round(1 / BLOCKED) == 11:
            store.put("blocked", f"{account.appid} {person.id}", {})
        bound.append(Binding(account="oa", openid=openid, candidate_id=one, bound_at=now))
    store._db.execute("COMMIT")
    store.close()
    await Binding.bulk_create(bound, batch_size=2000)
    await rows("ANALYZE")
    return plan, persons


def account_of(s: Services) -> Account:
    settings = s.settings
    return Account(
        "oa", settings.oa_appid, settings.oa_secret, settings.oa_token, settings.oa_aes_key, "服务号"
    )


def state_file(s: Services) -> Path:
    return s.settings.data_dir / "sandbox" / "state.sqlite3"


def known_to_wechat(s: Services, persons: dict[str, str]) -> Known:
    """By the sandbox's own count."""
    openids = {person: openid for openid, person in persons.items()}
    store = Store(state_file(s))
    accepted: Counter[str] = Counter()
    for key, body in store.all("counter.template.person", f"{s.settings.oa_appid} ").items():
        accepted[openids[key.split(" ")[1]]] += int(body["n"])
    shown: Counter[str] = Counter()
    found = store._db.execute(
        'SELECT stream, count(*) FROM log WHERE stream LIKE ? AND body LIKE \'%"kind":"card"%\' GROUP BY stream',
        (f"chat {s.settings.oa_appid} %",),
    )
    for stream, count in found:
        shown[openids[stream.split(" ")[2]]] += count
    store.close()
    return Known(accepted, shown)


@dataclass
class Storm:
    """The running world; `counts` tells what happened."""

    s: Services
    database_url: str
    redis_url: str
    sandbox_url: str
    campaign: Campaign
    dice: random.Random
    environment: dict[str, str]
    http: aiohttp.ClientSession
    is_lean: bool  # WeChat's stand-in for many, `lean_wechat`; else the sandbox
    workers: list[AwaitedProgram] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    # Processes

    async def hire(self, many: int) -> None:
        """So many workers more."""
        self.workers += [
            crashes.worker(self.s.settings, self.database_url, self.redis_url, **self.environment)
            for _ in range(many)
        ]

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """One of them dies, whatever it is doing."""
        victim = self.workers.pop(self.dice.randrange(len(self.workers)))
        assert victim.returncode is None, "a worker ended by itself"
        victim.send_signal(how)
        await victim.wait()
        self.counts[f"workers ended by {how.name}"] += 1

    async def dismiss(self) -> None:
        while self.workers:
            await self.kill(signal.SIGTERM)

    async def gets_as_far_as(self, people: int) -> None:
        """Until so many were called for; the sweep of each minute comes more often."""
        async for _ in ticks(300):
            if (await rows(_CALLED, self.campaign.id))[0]["n"] >= people:
                break
            await upkeep.sweep(self.s)
            await self.resume()
        await asyncio.sleep(self.dice.uniform(0, 0.3))

    # WeChat's moods

    async def turn(self, **switches: Any) -> None:
        async with self.http.post(f"{self.sandbox_url}/sandbox/api/switches", json=switches) as answer:
            assert answer.status == 200, await answer.text()

    async def another_mood(self) -> None:
        """Another two in a hundred are lost or cut off; others are refused, or answered late."""
        dice = self.dice
        self.counts["moods"] += 1
        if self.is_lean:
            await self.turn(
                lose=0.02,
                cut=0.01,
                hang=0.01,
                refuse=0.02,
                slow=dice.choice([0.0, 0.1, 0.5]),
                told=TOLD,
                twice=0.2,
                late=dice.choice([0.0, 1.0, 5.0]),
            )
            return
        await self.turn(
            drop_path=SEND,
            drop_share=0.02,
            lose_share=0.02,
            drop_after_seconds=dice.choice([0.0, 0.0, 0.0, 7.0]),
            slow_path=SEND,
            slow_seconds=dice.choice([0.0, 0.05, 0.3]),
            forced=[
                {"path": SEND, "errcode": dice.choice(REFUSALS), "times": 1}
                for _ in range(dice.randint(0, 3))
            ],
            push_copies=dice.choice([1, 1, 1, 2]),
            push_delay_seconds=dice.choice([0.0, 0.5, 2.0]),
            push_hold=dice.choice([0, 0, 0, 5]),
            push_hold_seconds=1.0,
            template_status=dice.choice(["success"] * 9 + ["failed: system failed"]),
        )

    async def calm(self) -> None:
        if self.is_lean:
            await self.turn(told=TOLD)
            return
        await self.turn(reset=True)
        await self._post("release")

    async def _post(self, what: str) -> None:
        async with self.http.post(
            f"{self.sandbox_url}/sandbox/api/{what}", timeout=aiohttp.ClientTimeout(total=600)
        ) as answer:
            assert answer.status < 300, await answer.text()

    async def settle(self) -> None:
        """Until no event of WeChat's is under way any more, and none that came is still to be worked on."""
        await self._post("settle")
        async for _ in ticks(240):
            if not await rows("SELECT 1 FROM push_seen WHERE settled_at IS NULL LIMIT 1"):
                break

    async def lean_knows(self) -> Known:
        async with self.http.get(f"{self.sandbox_url}/sandbox/api/switches") as answer:
            said = await answer.json(content_type=None)
        return Known(*(Counter(said[name]) for name in ("accepted", "shown", "happened")))

    # What people do meanwhile, and the minute that passes

    async def pause(self) -> None:
        with suppress(Conflict):
            await handling.pause(self.s.clock, self.campaign.id, actor=WRITER)
            self.counts["pauses"] += 1

    async def resume(self) -> None:
        with suppress(Conflict):
            await handling.resume(self.s.clock, self.s.queue, self.campaign.id, actor=WRITER)

    async def another_rate(self, rates: Sequence[int]) -> None:
        s = self.s
        await handling.set_pace(
            s.settings,
            s.clock,
            s.queue,
            self.campaign.id,
            per_second=self.dice.choice(rates),
            per_day=s.settings.campaign_per_day,
            actor=WRITER,
        )
        self.counts["rates"] += 1

    async def is_done(self) -> bool:
        return await campaigning.state(self.campaign) == CampaignState.DONE.value

    async def time_passes(self, seconds: float) -> None:
        """For the service and for WeChat alike: the rows grow older, WeChat's clock goes on. Nothing is under way then."""
        await self.pause()
        async for _ in ticks(30):
            if not await rows(_UNDER_WAY):
                break
        async with self.http.post(
            f"{self.sandbox_url}/sandbox/api/clock", json={"forward": seconds}
        ) as answer:
            assert answer.status == 200
        span = timedelta(seconds=seconds)
        await write(
            "UPDATE delivery SET next_try_at = next_try_at - $1::interval, sent_at = sent_at - $1::interval",
            span,
        )
        await upkeep.sweep(self.s)
        await self.resume()

    async def catch_up(self) -> None:
        """Hours pass until nobody waits; first ten minutes at once, so that some are past WeChat's own memory."""
        spans = iter([601.0] + [61.0, 241.0, 961.0, 3841.0] * 50)
        while not await self.is_done():
            await self.time_passes(next(spans))
            async for _ in ticks(3600):  # a hundredth of them, or a tenth, has not been called for yet
                if await self.is_done() or not await self._is_anything_going_on():
                    break

    async def _is_anything_going_on(self) -> bool:
        """Also while nobody is left and the campaign has yet to be called done by a worker."""
        return bool(await rows(_DUE) or await rows(_UNDER_WAY) or not await rows(_LEFT))


async def ticks(seconds: float) -> AsyncIterator[None]:
    """Twice a second; after so many seconds that is too long."""
    for _ in range(int(seconds * 2)):
        yield
        await asyncio.sleep(0.5)
    raise AssertionError(f"not within {seconds:g} seconds")


async def wechat_process(
    s: Services, environment: dict[str, str], port: int, *, is_lean: bool
) -> Process | AwaitedProgram:
    """The real sandbox over the file that `populate` wrote, or the lean stand-in."""
    register = s.settings.data_dir / "sandbox" / "templates.json"
    register.write_bytes(orjson.dumps([TEMPLATE]))
    account = account_of(s)
    lean = (str(port), environment["XCERT_PUBLIC_URL"], account.appid, account.token, account.aes_key)
    process: Process | AwaitedProgram
    if is_lean:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.kit.lean_wechat",
            *lean,
            cwd=ROOT,
            env=environment,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
    else:
        process = AwaitedProgram(("server.sandbox",), environment)
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/sandbox/api/switches") as answer:
                    if answer.status == 200:
                        return process
            assert process.returncode is None, "WeChat ended by itself"
            await asyncio.sleep(0.05)
