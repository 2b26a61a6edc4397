"""Who may knock at the console: sessions, forged requests, roles, other schools, API tokens."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.auth import api_tokens, login_limits, logins
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Staff
from server.web import console
from server.web.routes import Route
from tests.kit.console_desk import LEAST_BODIES, NO_BODY, PASSWORD, Browser, account, code, seated
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]
NEW = "秋天的银杏叶落满山坡"
GUARDED = [route for route in console.ROUTES if not route.is_open]


def address(route: Route) -> str:
    return re.sub(r"<\w+:str>", "26SPS100000001X", re.sub(r"<\w+:int>", "1", route.path))


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


async def test_log_in_work_and_log_out(app: App, services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", name="李华", actor=SYSTEM
    )
    who = Browser(app)
    came = await who("POST", "/session", {"username": "li.hua", "password": password})
    assert came.status == 200
    cookie = came.headers["set-cookie"]
    assert re.match(r"xcert_console=[^;]+; Path=/console; Max-Age=36000; SameSite=Strict; HttpOnly", cookie)
    said = came.json["staff"]
    assert (said["role_label"], said["must_change_password"]) == ("考务", True)
    assert "import" in said["may"] and "sign" not in said["may"]
    who.cookie, who.csrf = cookie[14:].partition(";")[0], came.json["csrf"]
    assert code(await who("GET", "/plans")) == (403, "password_must_change")
    changed = await who("PUT", "/session/password", {"old_password": password, "new_password": NEW})
    assert changed.status == 200
    assert code(await who("GET", "/session")) == (401, "session_ended")
    who.cookie, who.csrf = changed.headers["set-cookie"][14:].partition(";")[0], changed.json["csrf"]
    assert (await who("GET", "/plans")).json == {"items": [], "next_cursor": None, "before": None}
    gone = await who("DELETE", "/session")
    assert (gone.status, "Max-Age=0" in gone.headers["set-cookie"]) == (204, True)
    assert code(await who("GET", "/session")) == (401, "session_ended")


async def test_secure_cookie_on_https(app: App, services: Services) -> None:
    exchange(services, settings=replace(services.settings, public_url="https://cert.example.cn"))
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", actor=SYSTEM
    )
    came = await Browser(app)("POST", "/session", {"username": "li.hua", "password": password})
    cookie = came.headers["set-cookie"]
    assert cookie.startswith("__Secure-xcert_console=") and "; Secure" in cookie
    name, _, rest = cookie.partition("=")
    headers = {"cookie": f"{name}={rest.partition(';')[0]}"}
    assert code(await Browser(app, extra=headers)("GET", "/plans")) == (403, "password_must_change")
    headers = {"cookie": f"xcert_console={rest.partition(';')[0]}"}
    assert code(await Browser(app, extra=headers)("GET", "/plans")) == (401, "login_needed")


async def test_wrong_password_and_too_many(app: App, services: Services, clock: FakeClock) -> None:
    await staff.create(services.clock, services.password_hasher, "li.hua", "operator", actor=SYSTEM)
    who = Browser(app)
    wrong = [
        await who("POST", "/session", {"username": user, "password": "x"}) for user in ("li.hua", "nobody")
    ]
    bodies = [{k: v for k, v in one.json.items() if k != "request_id"} for one in wrong]
    assert bodies[0] == bodies[1] and wrong[0].status == 401
    for _ in range(4):
        await who("POST", "/session", {"username": "li.hua", "password": "x"})
    stopped = await who("POST", "/session", {"username": "li.hua", "password": "x"})
    assert code(stopped) == (429, "login_too_often")
    assert stopped.headers["retry-after"] == "900"


async def test_a_cookie_from_before_is_not_taken_over(app: App, services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", actor=SYSTEM
    )
    planted = await seated(app, services, Role.OPERATOR)
    who = Browser(app, planted.cookie)
    came = await who("POST", "/session", {"username": "li.hua", "password": password})
    fresh = came.headers["set-cookie"][14:].partition(";")[0]
    assert fresh != planted.cookie
    assert (await logins.open_session(services, fresh)).id != (
        await logins.open_session(services, planted.cookie)
    ).id


async def test_nobody_gets_in_without_logging_in(app: App) -> None:
    got = {name(route): code(await Browser(app)(route.method, address(route))) for route in GUARDED}
    assert got == {name(route): (401, "login_needed") for route in GUARDED}


async def test_a_change_needs_the_pages_secret(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    changes = [route for route in GUARDED if route.method != "GET"]
    for csrf in ("", "wrong", who.csrf[:-1]):
        who.csrf = csrf
        got = {name(route): code(await who(route.method, address(route))) for route in changes}
        assert got == {name(route): (403, "csrf") for route in changes}


async def test_another_sites_request_is_refused(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    headers = {"sec-fetch-site": "cross-site"}
    assert code(await who("DELETE", "/session", headers=headers)) == (403, "cross_site")
    body = {"username": "a", "password": "b"}
    assert code(await Browser(app)("POST", "/session", body, headers=headers)) == (403, "cross_site")


async def test_a_refused_access_leaves_a_trace(app: App, services: Services) -> None:
    who = await seated(app, services, Role.AUDITOR)
    for _ in range(4):
        assert code(await who("POST", "/staff", {})) == (403, "role_not_allowed")
    [entry] = await AuditEntry.filter(action="access.refused")
    me = await Staff.get(username="user-auditor")
    assert (entry.actor_id, entry.subject_kind, entry.subject_id) == (me.id, "route", "role_not_allowed")
    assert entry.became is not None and str(entry.became["route"]).endswith("staff") and entry.address


async def test_a_role_that_must_have_a_second_factor_does_nothing_before(
    app: App, services: Services, clock: FakeClock
) -> None:
    exchange(services, settings=replace(services.settings, second_factor="required"))
    who = await seated(app, services, Role.ISSUER)
    assert code(await who("GET", "/plans")) == (403, "second_factor_due")
    page = await who.page("/console/issuances")
    assert (page.status, page.headers["location"]) == (303, "/console/second-factor")
    assert (await who.page("/console/second-factor")).status == 200
    offer = (await who("POST", "/session/second-factor", {"password": PASSWORD})).json
    now = pyotp.TOTP(offer["secret"]).at(clock.now())
    assert (await who("PUT", "/session/second-factor", {"code": now})).status == 200
    assert (await who("GET", "/plans")).status == 200
    auditor = await seated(app, services, Role.AUDITOR)
    assert (await auditor("GET", "/plans")).status == 200


async def test_a_log_in_leaves_the_device_known(app: App, services: Services) -> None:
    made = await account(Role.OPERATOR)
    came = await Browser(app)("POST", "/session", {"username": made.username, "password": PASSWORD})
    [kept] = [one for one in came.headers.get_list("set-cookie") if one.startswith("xcert_device=")]
    assert "HttpOnly" in kept and "SameSite=Strict" in kept and "Path=/console" in kept
    token = kept.removeprefix("xcert_device=").partition(";")[0]
    assert login_limits.device_of(services, made.id, token) != ""


async def test_what_is_not_there_is_not_found(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    for route in (r for r in GUARDED if r.verb is not None and "<" in r.path):
        for beyond in ("987654", "0", "-1", str(2**63), "9" * 400):
            path = re.sub(r"<\w+:str>", "26SPS100000001X", re.sub(r"<\w+:int>", beyond, route.path))
            answer = await who(route.method, path, LEAST_BODIES.get(route.path))
            assert answer.status != 422, f"{route.path}: {NO_BODY}"
            assert answer.status == 404, (path, answer.text)


async def test_a_closed_account_is_out_at_once(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    made = await Staff.get(username="user-operator")
    await staff.set_active(services.clock, made.id, False, actor=SYSTEM)
    assert code(await who("GET", "/plans")) == (401, "session_ended")


async def test_log_out_everywhere(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    other = logins.begin(services, await Staff.get(username="user-operator"))[0]
    assert (await who("DELETE", "/sessions")).status == 204
    assert code(await Browser(app, other)("GET", "/session")) == (401, "session_ended")


async def test_a_session_ends_after_its_day(app: App, services: Services, clock: FakeClock) -> None:
    who = await seated(app, services, Role.OPERATOR)
    clock.forward(seconds=logins.SESSION_SECONDS)
    assert code(await who("GET", "/session")) == (401, "session_expired")


async def test_second_factor_through_the_api(app: App, services: Services, clock: FakeClock) -> None:
    who = await seated(app, services, Role.ADMIN)
    assert code(await who("POST", "/session/second-factor", {"password": "x"})) == (422, "invalid")
    offer = (await who("POST", "/session/second-factor", {"password": PASSWORD})).json
    assert offer["png"].startswith("data:image/png;base64,")
    code_now = pyotp.TOTP(offer["secret"]).at(clock.now())
    wrong = await who("PUT", "/session/second-factor", {"code": "abcdef"})
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/code")
    enrolled = await who("PUT", "/session/second-factor", {"code": code_now})
    assert (enrolled.status, len(set(enrolled.json["recovery_codes"]))) == (200, 10)
    assert (await who("GET", "/session")).json["staff"]["has_second_factor"] is True


async def test_api_token_works_without_cookie_and_secret(
    app: App, services: Services, clock: FakeClock
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    made = await who(
        "POST",
        "/tokens",
        {"label": "夜间导入", "days": 30, "scopes": ["read", "import"], "password": PASSWORD},
    )
    assert made.status == 201
    assert "token" not in (await who("GET", "/tokens")).json["items"][0]
    machine = Browser(app, extra={"authorization": f"Bearer {made.json['token']}"})
    assert (await machine("GET", "/plans")).status == 200
    assert (await machine("POST", "/plans/1/release", {})).status == 404
    assert code(await machine("GET", "/audit")) == (403, "role_not_allowed")
    for method, path, body in (
        ("DELETE", "/session", None),
        ("POST", "/tokens", {"label": "再一个", "days": 1, "password": PASSWORD}),
        ("POST", "/session/second-factor", {"password": PASSWORD}),
        ("PUT", "/session/password", {"old_password": "x", "new_password": NEW}),
        ("GET", "/sessions", None),
        ("DELETE", f"/sessions/{'0' * 32}", None),
        ("POST", "/session/second-factor/recovery-codes", {"password": PASSWORD}),
        ("POST", "/session/second-factor/drop", {"password": PASSWORD}),
        ("POST", "/passkeys/offer", {"password": PASSWORD}),
        ("POST", "/passkeys", {"ticket": "x", "credential": "{}", "label": "x"}),
        ("POST", "/passkeys/1/remove", {"password": PASSWORD}),
        ("POST", "/login-wechat/code", {"password": PASSWORD}),
        ("POST", "/login-wechat/unbind", {"password": PASSWORD}),
    ):
        assert code(await machine(method, path, body)) == (403, "session_only"), path
    assert (await who("DELETE", f"/tokens/{made.json['id']}")).status == 204
    assert code(await machine("GET", "/plans")) == (401, "token_invalid")


async def test_no_machine_approves_a_change_of_an_account(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    wanted = {"label": "x", "scopes": ["read", "manage"], "password": PASSWORD}
    made = await who("POST", "/tokens", wanted)
    machine = Browser(app, extra={"authorization": f"Bearer {made.json['token']}"})
    assert code(await machine("POST", "/staff-changes/1/approve")) == (403, "session_only")
    assert code(await who("POST", "/staff-changes/1/approve")) == (404, "change_unknown")


@pytest.mark.parametrize("given", ["Bearer", "Bearer x", "Basic eDp5", "Bearer xct_" + "A" * 43])
async def test_a_poor_token_is_refused_even_beside_a_good_cookie(
    app: App, services: Services, given: str
) -> None:
    who = await seated(app, services, Role.ADMIN)
    who.extra["authorization"] = given
    assert code(await who("GET", "/plans")) == (401, "token_invalid")


async def test_an_expired_token(app: App, services: Services, clock: FakeClock) -> None:
    owner = await account(Role.OPERATOR)
    made = await api_tokens.create(
        services, owner.id, "短", 1, proof=api_tokens.Proof(password=PASSWORD), actor=SYSTEM
    )
    clock.forward(seconds=timedelta(days=1).total_seconds())
    machine = Browser(app, extra={"authorization": f"Bearer {made.token}"})
    assert code(await machine("GET", "/plans")) == (401, "token_invalid")


def test_only_logging_in_is_open() -> None:
    assert [(r.method, r.path) for r in console.ROUTES if r.is_open] == [
        ("POST", "/session"),
        ("POST", "/session/picture"),
        ("POST", "/session/passkey-offer"),
        ("POST", "/session/passkey"),
        ("POST", "/session/scan-code"),
        ("POST", "/session/scan-state"),
        ("POST", "/session/scan"),
    ]


async def test_an_idempotency_key_hides_no_guess_at_a_password(app: App, services: Services) -> None:
    """The refusal rolls the key's transaction back, and used to take the entry of the trail with it."""
    who = await seated(app, services, Role.OPERATOR)
    for turn in range(2):
        guess = {"label": "x", "days": 1, "scopes": ["read"], "password": "guess"}
        refused = await who("POST", "/tokens", guess, headers={"idempotency-key": f"g{turn}"})
        assert (refused.status, refused.json["errors"][0]["code"]) == (422, "password_wrong")
    assert await AuditEntry.filter(action="staff.password_refused").count() == 1  # the first, then the fifth
