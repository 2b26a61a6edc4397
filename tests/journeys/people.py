"""Who takes part in a journey, through HTTP alone: staff at the console, persons with a phone in the sandbox."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tests.kit.importing import names_in

NEW_PASSWORD = "journey-long-enough-passphrase-7"
# Production opens the pages of candidates and officers in WeChat alone.
IN_WECHAT = {"accept": "text/html", "user-agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"}
_TICKET = re.compile(r'name="ticket" value="([^"]+)"')


def until(ready: Callable[[], Any], seconds: float = 90, pause: float = 0.1) -> Any:
    """What `ready` gives once it is truthy, asked again after `pause`; an error after `seconds`."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := ready():
            return found
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {ready}")


class Place(Protocol):
    """What people know of a running service.

    Attributes:
        logins: user name → password.
        opened: connections that whoever stops the service closes.
    """

    logins: dict[str, str]
    opened: list[httpx.Client]

    @property
    def url(self) -> str: ...
    @property
    def sandbox(self) -> str: ...
    def environment(self) -> dict[str, str]: ...


@dataclass
class Desk:
    """A member of staff, logged in, with the one-time password changed."""

    service: Place
    username: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"{self.service.url}/console/api/v1", timeout=60)
        self.service.opened.append(self.client)
        password = self.service.logins[self.username]
        answer = self.client.post("/session", json={"username": self.username, "password": password})
        assert answer.status_code == 200, answer.text
        self.client.headers["x-csrf-token"] = answer.json()["csrf"]
        if answer.json()["staff"]["must_change_password"]:
            body = {"old_password": password, "new_password": NEW_PASSWORD}
            answer = self.client.put("/session/password", json=body)
            assert answer.status_code == 200, answer.text
            self.service.logins[self.username] = body["new_password"]
            self.client.headers["x-csrf-token"] = answer.json()["csrf"]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
        answer = self.client.post(path, json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    def sign(self, batch_id: int) -> Any:
        """签发 of the list as it stands."""
        shown = self.get(f"/issuances/{batch_id}")
        return self.post(f"/issuances/{batch_id}/sign", {"list_sha256": shown["list_sha256"]})

    def upload(self, kind: str, name: str, data: bytes, *, dry_run: bool) -> dict[str, Any]:
        """Hand a spreadsheet in, its names confirmed, and wait for its result."""
        create = json.dumps(names_in(data).as_dict())
        fields = {"kind": kind, "dry_run": "true" if dry_run else "false", "create": create}
        answer = self.client.post("/imports", data=fields, files={"file": (name, data)})
        assert answer.status_code == 202, answer.text
        run: dict[str, Any] = until(
            lambda: (
                (found := self.get(f"/imports/{answer.json()['id']}"))["state"] in ("done", "unreadable")
                and found
            )
        )
        return run


def release(asking: Desk, approving: Desk, plan_id: int) -> None:
    """公布成绩 by two people."""
    asked = asking.post(f"/plans/{plan_id}/release")["release_request"]
    approving.post(f"/releases/{asked}/approve")


@dataclass
class Phone:
    """A person of the sandbox with a phone: opens links in WeChat's web view, chats, uses the mini-program."""

    service: Place
    person: str
    web: httpx.Client = field(init=False)
    wechat: httpx.Client = field(init=False)
    bearer: str = ""

    def __post_init__(self) -> None:
        self.web = httpx.Client(follow_redirects=True, timeout=60, headers=IN_WECHAT)
        self.wechat = httpx.Client(base_url=self.service.sandbox, timeout=60)
        self.service.opened += [self.web, self.wechat]

    def open(self, path: str) -> httpx.Response:
        """Open a page of the service, going through WeChat's silent consent where it is asked."""
        answer = self.web.get(path if path.startswith("http") else self.service.url + path)
        if answer.url.path == "/connect/oauth2/authorize":
            ticket = _TICKET.search(answer.text)
            assert ticket is not None, answer.text
            form = {"ticket": ticket[1], "person": self.person, "accept": "1", "in_phone": "0"}
            answer = self.web.post(f"{self.service.sandbox}/connect/oauth2/answer", data=form)
        assert "code=" not in str(answer.url), "the code must not stay in the address"
        return answer

    def submit(self, path: str, **form: str) -> httpx.Response:
        return self.web.post(self.service.url + path, data=form, headers={"origin": self.service.url})

    def act(self, act: str, **body: Any) -> Any:
        answer = self.wechat.post(f"/phone/api/act/{self.person}/{act}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def feed(self) -> dict[str, Any]:
        found: dict[str, Any] = self.wechat.get(f"/phone/api/feed/{self.person}").json()
        return found

    def program(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One call of the mini-program, logged in by wx.login."""
        if not self.bearer:
            code = self.act("login")["code"]
            answer = httpx.post(f"{self.service.url}/mp/v1/session", json={"code": code}, timeout=60)
            assert answer.status_code == 200, answer.text
            self.bearer = answer.json()["token"]
        headers = {"authorization": f"Bearer {self.bearer}"}
        return httpx.request(
            method, f"{self.service.url}/mp/v1{path}", json=body, headers=headers, timeout=60
        )
