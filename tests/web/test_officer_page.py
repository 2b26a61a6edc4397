"""/h5/officer: from an invitation to an officer, and what waits for the school."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import sessions, web_login
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.models import Issuance, Officer
from server.web.h5.officer import invitation_url
from tests.kit import make
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]
WHO = WeChatIdentity("oa", "o-officer-00000000000000000")
MOBILE = "19912340987"
PIN = {"pin": "739105", "pin_again": "739105", "phone_last4": "0987"}


@pytest.fixture
def door(app: App) -> App:
    return app


class Phone:
    """A browser that is logged in as `who` and keeps its cookies."""

    def __init__(self, app: App, services: Services, who: WeChatIdentity = WHO) -> None:
        self.app = app
        self.jar = {"xcert_h5": web_login.session_for(services, who)}

    def _headers(self) -> dict[str, str]:
        return {
            "accept": "text/html",
            "host": "127.0.0.1:8000",
            "cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items()),
        }

    def _keep(self, response: Any) -> Any:
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.jar.pop(name, None)
                else:
                    self.jar[name] = morsel.value
        return response

    async def get(self, path: str) -> Any:
        _, response = await self.app.asgi_client.get(path, headers=self._headers(), follow_redirects=False)
        return self._keep(response)

    async def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> Any:
        _, response = await self.app.asgi_client.post(
            path,
            data=data or {},
            headers={**self._headers(), "origin": "http://127.0.0.1:8000", **headers},
            follow_redirects=False,
        )
        return self._keep(response)


@pytest.fixture
def phone(door: App, services: Services) -> Phone:
    return Phone(door, services)


async def invited(services: Services) -> officers.Invitation:
    school = await make.school("北京第一职业技术学院")
    return await officers.invite(
        services.clock, services.keys, school.id, "王签发", MOBILE, actor=make.school_account(school)
    )


async def test_the_token_leaves_the_address_at_once(phone: Phone, services: Services) -> None:
    invitation = await invited(services)
    response = await phone.get(invitation_url("", invitation.token))
    assert (response.status, response.headers["location"]) == (303, "/h5/officer")
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "httponly" in response.headers["set-cookie"].lower()
    assert sessions.open(services, "invite", phone.jar["xcert_invitation"]).subject == invitation.token
    shown = await phone.get("/h5/officer")
    assert "王签发" in shown.text and "北京第一职业技术学院" in shown.text
    assert invitation.token not in shown.text


@pytest.mark.rule("S87")
async def test_an_invited_person_becomes_an_officer(phone: Phone, services: Services) -> None:
    invitation = await invited(services)
    await phone.get(f"/h5/officer?invitation={invitation.token}")
    response = await phone.post("/h5/officer", PIN)
    assert (response.status, response.headers["location"]) == (303, "/h5/officer")
    officer = await Officer.get(id=invitation.officer_id)
    assert (officer.state, officer.oa_openid) == ("active", WHO.openid)
    await officers.check_pin(services, officer, "739105")
    home = await phone.get("/h5/officer")
    assert "您已成为签发负责人" in home.text
    assert "您已成为签发负责人" not in (await phone.get("/h5/officer")).text  # said once
    assert "没有等待签发的批次" in home.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"pin": "739105", "pin_again": "739106"}, "两次输入的签发密码不一样"),
        ({"pin": "7391", "pin_again": "7391"}, "签发密码是6位数字"),
        ({"pin": "123456", "pin_again": "123456"}, "签发密码"),
        ({}, "签发密码是6位数字"),
    ],
)
async def test_a_pin_that_will_not_do(
    phone: Phone, services: Services, form: dict[str, str], said: str
) -> None:
    invitation = await invited(services)
    await phone.get(f"/h5/officer?invitation={invitation.token}")
    response = await phone.post("/h5/officer", form)
    assert response.status == 422
    assert said in response.text
    assert "739105" not in response.text
    assert (await Officer.get(id=invitation.officer_id)).state == "invited"


async def test_dead_invitations_say_why(phone: Phone, services: Services) -> None:
    await phone.get("/h5/officer?invitation=invented")
    response = await phone.get("/h5/officer")
    assert response.status == 409
    assert "邀请链接无效" in response.text
    invitation = await invited(services)
    assert isinstance(services.clock, FakeClock)
    await phone.get(f"/h5/officer?invitation={invitation.token}")
    await Officer.filter(id=invitation.officer_id).update(
        invitation_expires_at=services.clock.now() - timedelta(seconds=1)
    )
    response = await phone.get("/h5/officer")
    assert "邀请已过期" in response.text
    assert (await phone.get("/h5/officer")).status == 200  # the dead invitation was forgotten


async def test_nobody_is_sent_to_log_in_and_keeps_the_invitation(phone: Phone, services: Services) -> None:
    invitation = await invited(services)
    phone.jar.clear()
    await phone.get(f"/h5/officer?invitation={invitation.token}")
    response = await phone.get("/h5/officer")
    assert response.status == 303
    assert "/connect/oauth2/authorize" in response.headers["location"]
    assert invitation.token not in response.headers["location"]
    assert "xcert_invitation" in phone.jar


async def test_somebody_else_and_the_suspended_are_told(phone: Phone, door: App, services: Services) -> None:
    assert "您还不是院校签发负责人" in (await phone.get("/h5/officer")).text
    await make.officer(openid=WHO.openid, state="suspended")
    assert "您的签发权限已停用" in (await phone.get("/h5/officer")).text


async def test_only_the_own_schools_batches_are_shown(phone: Phone, services: Services) -> None:
    mine, other = await make.school("甲学院"), await make.school("乙学院")
    await make.officer(mine, openid=WHO.openid)
    yesterday = services.clock.now() - timedelta(days=1)
    plan = await make.plan("第四批全国统考", release_at=yesterday)
    for school, state, count in (
        (mine, "site_pending", 31),
        (mine, "prepared", 32),
        (other, "site_pending", 33),
    ):
        site = await make.site(school)
        on = plan if state == "site_pending" else await make.plan(release_at=yesterday)
        await Issuance.create(
            plan=on,
            site=site,
            state=state,
            count=count,
            list_sha256=b"\xab" * 32,
            org_signed_at=services.clock.now(),
        )
    text = (await phone.get("/h5/officer")).text
    assert "待本校签发（1）" in text
    assert "31 人" in text and "abababab" in text
    assert "32 人" not in text and "33 人" not in text


async def test_a_pairing_code_for_the_mini_program(phone: Phone, services: Services) -> None:
    refused = await phone.post("/h5/officer/pairing")
    assert refused.status == 403
    await make.officer(openid=WHO.openid)
    response = await phone.post("/h5/officer/pairing")
    assert response.status == 200
    assert "配对码（10 分钟内有效" in response.text


async def test_forms_of_other_sites_are_refused(phone: Phone, services: Services) -> None:
    invitation = await invited(services)
    await phone.get(f"/h5/officer?invitation={invitation.token}")
    for path in ("/h5/officer", "/h5/officer/pairing"):
        response = await phone.post(path, PIN, origin="https://evil.example")
        assert response.status == 403
    assert (await Officer.get(id=invitation.officer_id)).state == "invited"
