"""The console's pages without a browser: who sees which, where a log-in leads, and what is never shown."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.auth import logins
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role
from server.models import Candidate, Staff
from server.web.console import audit_words, page_base
from tests.kit import issuing, make
from tests.kit.console_desk import Browser, seated
from tests.kit.event_bus import ScriptedEventBus
from tests.kit.exchange import exchange

App = Sanic[Any, Any]
FOR_ALL = {"/console/rights"}  # in the navigation of some; everybody reaches it from 我的账号


async def test_who_is_not_logged_in_goes_to_the_log_in_and_comes_back(app: App) -> None:
    for path in ("/console/", "/console/plans", "/console/issuances?state=prepared"):
        answer = await Browser(app).page(path)
        assert answer.status == 303
        assert answer.headers["location"].startswith("/console/login?next=/console/")
    assert "next=/console/issuances%3Fstate%3Dprepared" in answer.headers["location"]


@pytest.mark.parametrize("role", Role)
async def test_each_role_sees_its_pages_and_no_others(app: App, services: Services, role: Role) -> None:
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    home = await who.page("/console/")
    for path, label, verb in page_base.NAV:
        allowed = verb is None or verb in PERMISSIONS[role]
        answer = await who.page(path)
        is_refused = not allowed and path not in FOR_ALL
        assert answer.status == (403 if is_refused else 200), label
        assert (f'href="{path}"' in home.text) == allowed, label
        if is_refused:
            assert "您的账号不能" in answer.text


async def test_before_the_first_password_there_is_one_page(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    await Staff.all().update(must_change_password=True)
    assert (await who.page("/console/plans")).headers["location"] == "/console/password"
    assert (await who.page("/console/password")).status == 200
    await Staff.all().update(must_change_password=False)
    assert (await who.page("/console/password")).headers["location"] == "/console/account"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/console/",
        "/console/\\evil",
        "/console/api/v1/session",
        "/h5/",
        "/console/\r\nx: y",
        "javascript:alert(1)",
        "/console/" + "a" * 600,
        "",
    ],
)
def test_a_log_in_leads_to_our_own_pages_alone(wanted: str) -> None:
    assert page_base.local(wanted) == "/console/"
    assert page_base.local("/console/issuances/7?cursor=3") == "/console/issuances/7?cursor=3"


async def test_the_form_logs_in_and_out(app: App, services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", actor=SYSTEM
    )
    await Staff.all().update(must_change_password=False)
    who = Browser(app)
    form = {"username": "li.hua", "password": password, "next": "/console/plans"}
    wrong = await who("POST", "/console/login", data={**form, "password": "x"})
    assert (wrong.status, "用户名或密码不正确" in wrong.text, password in wrong.text) == (401, True, False)
    stranger = {"origin": "https://evil.example"}
    assert (await who("POST", "/console/login", data=form, headers=stranger)).status == 403
    came = await who("POST", "/console/login", data=form)
    assert (came.status, came.headers["location"]) == (303, "/console/plans")
    who.cookie = came.headers["set-cookie"].removeprefix("xcert_console=").partition(";")[0]
    assert (await who.page("/console/login")).headers["location"] == "/console/"
    assert (await who("POST", "/console/logout", data={"csrf": "wrong"})).status == 403
    csrf = (await logins.open_session(services, who.cookie)).csrf
    gone = await who("POST", "/console/logout", data={"csrf": csrf})
    assert gone.headers["location"] == "/console/login"
    assert (await who.page("/console/plans")).status == 303


async def test_a_school_sees_its_list_with_masked_numbers_and_another_schools_batch_is_not_there(
    app: App, services: Services
) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    own = await seated(app, services, Role.SCHOOL, school=of.school, username="own")
    page = await own.page(f"/console/issuances/{batch.id}")
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert all(name in page.text for name in issuing.NAMES)  # whom the school answers for
    for candidate in await Candidate.all():
        number = services.keys.decrypt(bytes(candidate.id_sealed), about="candidate.id_number")
        assert number not in page.text
    assert "出示签发二维码" in page.text and "撤回" not in page.text
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    for path in (f"/console/issuances/{batch.id}", f"/console/issuances/{batch.id}/qr"):
        assert (await stranger.page(path)).status == 404


async def test_a_stream_keeps_alive_tells_and_ends_with_the_session(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.ISSUER)
    made = await Staff.get(username="user-issuer")

    async def out() -> None:
        await logins.log_out_everywhere(services.clock, made.id, actor=SYSTEM)

    opened, late = {"event": "opened", "officer": "王签发"}, {"event": "confirmed", "officer": "王签发"}
    exchange(services, event_bus=ScriptedEventBus(None, opened, out, late))
    stream = (await who("GET", f"/issuances/{batch.id}/events")).text
    names = [line.removeprefix("event: ") for line in stream.splitlines() if line.startswith("event: ")]
    assert names == ["snapshot", "opened", "snapshot"]
    assert ": 还在\n\n" in stream


def test_audit_entries_in_words() -> None:
    was = {"state": "prepared", "revision": 1, "role": "issuer"}
    became = {"state": "site_pending", "revision": 1, "list_sha256": "ab" * 32, "is_active": True}
    assert audit_words.changes(was, became) == [
        ("状态", "待签发", "考核站点待签发"),
        ("角色", "签发", None),
        ("名单摘要", None, "abababab"),
        ("启用", None, "是"),
    ]
