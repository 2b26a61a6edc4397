"""One WeChat: its accounts, people, clock, switches and memory, and the work it does in the background."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from server.sandbox.clock import Clock
from server.sandbox.config import Account, SandboxConfig, Template, template_from
from server.sandbox.scenarios import Recorder
from server.sandbox.store import Store
from server.sandbox.switches import SwitchBoard
from server.sandbox.timeline import Timeline
from server.sandbox.wechat_users import People, Person


class Platform:
    """Everything the handlers need; one for each running sandbox."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.service_url = config.service_url
        self.own_url = f"http://{config.host}:{config.port}"
        self.store = Store(config.data_path)
        self.started = secrets.token_hex(4)
        self.clock = Clock(self.store)
        self.switchboard = SwitchBoard(self.store, config.push_mode)
        self.timeline = Timeline(self.store, self.clock)
        self.people = People(self.store, config.people)
        self.recorder = Recorder(self.store)
        self.held_pushes: list[Coroutine[Any, Any, Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._endless: set[asyncio.Task[Any]] = set()
        self._http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """For pushes; keeps no cookies, as WeChat does not."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Mozilla/4.0", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._http

    def account(self, kind: str) -> Account | None:
        return self.config.account(kind)

    def by_appid(self, appid: str) -> Account | None:
        return next((a for a in self.config.accounts if a.appid == appid), None)

    def push_url(self, account: Account) -> str:
        """Where the pushes of this account go."""
        return self.config.push_urls.get(account.kind) or f"{self.service_url}/wechat/{account.kind}"

    def openid(self, account: Account, person: Person) -> str:
        return self.people.openid(account.appid, person)

    def web_view_url(self, person: Person) -> str:
        """Origin under which this person's phone shows the service: one host a person, so cookies never mix."""
        return f"http://{person.id}.localhost:{urlsplit(self.own_url).port}"

    def people_may_read(self, account: Account, person: Person) -> bool:
        """Nothing reaches a person who has unfollowed a service account."""
        return account.kind != "oa" or self.people.following(account, person) is not None

    def template(self, account: Account, template_id: str, *uses: str) -> Template | None:
        """A template of this account, if given only for these uses (`Template.purpose`).

        What was added or described since goes before what was configured.
        """
        key = f"{account.kind} {template_id}"
        if self.store.get("template.removed", key) is not None:
            return None
        body = self.store.get("template", key)
        if body is not None:
            template: Template | None = template_from(template_id, account.kind, body)
        else:
            mine = (t for t in self.config.templates if t.id == template_id and t.account == account.kind)
            template = next(mine, None)
        return template if template is not None and (not uses or template.purpose in uses) else None

    def templates(self, account: Account, *uses: str) -> list[Template]:
        """All templates of this account, of these uses if given."""
        added = self.store.all("template", f"{account.kind} ")
        ids = [t.id for t in self.config.templates if t.account == account.kind]
        ids += [key.partition(" ")[2] for key in added]
        templates = (self.template(account, template_id, *uses) for template_id in dict.fromkeys(ids))
        return [template for template in templates if template is not None]

    def add_template(self, template: Template) -> None:
        """Add a template or describe one anew."""
        key = f"{template.account} {template.id}"
        self.store.drop("template.removed", key)
        self.store.put("template", key, template.as_json())

    def remove_template(self, template: Template) -> None:
        """Take a template out of its account; nothing can be sent with it any more."""
        key = f"{template.account} {template.id}"
        self.store.drop("template", key)
        self.store.put("template.removed", key, {})

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do this without making the caller wait."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def until_closed(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do this until the sandbox closes; `settle` does not wait for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._endless.add(task)
        task.add_done_callback(self._endless.discard)
        return task

    def timer(self, handle: asyncio.TimerHandle | None) -> None:
        """The one clock that what is kept back waits for, in place of the one before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = handle

    async def settle(self) -> None:
        """Wait until nothing is under way in the background any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Drop what is under way and close the connections and the file."""
        self.timer(None)
        for work in self.held_pushes:
            work.close()
        self.held_pushes.clear()
        going = [*self._tasks, *self._endless]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
            self._http = None
        self.store.close()
