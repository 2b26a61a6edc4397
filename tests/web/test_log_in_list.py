"""Log-ins as a list: on one's own page and an administrator's, ended one by one; and accounts changed by two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import session_list
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, ConsoleSession, Staff
from server.web.console.device_words import device_words
from tests.kit.console_desk import PASSWORD, Browser, account, code, seated
from tests.kit.fakes import FakeClock
from tests.kit.home import told

App = Sanic[Any, Any]
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
EDGE = CHROME + " Edg/130.0"


async def entered(app: App, username: str, agent: str = CHROME) -> Browser:
    """Logged in at the door, as people are."""
    who = Browser(app, extra={"user-agent": agent})
    came = await who("POST", "/session", {"username": username, "password": PASSWORD})
    assert came.status == 200, came.text
    who.cookie, who.csrf = came.headers["set-cookie"][14:].partition(";")[0], came.json["csrf"]
    return who


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (CHROME, "Windows 上的 Chrome"),
        (EDGE, "Windows 上的 Edge"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0.44", "iPhone 上的 微信"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Version/17.0 Safari/605.1.15", "Mac 上的 Safari"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Linux 上的 Firefox"),
        ("curl/8.0", "未知设备"),
        ("", "未知设备"),
    ],
)
def test_a_browser_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words


async def test_ones_own_log_ins_are_listed_and_ended_one_by_one(
    app: App, services: Services, clock: FakeClock
) -> None:
    made = await account(Role.OPERATOR)
    first = await entered(app, made.username, EDGE)
    clock.forward(minutes=30)
    here = await entered(app, made.username)
    listed = (await here("GET", "/sessions")).json["items"]
    assert [(one["device"], one["is_this"], one["proofs"]) for one in listed] == [
        ("Windows 上的 Chrome", True, ["密码"]),
        ("Windows 上的 Edge", False, ["密码"]),
    ]
    page = (await here.page("/console/account")).text
    assert "上一次登录是" in page and "Windows 上的 Edge（127.0.0.1），凭密码" in page
    assert (await here("DELETE", f"/sessions/{listed[1]['id']}")).status == 204
    assert (await here("DELETE", f"/sessions/{listed[1]['id']}")).status == 204
    assert code(await first("GET", "/session")) == (401, "session_ended")
    assert (await here("GET", "/session")).status == 200
    assert [one["is_this"] for one in (await here("GET", "/sessions")).json["items"]] == [True]
    [entry] = await AuditEntry.filter(action="session.revoke")
    assert entry.became == {"device": "Windows 上的 Edge", "address": "127.0.0.1"}


async def test_the_last_use_is_known_to_five_minutes(app: App, services: Services, clock: FakeClock) -> None:
    who = await entered(app, (await account(Role.OPERATOR)).username)
    began = (await ConsoleSession.get()).last_used_at
    clock.forward(minutes=4)
    await who("GET", "/session")
    assert (await ConsoleSession.get()).last_used_at == began
    clock.forward(minutes=2)
    await who("GET", "/session")
    assert (await ConsoleSession.get()).last_used_at == began + timedelta(minutes=6)


async def test_what_has_ended_is_not_listed(app: App, services: Services, clock: FakeClock) -> None:
    made = await account(Role.OPERATOR)
    await (await entered(app, made.username))("DELETE", "/session")
    await (await entered(app, made.username))("DELETE", "/sessions")
    old = await entered(app, made.username)
    clock.forward(hours=11)
    assert code(await old("GET", "/session")) == (401, "session_expired")
    here = await entered(app, made.username)
    assert len((await here("GET", "/sessions")).json["items"]) == 1
    changed = await here(
        "PUT", "/session/password", {"old_password": PASSWORD, "new_password": "秋天的银杏叶落满山坡"}
    )
    here.cookie, here.csrf = changed.headers["set-cookie"][14:].partition(";")[0], changed.json["csrf"]
    [left] = (await here("GET", "/sessions")).json["items"]
    assert (left["is_this"], left["device"], left["address"]) == (True, "Windows 上的 Chrome", "127.0.0.1")
    clock.forward(days=services.settings.keep_log_ins_days, seconds=1)
    await session_list.sweep(services)
    assert await ConsoleSession.all().count() == 0


async def test_an_administrator_sees_and_ends_those_of_others(app: App, services: Services) -> None:
    made = await account(Role.FINANCE)
    who, admin = await entered(app, made.username), await seated(app, services, Role.ADMIN)
    [one] = (await admin("GET", f"/staff/{made.id}/sessions")).json["items"]
    page = (await admin.page(f"/console/accounts/{made.id}")).text
    assert "登录中的设备" in page and one["id"] in page
    assert code(await admin("GET", "/staff/987654/sessions")) == (404, "staff_not_found")
    other = (await account(Role.OPERATOR)).id
    assert code(await admin("DELETE", f"/staff/{other}/sessions/{one['id']}")) == (404, "session_not_found")
    assert (await who("GET", "/session")).status == 200
    assert (await admin("DELETE", f"/staff/{made.id}/sessions/{one['id']}")).status == 204
    assert code(await who("GET", "/session")) == (401, "session_ended")
    listed = {row["username"]: row["last_login_at"] for row in (await admin("GET", "/staff")).json["items"]}
    assert listed["user-finance"] is not None and listed["user-operator"] is None


async def test_nobody_ends_a_strangers_log_in(app: App, services: Services) -> None:
    mine, other = await account(Role.OPERATOR), await account(Role.FINANCE)
    await entered(app, other.username)
    theirs = (await ConsoleSession.get()).id
    who = await entered(app, mine.username)
    assert code(await who("DELETE", f"/sessions/{theirs}")) == (404, "session_not_found")
    assert code(await who("DELETE", f"/sessions/{'9' * 5000}")) == (
        404,
        "session_not_found",
    )  # longer than any


async def test_a_password_is_reset_by_two_at_the_desk(app: App, services: Services) -> None:
    made = await account(Role.OPERATOR)
    first = await seated(app, services, Role.ADMIN, username="first")
    second = await seated(app, services, Role.ADMIN, username="second")
    asked = await first(
        "POST", f"/staff/{made.id}/changes", {"act": "reset_password", "reason": "本人当面提出"}
    )
    assert asked.status == 201
    one = f"/staff-changes/{asked.json['id']}"
    assert code(await first("POST", f"{one}/approve")) == (403, "same_person")
    assert (await told(second))["账号变更等待您批准"] == 1
    assert "账号变更等待您批准" not in await told(first)
    page = (await second.page("/console/account-changes")).text
    assert "本人当面提出" in page and f"{one}/approve" in page
    done = await second("POST", f"{one}/approve")
    assert (done.status, len(done.json["one_time_password"])) == (200, 19)
    assert (await Staff.get(id=made.id)).must_change_password is True
    [row] = (await first("GET", "/staff-changes")).json["items"]
    assert (row["state_label"], row["act_label"], "one_time_password" in row) == ("已办理", "重置密码", False)
