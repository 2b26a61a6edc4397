"""微信扫码登录: bound at the desk, scanned and confirmed on the phone, let in where the code was shown and only there."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

import pyotp
import pytest
from sanic import Sanic

from server.domain.actor import Caller
from server.domain.auth import login_limits, logins, scan_login, second_factor
from server.domain.auth.scan_login import ScanOffer
from server.domain.people import staff
from server.domain.ports import Push, Services, WeChatIdentity
from server.domain.roles import Role
from server.domain.wechat_chat import authorisations
from server.errors import Conflict, Forbidden, Gone, Invalid, Refused, TooMany, Unverified
from server.models import AuditEntry, ConsoleSession, LoginWeChat, Staff
from tests.kit.console_desk import PASSWORD, Browser, account, code, seated
from tests.kit.fakes import FakeClock
from tests.kit.h5 import ME, get

App = Sanic[Any, Any]
DESK = login_limits.From("113.200.1.7", "r1", agent="Windows 上的 Chrome")
OTHER = WeChatIdentity("oa", "openid-of-another")


async def refusal(work: Any, kind: type[Refused] = Gone) -> str:
    with pytest.raises(kind) as caught:
        await work
    return caught.value.code


async def bound(s: Services, role: Role = Role.OPERATOR, who: WeChatIdentity = ME) -> Staff:
    made = await Staff.get_or_none(username=f"user-{role.value}") or await account(role)
    offer = await scan_login.offer_binding(s, made.id, PASSWORD, DESK, actor=staff.actor_of(made))
    await yes(s, offer, who)
    return made


async def yes(s: Services, offer: ScanOffer, who: WeChatIdentity = ME, number: str = "") -> None:
    await scan_login.confirm(
        s, offer.ticket, number or offer.number, who=who, caller=Caller("10.1.1.1", "r2")
    )


async def enter(s: Services, offer: ScanOffer, browser: str = "", otp: str = "") -> logins.Session:
    return (await logins.log_in_by_scan(s, offer.ticket, browser or offer.browser, otp, DESK))[1]


async def test_a_scan_lets_the_browser_in_that_showed_the_code(services: Services, clock: FakeClock) -> None:
    made = await bound(services)
    offer = await scan_login.offer(services, DESK)
    assert len(offer.number) == 2 and offer.number.isdigit()
    states = [await scan_login.state(services, offer.ticket, offer.browser)]
    asked = await scan_login.look(services, offer.ticket, who=ME)
    assert (asked.is_binding, asked.username, asked.address, asked.device, asked.at) == (
        False,
        made.username,
        "113.200.1.7",
        "Windows 上的 Chrome",
        clock.now(),
    )
    states.append(await scan_login.state(services, offer.ticket, offer.browser))
    assert await refusal(enter(services, offer)) == "scan_login_over"  # not confirmed yet
    await yes(services, offer)
    states.append(await scan_login.state(services, offer.ticket, offer.browser))
    assert await scan_login.state(services, offer.ticket, "another browser") == "over"
    assert await refusal(enter(services, offer, browser="another browser")) == "scan_login_over"
    session = await enter(services, offer)
    states.append(await scan_login.state(services, offer.ticket, offer.browser))
    assert (session.staff.id, states) == (made.id, ["waiting", "seen", "confirmed", "over"])
    assert await refusal(enter(services, offer)) == "scan_login_over"
    [row] = await ConsoleSession.all()
    assert row.way == "wechat"
    assert (await AuditEntry.get(action="session.begin")).became == {"proofs": ["微信扫码"]}


async def test_many_claims_of_one_code_let_one_in(services: Services) -> None:
    await bound(services)
    offer = await scan_login.offer(services, DESK)
    await yes(services, offer)
    got = await asyncio.gather(*(enter(services, offer) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, logins.Session) for one in got) == 1


async def test_a_scan_stands_for_the_password_alone(services: Services, clock: FakeClock) -> None:
    made = await bound(services)
    who = staff.actor_of(made)
    secret, _ = await second_factor.enrol(services, made.id, PASSWORD, actor=who)
    totp = pyotp.TOTP(secret)
    await second_factor.confirm_enrolment(services, made.id, totp.at(clock.now()), actor=who)
    clock.forward(seconds=30)
    offer = await scan_login.offer(services, DESK)
    await yes(services, offer)
    assert await refusal(enter(services, offer), Unverified) == "otp_required"
    for _ in range(4):
        assert await refusal(enter(services, offer, otp="000000"), Unverified) == "otp_wrong"
    await enter(services, offer, otp=totp.at(clock.now()))
    assert (await ConsoleSession.get()).way == "wechat otp"
    again = await scan_login.offer(services, DESK)
    await yes(services, again)
    assert await refusal(enter(services, again, otp="000000"), TooMany) == "login_too_often"


async def test_a_wrong_number_and_a_no_end_the_code(services: Services) -> None:
    made = await bound(services)
    offer = await scan_login.offer(services, DESK)
    wrong = "10" if offer.number != "10" else "11"
    assert await refusal(yes(services, offer, number=wrong), Unverified) == "scan_number_wrong"
    other = await scan_login.offer(services, DESK)
    await scan_login.refuse(services, other.ticket, who=ME, caller=Caller("10.1.1.1"))
    for one in (offer, other):
        assert await scan_login.state(services, one.ticket, one.browser) == "refused"
        assert await refusal(yes(services, one)) == "scan_login_over"
        assert await refusal(scan_login.look(services, one.ticket, who=ME)) == "scan_login_over"
        assert await refusal(enter(services, one)) == "scan_login_over"
    trail = await AuditEntry.filter(action="session.refused", subject_id=str(made.id))
    assert {"code": "scan_number_wrong"} in [one.became for one in trail]
    assert await ConsoleSession.all().count() == 0


async def test_a_code_is_over_after_three_minutes(services: Services, clock: FakeClock) -> None:
    await bound(services)
    offer = await scan_login.offer(services, DESK)
    clock.forward(seconds=scan_login.SECONDS + 1)
    assert await scan_login.state(services, offer.ticket, offer.browser) == "over"
    assert await refusal(yes(services, offer)) == "scan_login_over"


async def test_a_wechat_that_is_nobodys_lets_nobody_in(services: Services) -> None:
    made = await bound(services)
    offer = await scan_login.offer(services, DESK)
    for work in (
        scan_login.look(services, offer.ticket, who=OTHER),
        yes(services, offer, OTHER),
        scan_login.refuse(services, offer.ticket, who=OTHER, caller=Caller("10.1.1.1")),
    ):
        assert await refusal(work, Forbidden) == "wechat_not_bound"
    assert await scan_login.state(services, offer.ticket, offer.browser) == "waiting"  # the owner still may
    await yes(services, offer)
    await Staff.filter(id=made.id).update(is_active=False)
    assert await refusal(enter(services, offer)) == "scan_login_over"
    closed = await scan_login.offer(services, DESK)
    assert await refusal(yes(services, closed), Forbidden) == "wechat_not_bound"


async def test_one_wechat_for_one_account(services: Services) -> None:
    first = await bound(services)
    second = await account(Role.ADMIN)
    offer = await scan_login.offer_binding(services, second.id, PASSWORD, DESK, actor=staff.actor_of(second))
    assert await refusal(yes(services, offer, ME), Conflict) == "wechat_taken"
    await yes(services, offer, OTHER)  # the refusal cost nothing
    assert await refusal(enter(services, offer)) == "scan_login_over"  # a binding lets nobody in
    await bound(services, Role.OPERATOR, WeChatIdentity("oa", "openid-new"))
    kept = {one.staff_id: one.openid for one in await LoginWeChat.all()}
    assert kept == {first.id: "openid-new", second.id: OTHER.openid}


async def test_bindings_end(services: Services) -> None:
    made = await bound(services)
    who = staff.actor_of(made)
    offer = await scan_login.offer(services, DESK)
    await yes(services, offer)
    assert await refusal(scan_login.unbind(services, made.id, "x", actor=who), Invalid) == "invalid"
    await scan_login.unbind(services, made.id, PASSWORD, actor=who)
    assert await refusal(enter(services, offer)) == "scan_login_over"  # confirmed before, and yet
    assert await refusal(scan_login.unbind(services, made.id, PASSWORD, actor=who), Refused) == (
        "wechat_not_there"
    )
    await bound(services)
    await staff.drop_second_factors(made.id)
    assert await scan_login.bound_at(made.id) is None
    await bound(services)
    fields = {"OpenID": ME.openid}
    push = Push(
        account="oa",
        kind="user_authorization_revoke",
        is_event=True,
        openid="from-wechat",
        to="gh_1",
        created=int(services.clock.unix()),
        key="k",
        fields=fields,
    )
    await authorisations.taken_in(services, push)
    assert await scan_login.bound_at(made.id) is None
    actions = [one.action for one in await AuditEntry.filter(action__contains="wechat").order_by("id")]
    assert actions == ["staff.bind_wechat", "staff.unbind_wechat", "staff.bind_wechat", "staff.bind_wechat"]


async def test_a_yes_is_void_after_another_wechat_was_bound_or_all_log_ins_ended(services: Services) -> None:
    """Whoever had their WeChat on the account keeps no way in: not with what they confirmed a minute before."""
    made = await bound(services, who=OTHER)
    offer = await scan_login.offer(services, DESK)
    await yes(services, offer, OTHER)
    await bound(services)
    assert await refusal(enter(services, offer)) == "scan_login_over"
    again = await scan_login.offer(services, DESK)
    await yes(services, again)
    await logins.log_out_everywhere(services.clock, made.id, actor=staff.actor_of(made))
    assert await refusal(enter(services, again)) == "scan_login_over"
    assert await ConsoleSession.all().count() == 0


async def test_a_binding_is_over_with_the_log_in_that_asked_for_it(services: Services) -> None:
    """Put out of the account, nobody leaves their WeChat behind in it."""
    made = await account(Role.OPERATOR)
    who = staff.actor_of(made)
    offer = await scan_login.offer_binding(services, made.id, PASSWORD, DESK, actor=who)
    await logins.log_out_everywhere(services.clock, made.id, actor=who)
    assert await refusal(scan_login.look(services, offer.ticket, who=OTHER)) == "scan_login_over"
    assert await refusal(yes(services, offer, OTHER)) == "scan_login_over"
    assert await LoginWeChat.all().count() == 0


async def test_two_bindings_at_once_leave_one(services: Services) -> None:
    made = await account(Role.OPERATOR)
    who = staff.actor_of(made)
    offers = [await scan_login.offer_binding(services, made.id, PASSWORD, DESK, actor=who) for _ in range(4)]
    phones = [WeChatIdentity("oa", f"openid-{n}") for n in range(4)]
    await asyncio.gather(*(yes(services, one, phone) for one, phone in zip(offers, phones, strict=True)))
    assert (await LoginWeChat.get(staff_id=made.id)).openid in {phone.openid for phone in phones}


async def test_codes_for_one_address_are_bounded(services: Services) -> None:
    for _ in range(scan_login.OFFERED_MOST):
        await scan_login.offer(services, DESK)
    assert await refusal(scan_login.offer(services, DESK), TooMany) == "login_too_often"


async def test_from_desk_to_phone_and_back(
    app: App, services: Services, me: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything over HTTP: the code at the log-in page, the phone's page in WeChat, the cookie of the session."""
    made = await bound(services)
    monkeypatch.setattr(secrets, "randbelow", lambda _: 67)  # 77: no time, address or name has it
    desk = Browser(app)
    shown = await desk("POST", "/session/scan-code", {})
    assert "xcert_scan=" in shown.headers["set-cookie"] and "HttpOnly" in shown.headers["set-cookie"]
    cookie = shown.headers["set-cookie"].partition(";")[0]
    ticket, number = shown.json["ticket"], shown.json["number"]

    async def state(cookies: str) -> str:
        said = await desk("POST", "/session/scan-state", {"ticket": ticket}, headers={"cookie": cookies})
        return str(said.json["state"])

    assert (await state(cookie), await state("xcert_scan=x")) == ("waiting", "over")
    page = await get(app, f"/h5/desk/{ticket}", me)
    assert page.status == 200 and made.username in page.text and "127.0.0.1" in page.text
    # It is typed, not compared at a glance. Tickets and the names of files are random letters and digits.
    assert number == "77" and re.search(r"(?<![\w-])77(?![\w-])", page.text) is None
    own = {**me, "origin": "http://127.0.0.1:8000", "content-type": "application/x-www-form-urlencoded"}
    foreign = {**own, "origin": "http://evil.cn"}
    path, body = f"/h5/desk/{ticket}/confirm", f"number={number}"
    _, answer = await app.asgi_client.post(path, headers=foreign, content=body, follow_redirects=False)
    assert answer.status == 403
    _, answer = await app.asgi_client.post(path, headers=own, content=body, follow_redirects=False)
    assert (answer.status, answer.headers["location"]) == (303, "/h5/desk?done=yes")
    assert "已确认" in (await get(app, "/h5/desk?done=yes", me)).text
    assert await state(cookie) == "confirmed"
    strange = await desk("POST", "/session/scan", {"ticket": ticket}, headers={"cookie": "xcert_scan=x"})
    assert code(strange) == (410, "scan_login_over")
    came = await desk("POST", "/session/scan", {"ticket": ticket}, headers={"cookie": cookie})
    assert (came.status, came.json["staff"]["username"]) == (200, made.username)
    assert any(one.startswith("xcert_console=") for one in came.headers.get_list("set-cookie"))
    again = await get(app, f"/h5/desk/{ticket}", me)
    assert again.status == 410 and "二维码已过期或已用过" in again.text
    _, answer = await app.asgi_client.post(path, headers=own, content=body, follow_redirects=False)
    assert answer.status == 410


async def test_a_no_on_the_phone(app: App, services: Services, me: dict[str, str]) -> None:
    await bound(services)
    offer = await scan_login.offer(services, DESK)
    own = {**me, "origin": "http://127.0.0.1:8000"}
    _, answer = await app.asgi_client.post(
        f"/h5/desk/{offer.ticket}/refuse", headers=own, follow_redirects=False
    )
    assert (answer.status, answer.headers["location"]) == (303, "/h5/desk?done=no")
    assert "电脑上的二维码已作废" in (await get(app, "/h5/desk?done=no", me)).text
    assert await scan_login.state(services, offer.ticket, offer.browser) == "refused"
    _, answer = await app.asgi_client.post(
        f"/h5/desk/{offer.ticket}/refuse", headers=own, follow_redirects=False
    )
    assert answer.status == 410


async def test_binding_at_the_desk_needs_the_password(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    assert code(await who("POST", "/login-wechat/code", {"password": "x"})) == (422, "invalid")
    assert (await who("POST", "/login-wechat/code", {"password": PASSWORD})).json["expires_in"] == 180
    assert code(await who("POST", "/login-wechat/unbind", {"password": PASSWORD})) == (
        404,
        "wechat_not_there",
    )
