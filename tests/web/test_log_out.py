"""Ending a phone's session: in the pages, in the mini-program, with an unbinding; known to every process."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sanic import Sanic

from server.adapters import lookup_watch as watching
from server.adapters.lookup_watch import LookupWatch
from server.domain.auth import mini_login, sessions, web_login
from server.domain.people import binding_removal, ended_sessions
from server.domain.ports import Services, SessionMemory, WeChatIdentity
from server.errors import Unverified
from server.models import Binding, EndedPerson
from server.models.database import watch_line
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]
ME = WeChatIdentity("oa", "o" + "m" * 27, "u-1")
MINI = WeChatIdentity("mp", "m" + "m" * 27, "u-1")
PAGE = {"accept": "text/html", "origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}


def code_of(s: Services, kind: str, token: str) -> str:
    try:
        sessions.open(s, kind, token)
    except Unverified as refusal:
        return refusal.code
    return "open"


def bearer(s: Services) -> tuple[str, dict[str, str]]:
    token = sessions.mint(s, "mp", MINI.openid, mini_login.SESSION_SECONDS, unionid=MINI.unionid)
    return token, {"authorization": f"Bearer {token}"}


def test_a_token_does_not_show_whom_it_speaks_of(services: Services) -> None:
    for kind in ("h5", "mp", "invite"):
        token = sessions.mint(services, kind, ME.openid, 60, unionid=ME.unionid)
        payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
        assert ME.openid.encode() not in payload
        assert b"u-1" not in payload
        claims = sessions.open(services, kind, token)
        assert (claims.subject, claims.more["unionid"]) == (ME.openid, "u-1")


async def test_logging_out_of_the_pages_ends_every_session_of_the_person(
    app: App, services: Services
) -> None:
    here, elsewhere = (web_login.session_for(services, ME) for _ in range(2))
    other = web_login.session_for(services, WeChatIdentity("oa", "o" + "x" * 27))
    home = (await app.asgi_client.get("/h5/", headers={"accept": "text/html", "cookie": f"xcert_h5={here}"}))[
        1
    ]
    assert 'action="/h5/logout"' in home.text
    cookie = {"cookie": f"xcert_h5={here}"}
    _, response = await app.asgi_client.post("/h5/logout", headers=PAGE | cookie, follow_redirects=False)
    assert (response.status, response.headers["location"]) == (303, "/h5/logged-out")
    assert "已退出登录" in (await app.asgi_client.get("/h5/logged-out", headers=PAGE))[1].text
    assert 'xcert_h5=""' in response.headers["set-cookie"]
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert [code_of(services, "h5", token) for token in (here, elsewhere, other)] == [
        "session_ended",
        "session_ended",
        "open",
    ]
    _, again = await app.asgi_client.get("/h5/results", headers={"accept": "*/*"} | cookie)
    assert (again.status, again.json["code"]) == (401, "login_needed")
    # Whoever logs in again, were it in the same second, is in.
    assert code_of(services, "h5", web_login.session_for(services, ME)) == "open"
    _, twice = await app.asgi_client.post("/h5/logout", headers=PAGE | cookie)
    assert twice.status == 303


async def test_another_site_logs_nobody_out(app: App, services: Services) -> None:
    token = web_login.session_for(services, ME)
    headers = PAGE | {"cookie": f"xcert_h5={token}", "origin": "https://evil.example"}
    _, response = await app.asgi_client.post("/h5/logout", headers=headers)
    assert response.status == 403
    assert code_of(services, "h5", token) == "open"


async def test_logging_out_of_the_mini_program(app: App, services: Services) -> None:
    token, headers = bearer(services)
    page = web_login.session_for(services, ME)
    _, response = await app.asgi_client.delete("/mp/v1/session", headers=headers)
    assert response.status == 204
    assert code_of(services, "mp", token) == "session_ended"
    assert code_of(services, "h5", page) == "open"
    _, refused = await app.asgi_client.get("/mp/v1/results", headers=headers)
    assert (refused.status, refused.json["code"]) == (401, "session_ended")
    _, twice = await app.asgi_client.delete("/mp/v1/session", headers=headers)
    assert twice.status == 204
    _, nobody = await app.asgi_client.delete("/mp/v1/session")
    assert (nobody.status, nobody.json["code"]) == (401, "token_missing")


async def test_unbinding_ends_the_sessions_and_this_browser_goes_on(app: App, services: Services) -> None:
    candidate = await make.candidate(services)
    await Binding.create(account="oa", openid=ME.openid, candidate=candidate, bound_at=services.clock.now())
    here, elsewhere = (web_login.session_for(services, ME) for _ in range(2))
    _, response = await app.asgi_client.post(
        "/h5/unbind", headers=PAGE | {"cookie": f"xcert_h5={here}"}, follow_redirects=False
    )
    assert (response.status, response.headers["location"]) == (303, "/h5/bind")
    new = response.headers["set-cookie"].partition("xcert_h5=")[2].partition(";")[0].strip('"')
    assert [code_of(services, "h5", token) for token in (here, elsewhere, new)] == [
        "session_ended",
        "session_ended",
        "open",
    ]


async def test_an_unbinding_by_the_staff_ends_the_sessions_too(services: Services) -> None:
    candidate = await make.candidate(services)
    for one in (ME, MINI):
        await Binding.create(
            account=one.account, openid=one.openid, candidate=candidate, bound_at=services.clock.now()
        )
    page, mini = web_login.session_for(services, ME), bearer(services)[0]
    await binding_removal.release(services, candidate.id, "本人到校申请", actor=make.OPERATOR)
    assert (code_of(services, "h5", page), code_of(services, "mp", mini)) == (
        "session_ended",
        "session_ended",
    )


@pytest.fixture
async def watch(services: Services, db: str) -> AsyncIterator[LookupWatch]:
    found = LookupWatch(watch_line(db), listens=False)
    yield found
    await found.stop()


async def test_other_processes_take_it_in_with_the_changes_they_ask_for_anyway(
    services: Services, watch: LookupWatch
) -> None:
    token = web_login.session_for(services, ME)
    await watch.ask()
    assert watch.ended == {}
    await ended_sessions.end(services, ME)
    await watch.ask()
    assert watch.ended == services.session_memory.ended
    exchange(services, session_memory=SessionMemory(ended=watch.ended))  # as another process has it
    assert code_of(services, "h5", token) == "session_ended"


async def test_a_process_that_starts_later_knows_it_too(services: Services, watch: LookupWatch) -> None:
    await ended_sessions.end(services, ME)
    await watch.ask()
    assert watch.ended == services.session_memory.ended


async def test_the_sweep_forgets_what_no_session_is_older_than(services: Services) -> None:
    assert isinstance(services.clock, FakeClock)
    await ended_sessions.end(services, ME)
    await ended_sessions.end(services, ME)
    services.clock.forward(hours=12)
    await ended_sessions.sweep(services)
    assert await EndedPerson.all().count() == 1
    services.clock.forward(hours=2)
    await ended_sessions.sweep(services)
    assert await EndedPerson.all().count() == 0


def test_a_process_does_not_remember_ends_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_SCOPES", 3)
    found = LookupWatch(watch_line(""), listens=False)
    for serial in range(5):
        found._take_in(serial + 1, f"end:{serial:064x}:{1_800_000_000 + serial * 7 * 3600}")
    assert [int(index, 16) for index in found.ended] == [2, 3, 4]
