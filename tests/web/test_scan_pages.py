"""The officer's pages /s/{token}: what they show, what they refuse, and that they never show another school's list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import web_login
from server.domain.issuance import scan_tickets
from server.domain.ports import Services, WeChatIdentity
from server.models import Issuance, ScanTicket
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]


def browser(services: Services, who: WeChatIdentity) -> dict[str, str]:
    return {"cookie": f"{SESSION_COOKIE}={web_login.session_for(services, who)}", "accept": "text/html"}


async def get(app: App, path: str, headers: dict[str, str]) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers, follow_redirects=False)
    return response


async def post(app: App, path: str, headers: dict[str, str], **said: str) -> Any:
    headers = {"origin": "http://127.0.0.1:8000"} | headers
    _, response = await app.asgi_client.post(path, headers=headers, data=said, follow_redirects=False)
    return response


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).strip()


async def scanned(services: Services) -> tuple[issuing.Cohort, scan_tickets.ShownTicket, dict[str, str]]:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    return of, shown, browser(services, of.identity)


async def test_without_a_session_wechat_is_asked_first(app: App, services: Services) -> None:
    _, shown, _ = await scanned(services)
    response = await get(app, f"/s/{shown.token}", {"accept": "text/html"})
    assert response.status == 303
    assert response.headers["location"].startswith("https://open.weixin.qq.com/connect/oauth2/authorize")


@pytest.mark.rule("S87")
async def test_the_page_says_who_is_asked_to_sign_what(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    page = await get(app, f"/s/{shown.token}", me)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    batch = await Issuance.get(plan_id=of.plan.id)
    digest = bytes(batch.list_sha256 or b"").hex()[:8]
    text = words(page.text)
    for said in (
        "王签发，您好",
        of.plan.name,
        of.school.name,
        of.site.name,
        "初级",
        "4 份证书待签发",
        "第 1 版",
        f"{digest[:4]} {digest[4:]}",
        "2023年9月22日",
        "2026年11月23日 12:05",
        "签发员",
        "查看名单（4 人）",
        "崔子涵",
        "欧阳慧敏",
        "78.5",
        of.registrations[3].admission_number,
    ):
        assert said in text, said
    assert re.search(r"99\*{12}\d{3}[\dX]", text)
    assert re.findall(r'<li value="(\d)">.*?class="who">(.*?)<', page.text) == [  # rows as the desk has them
        (str(row), name) for row, name in enumerate(issuing.NAMES, 1)
    ]
    for registration in of.registrations:
        number = services.keys.decrypt((await registration.candidate).id_sealed, about="candidate.id_number")
        assert number not in page.text
    assert "<script>" not in page.text and " style=" not in page.text


async def test_looking_signs_nothing(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    await get(app, f"/s/{shown.token}", me)
    await get(app, f"/s/{shown.token}", me)
    assert (await Issuance.get(plan_id=of.plan.id)).state == "site_pending"
    assert (await ScanTicket.get(id=shown.id)).spent_at is None


@pytest.mark.rule("S86")
async def test_confirm_shows_the_receipt_and_again_on_reload(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    response = await post(app, f"/s/{shown.token}/confirm", me, pin=issuing.PIN)
    assert (response.status, response.headers["location"]) == (303, f"/s/{shown.token}")
    assert (await Issuance.get(plan_id=of.plan.id)).state == "school_signed"
    for _ in range(2):
        page = await get(app, f"/s/{shown.token}", me)
        assert page.status == 200
        text = words(page.text)
        assert "签发完成" in text and f"您已代表{of.school.name}签发 4 份证书" in text
        assert f"{shown.id:016x}" in text
    response = await post(app, f"/s/{shown.token}/confirm", me, pin=issuing.PIN)
    assert response.status == 303


async def test_return_needs_a_reason_and_keeps_it(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    page = await post(app, f"/s/{shown.token}/return", me, pin=issuing.PIN, reason="  ")
    assert page.status == 422
    assert "请写明退回的原因" in page.text and '<details class="card return" open>' in page.text
    page = await post(app, f"/s/{shown.token}/return", me, pin="000000", reason="第2位姓名有误")
    assert page.status == 401
    assert "签发密码不正确，还可以再试4次。" in page.text and ">第2位姓名有误</textarea>" in page.text
    response = await post(app, f"/s/{shown.token}/return", me, pin=issuing.PIN, reason="第2位姓名有误")
    assert response.status == 303
    batch = await Issuance.get(plan_id=of.plan.id)
    assert (batch.state, batch.return_reason) == ("returned", "第2位姓名有误")
    text = words((await get(app, f"/s/{shown.token}", me)).text)
    assert "已退回评价组织" in text and "第2位姓名有误" in text


async def test_a_wrong_pin_is_said_at_the_field(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    page = await post(app, f"/s/{shown.token}/confirm", me, pin="000000")
    assert page.status == 401
    assert 'aria-invalid="true"' in page.text and "还可以再试4次" in page.text
    assert (await Issuance.get(plan_id=of.plan.id)).state == "site_pending"


async def test_a_locked_pin_is_said_on_the_page(app: App, services: Services) -> None:
    _, shown, me = await scanned(services)
    for _ in range(5):
        page = await post(app, f"/s/{shown.token}/confirm", me, pin="000000")
    assert page.status == 429
    assert "已锁定；请15分钟后再试" in page.text


@pytest.mark.parametrize("who", ["stranger", "other_school", "suspended"])
async def test_nobody_else_learns_anything_of_the_list(app: App, services: Services, who: str) -> None:
    of, shown, _ = await scanned(services)
    identity = WeChatIdentity("oa", "oSomebody")
    expected = (403, "您还不是院校签发负责人")
    if who == "other_school":
        await issuing.officer(services, await make.school(), "oSomebody")
        expected = (403, "这个批次不属于您负责的院校")
    elif who == "suspended":
        second = await issuing.officer(services, of.school, "oSomebody")
        second.state = "suspended"
        await second.save(update_fields=["state"])
        expected = (403, "您的签发权限已停用")
    me = browser(services, identity)
    for page in (
        await get(app, f"/s/{shown.token}", me),
        await post(app, f"/s/{shown.token}/confirm", me, pin=issuing.PIN),
        await post(app, f"/s/{shown.token}/return", me, pin=issuing.PIN, reason="看看"),
    ):
        assert page.status == expected[0]
        assert expected[1] in page.text and "本次没有签发任何证书" in page.text
        assert of.school.name not in page.text and of.plan.name not in page.text
        assert not re.search(r"崔|99\*{12}", page.text)
    assert (await Issuance.get(plan_id=of.plan.id)).state == "site_pending"


async def test_dead_codes_are_pages_with_one_sentence(app: App, services: Services, clock: FakeClock) -> None:
    of, shown, me = await scanned(services)
    page = await get(app, f"/s/{'A' * 32}", me)
    assert (page.status, "这不是本系统出示的签发二维码" in page.text) == (401, True)
    page = await get(app, f"/s/{shown.token[:-1]}", me)
    assert (page.status, "二维码内容不完整" in page.text) == (401, True)
    batch = await Issuance.get(plan_id=of.plan.id)
    await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)
    page = await get(app, f"/s/{shown.token}", me)
    assert (page.status, "屏幕上已换成新的二维码" in page.text) == (410, True)
    clock.forward(seconds=301)
    page = await get(app, f"/s/{shown.token}", me)
    assert (page.status, "二维码已过期" in page.text) == (410, True)


async def test_programs_get_problems(app: App, services: Services) -> None:
    _, shown, me = await scanned(services)
    response = await get(app, f"/s/{'A' * 32}", {**me, "accept": "application/json"})
    assert (response.status, response.json["code"]) == (401, "scan_forged")
    response = await post(app, f"/s/{shown.token}/confirm", {**me, "accept": "application/json"}, pin="1")
    assert (response.status, response.json["code"]) == (401, "pin_wrong")


async def test_another_sites_form_is_refused(app: App, services: Services) -> None:
    of, shown, me = await scanned(services)
    foreign = {**me, "origin": "https://evil.example", "accept": "application/json"}
    for path, said in (("confirm", {}), ("return", {"reason": "x"})):
        response = await post(app, f"/s/{shown.token}/{path}", foreign, pin=issuing.PIN, **said)
        assert (response.status, response.json["code"]) == (403, "foreign_form")
    assert (await Issuance.get(plan_id=of.plan.id)).state == "site_pending"
