"""What an officer signed, with its receipts; the signing PIN changed; how the list's code is made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sanic import Sanic

from server.adapters.keys import KeyFolder
from server.domain.auth import web_login
from server.domain.issuance import receipts, scan_tickets
from server.domain.people import officers, pins
from server.domain.ports import Services
from server.models import AuditEntry, Officer, Receipt
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing, make

App = Sanic[Any, Any]
NEW = "264913"


async def get(app: App, of: issuing.Cohort, s: Services, path: str, **more: str) -> Any:
    headers = {
        "cookie": f"{SESSION_COOKIE}={web_login.session_for(s, of.identity)}",
        "accept": "text/html",
    } | more
    return (await app.asgi_client.get(path, headers=headers, follow_redirects=False))[1]


async def change(app: App, of: issuing.Cohort, s: Services, *typed: str) -> Any:
    headers = {
        "cookie": f"{SESSION_COOKIE}={web_login.session_for(s, of.identity)}",
        "accept": "text/html",
        "origin": "http://127.0.0.1:8000",
    }
    data = dict(zip(("pin", "new_pin", "new_pin_again"), typed, strict=True))
    return (
        await app.asgi_client.post("/h5/officer/pin", headers=headers, data=data, follow_redirects=False)
    )[1]


@pytest.mark.rule("S86")
async def test_an_officer_sees_and_keeps_what_they_signed(
    app: App, services: Services, key_folder: KeyFolder
) -> None:
    of = await issuing.cohort(services)
    assert "还没有签发过" in (await get(app, of, services, "/h5/officer")).text
    await issuing.school_signed(services, of)
    receipt = await Receipt.get()
    page = await get(app, of, services, "/h5/officer")
    assert f'href="/h5/officer/signed/{receipt.id}"' in page.text and "签发 4 份" in page.text
    assert of.plan.name in (await get(app, of, services, "/h5/officer/signed")).text
    said = receipts.verify(key_folder, bytes(receipt.document))
    shown = await get(app, of, services, f"/h5/officer/signed/{receipt.id}")
    assert said.list_sha256 in shown.text and said.officer_name in shown.text
    file = await get(app, of, services, f"/h5/officer/signed/{receipt.id}/file")
    assert file.body == bytes(receipt.document)
    assert json.loads(file.body)["action"] == "confirm_scan"
    assert "attachment" in file.headers["content-disposition"]


async def test_a_receipt_is_its_officers_alone(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.school_signed(services, of)
    receipt = await Receipt.get()
    other = await issuing.cohort(services)
    for path in (f"/h5/officer/signed/{receipt.id}", f"/h5/officer/signed/{receipt.id}/file"):
        assert (await get(app, other, services, path)).status == 404
    assert of.plan.name not in (await get(app, other, services, "/h5/officer/signed")).text


async def test_who_is_suspended_keeps_the_receipts_and_no_more(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.school_signed(services, of)
    await Officer.all().update(state="suspended")
    page = await get(app, of, services, "/h5/officer")
    assert "您的签发权限已停用" in page.text and 'href="/h5/officer/signed"' in page.text
    assert of.plan.name in (await get(app, of, services, "/h5/officer/signed")).text
    refused = await get(app, of, services, "/h5/officer/pin")
    assert (refused.status, refused.headers["location"]) == (303, "/h5/officer")


async def test_older_receipts_are_a_page_further(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.domain.issuance import own_receipts

    monkeypatch.setattr(own_receipts, "AT_ONCE", 1)
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    await scan_tickets.return_batch(
        services, shown.token, issuing.PIN, "第 1 位姓名有误", identity=of.identity
    )
    first = await Receipt.get()
    page = await get(app, of, services, f"/h5/officer/signed?before={first.id + 1}")
    assert "退回 4 份" in page.text and "更早的" not in page.text
    assert (
        "没有签发或退回的记录" in (await get(app, of, services, f"/h5/officer/signed?before={first.id}")).text
    )
    detail = await get(app, of, services, f"/h5/officer/signed/{first.id}")
    assert "退回凭据" in detail.text and "第 1 位姓名有误" in detail.text


async def test_the_pin_is_changed_by_who_knows_the_old_one(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    assert "忘记了现在的密码" in (await get(app, of, services, "/h5/officer/pin")).text
    response = await change(app, of, services, issuing.PIN, NEW, NEW)
    assert (response.status, response.headers["location"]) == (303, "/h5/officer")
    officer = await Officer.get(id=of.officer.id)
    await officers.check_pin(services, officer, NEW)
    assert await AuditEntry.filter(action="officer.new_pin", subject_id=str(officer.id)).count() == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("000001", NEW, NEW), "签发密码不正确，还可以再试4次"),
        ((issuing.PIN, NEW, "264914"), "两次输入的新密码不一样"),
        ((issuing.PIN, "123456", "123456"), "这个密码太容易猜到"),
        ((issuing.PIN, "26491", "26491"), "签发密码是6位数字"),
        ((issuing.PIN, issuing.PIN, issuing.PIN), "新的签发密码与原来的相同"),
    ],
)
async def test_a_change_that_will_not_do(
    app: App, services: Services, typed: tuple[str, str, str], sentence: str
) -> None:
    of = await issuing.cohort(services)
    response = await change(app, of, services, *typed)
    assert response.status == 422 and sentence in response.text
    assert not any(f'value="{one}"' in response.text for one in typed)
    await officers.check_pin(services, await Officer.get(id=of.officer.id), issuing.PIN)


async def test_five_wrong_tries_lock_it_here_too(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    for _ in range(pins.TRIES):
        response = await change(app, of, services, "000001", NEW, NEW)
    assert "已锁定" in response.text
    response = await change(app, of, services, issuing.PIN, NEW, NEW)
    assert response.status == 422 and "已锁定" in response.text


async def test_a_pin_that_is_reset_meanwhile_stays_reset(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right old PIN was given a moment before; whoever had it reset wants nothing signed with what comes of it."""
    of, genuine = await issuing.cohort(services), pins.hashed

    async def hashed_while_it_is_reset(*given: Any) -> str:
        actor = make.school_account(of.school)
        await officers.reset_pin(services.clock, of.officer.id, actor=actor)
        return await genuine(*given)

    monkeypatch.setattr(pins, "hashed", hashed_while_it_is_reset)
    response = await change(app, of, services, issuing.PIN, NEW, NEW)
    assert response.status == 409 and "签发密码刚刚在别处改过或被重置" in response.text
    assert (await Officer.get(id=of.officer.id)).pin_hash == ""
    assert await AuditEntry.filter(action="officer.new_pin").count() == 0


async def test_how_the_code_is_made_is_told_to_anybody_who_is_in(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    page = await get(app, of, services, "/h5/officer/list-code")
    assert page.status == 200 and "xcert roster digest" in page.text
