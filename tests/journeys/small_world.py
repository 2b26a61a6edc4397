"""A whole service, its worker and WeChat in one process and on one clock, so that a story can be played twice."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import orjson

from server import worker
from server.adapters import cache
from server.adapters.queue import JobQueue
from server.adapters.wechat.api import WeChatApi
from server.app import create_app
from server.domain.ports import Services
from server.errors import OutsideFailure
from server.models import database
from server.models.database import rows
from server.sandbox import phone
from server.sandbox.app import create_sandbox, serving
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person
from tests.kit.fake_wechat import wechat_ports
from tests.kit.fakes import FakeClock
from tests.kit.sandbox_config import from_settings
from tests.kit.stand_ins import stand_ins
from tests.web.conftest import listening

_TICKET = re.compile(r'name="ticket" value="([^"]+)"')
_TAKE = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= $1)
) RETURNING id, task_name, args
"""
TRIES = 8  # how often a person taps again when a page says that WeChat did not answer


@dataclasses.dataclass
class SmallWorld:
    """Everything that one story needs."""

    services: Services
    platform: Platform
    noisy: bool
    people: dict[str, Somebody] = dataclasses.field(default_factory=dict)
    broken: list[str] = dataclasses.field(default_factory=list)  # jobs that failed, by name and error

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.services.clock, FakeClock)
        return self.services.clock

    async def somebody(self, person_id: str) -> Somebody:
        if person_id not in self.people:
            found = self.platform.people.get(person_id)
            assert found is not None
            self.people[person_id] = Somebody(self, found)
        return self.people[person_id]

    async def settled(self) -> None:
        """Until nothing is on its way any more: neither a push nor a job."""
        async with asyncio.timeout(120):
            while True:
                await self.platform.settle()
                if not self.platform.held_pushes and not await self._work():
                    return
                await asyncio.sleep(0.01)

    async def after(self, seconds: float) -> None:
        """Time passes for everybody, the sweeps of that minute are made, and all that follows."""
        await self.settled()
        self.clock.forward(seconds=seconds)
        self.platform.clock.set(self.clock.now())
        for sweep, _ in worker.SWEEPS.values():
            await sweep(self.services)
        await self.settled()

    async def close(self) -> None:
        for person in self.people.values():
            await person.web.aclose()

    async def _work(self) -> int:
        """Do what is due, as the worker does: a job that fails is kept as failed and does not stop the next."""
        taken = await rows(_TAKE, self.clock.now())
        for job in sorted(taken, key=lambda job: int(job["id"])):
            args = job["args"]
            try:
                await worker.TASKS[job["task_name"]](
                    self.services, **(orjson.loads(args) if isinstance(args, str) else args)
                )
            except OutsideFailure as failure:
                self.broken.append(f"{job['task_name']}: {type(failure).__name__}")
        return len(taken)


class Somebody:
    """A person with a phone. What says that WeChat did not answer is tapped again, as a person does."""

    def __init__(self, world: SmallWorld, person: Person) -> None:
        self.world, self.person = world, person
        self._bearer = ""
        self._url = world.services.settings.public_url
        self.web = httpx.AsyncClient(
            base_url=self._url, follow_redirects=True, timeout=60, headers={"accept": "text/html"}
        )

    def act(self, name: str, **body: Any) -> Any:
        return phone.ACTS[name](self.world.platform, self.person, body)

    async def open(self, path: str) -> httpx.Response:
        """Open a page in WeChat's web view, through its silent consent where it is asked."""
        for _ in range(TRIES):
            answer = await self.web.get(path)
            if answer.url.path == "/connect/oauth2/authorize":
                ticket = _TICKET.search(answer.text)
                assert ticket is not None, answer.text
                form = {"ticket": ticket[1], "person": self.person.id, "accept": "1", "in_phone": "0"}
                answer = await self.web.post(answer.url.join("/connect/oauth2/answer"), data=form)
            if answer.status_code < 400:
                return answer
            assert self.world.noisy, answer.text
        raise AssertionError(f"{path} never opened: {answer.text}")

    async def submit(self, path: str, **form: str) -> httpx.Response:
        answer = await self.web.post(path, data=form, headers={"origin": self._url})
        assert answer.status_code == 200, answer.text
        return answer

    async def program(self, method: str, path: str, body: Any = None, **codes: str) -> Any:
        """A call of the mini-program; `codes` are acts that give a new code for a field of the body at each try."""
        for _ in range(TRIES):
            if await self._logged_in():
                fresh = {field: self.act(act)["code"] for field, act in codes.items()}
                said = (body or {}) | fresh if body is not None or fresh else None
                headers = {"authorization": f"Bearer {self._bearer}", "accept": "application/json"}
                answer = await self.web.request(method, f"/mp/v1{path}", headers=headers, json=said)
                if answer.status_code < 400:
                    return answer.json() if answer.content else None
                assert self.world.noisy, answer.text
                assert answer.status_code >= 500 or answer.json()["code"] == "phone_unavailable", answer.text
        raise AssertionError(f"{path} was never answered")

    async def _logged_in(self) -> bool:
        if not self._bearer:
            answer = await self.web.post("/mp/v1/session", json={"code": self.act("login")["code"]})
            if answer.status_code != 200:
                said = answer.json()["code"]
                assert self.world.noisy and (answer.status_code >= 500 or said == "code_used"), answer.text
                return False
            self._bearer = answer.json()["token"]
        return True


async def insisting(work: Callable[[], Awaitable[Any]]) -> Any:
    """What somebody at a desk does when WeChat did not answer: the same again."""
    for _ in range(8):
        try:
            return await work()
        except OutsideFailure:
            continue
    raise AssertionError("WeChat never answered")


def everyone(w: SmallWorld) -> list[Person]:
    return w.platform.people.everyone()


@asynccontextmanager
async def small_world(
    services: Services, url: str, redis_url: str, noise: dict[str, Any], *, seconds: float
) -> AsyncIterator[SmallWorld]:
    """The world over an empty database.

    Args:
        services: whose keys and settings are used; nothing else of it.
        url: of the database.
        noise: the sandbox's switches.
        seconds: how long one call to WeChat may take.
    """
    begin = datetime.fromisoformat("2026-11-23T12:00:00+08:00")
    clock = FakeClock(begin)
    redis = cache.connect(redis_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        await redis.flushall()
        await database.connect(url)
        stack.push_async_callback(database.close)
        line = stack.enter_context(socket.socket())
        line.bind(("127.0.0.1", 0))
        settings = dataclasses.replace(
            services.settings,
            public_url=f"http://127.0.0.1:{line.getsockname()[1]}",
            mp_template_result="mp-result",
            mp_template_certificate="mp-certificate",
        )
        sandbox = create_sandbox(
            dataclasses.replace(from_settings(settings), port=0, data_path=None, retry_pause=0.0)
        )
        platform: Platform = sandbox.ctx.platform
        platform.clock.stop()
        platform.clock.set(begin)
        platform.switchboard.turn(noise)
        for name in ("秦雨", "许诺", "韩冰"):
            platform.people.add(name)
        api_url = await stack.enter_async_context(serving(sandbox))
        settings = dataclasses.replace(settings, api_url=api_url, open_url=api_url)
        store = cache.RedisCache(redis)
        api = WeChatApi(settings, redis, store, clock, seconds=seconds)
        stack.push_async_callback(api.close)
        mine = stand_ins(settings, clock, services.keys, queue=JobQueue(), cache=store, **wechat_ports(api))
        app = create_app(settings, mine, name=f"xcert_{line.getsockname()[1]}")
        await stack.enter_async_context(listening(app, line))
        world = SmallWorld(mine, platform, noisy=bool(noise))
        stack.push_async_callback(world.close)
        yield world
        await world.settled()
