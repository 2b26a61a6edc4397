"""The officer's scan in the mini-program: /mp/v1/scans/{token}."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from sanic import Sanic

from server.domain.auth import mini_login
from server.domain.certificates.claims import canonical
from server.domain.issuance import receipts, scan_tickets
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.errors import Forbidden
from server.models import Issuance
from tests.kit import issuing
from tests.kit.fake_wechat import FakeWeChatLogins

App = Sanic[Any, Any]
ME = WeChatIdentity("mp", "mpOfficer")


async def ask(app: App, method: str, path: str, token: str, **body: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    call = getattr(app.asgi_client, method)
    more = {"json": body} if method == "post" else {}
    _, response = await call(f"/mp/v1{path}", headers=headers, **more)
    return response


async def bearer(services: Services, who: WeChatIdentity = ME) -> str:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    services.wechat_logins.codes["code"] = who
    return (await mini_login.log_in(services, "code")).token


async def scanned(app: App, services: Services) -> tuple[issuing.Cohort, scan_tickets.ShownTicket, str]:
    """A shown ticket, and an officer who has paired the mini-program."""
    of = await issuing.cohort(services)
    shown, token = await issuing.shown_ticket(services, of), await bearer(services)
    code = await officers.pairing_code(services.cache, of.identity)
    paired = await ask(app, "post", "/officer-binding", token, code=code, pin=issuing.PIN)
    assert (paired.status, paired.json) == (200, {"name": "王签发", "school": of.school.name})
    return of, shown, token


async def test_look_then_confirm(app: App, services: Services) -> None:
    of, shown, token = await scanned(app, services)
    seen = await ask(app, "get", f"/scans/{shown.scene}", token)
    batch = await Issuance.get(plan_id=of.plan.id)
    assert seen.status == 200
    people = seen.json.pop("people")
    assert [one["name_masked"] for one in people] == ["崔**", "买******", "欧***", "王*"]
    assert seen.json == {
        "state": "site_pending",
        "state_label": "考核站点待签发",
        "plan": of.plan.name,
        "exam_date": "2023-09-22",
        "certificate": "社会心理服务职业技能等级证书",
        "site": of.site.name,
        "school": of.school.name,
        "level": "primary",
        "level_label": "初级",
        "count": 4,
        "digest": bytes(batch.list_sha256 or b"").hex()[:8],
        "revision": 1,
        "expires_at": "2026-11-23T12:05:00+08:00",
        "shown_at": "2026-11-23T12:00:00+08:00",
        "shown_by": "签发员",
        "receipt": None,
        "corrects": None,
    }
    first = await ask(app, "post", f"/scans/{shown.scene}/confirm", token, pin=issuing.PIN)
    assert (first.status, first.json["state"], first.json["state_label"]) == (200, "school_signed", "待发放")
    said = receipts.verify(services.keys, canonical(first.json["receipt"]))
    assert (said.action, said.officer, said.issuance) == ("confirm_scan", of.officer.id, batch.id)
    again = await ask(app, "post", f"/scans/{shown.scene}/confirm", token, pin=issuing.PIN)
    assert (again.status, again.body) == (200, first.body)
    seen = await ask(app, "get", f"/scans/{shown.scene}", token)
    assert seen.json["receipt"] == first.json["receipt"]


async def test_return_with_a_reason(app: App, services: Services) -> None:
    of, shown, token = await scanned(app, services)
    refused = await ask(app, "post", f"/scans/{shown.scene}/return", token, pin=issuing.PIN)
    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "reason_missing")
    done = await ask(app, "post", f"/scans/{shown.scene}/return", token, pin=issuing.PIN, reason="姓名有误")
    assert (done.status, done.json["state"]) == (200, "returned")
    assert (await Issuance.get(plan_id=of.plan.id)).return_reason == "姓名有误"


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("oa", "您还不是院校签发负责人，不能查看或签发；请联系本校管理员发送邀请。"),
        (
            "mp",
            "小程序还不认识您。已接受邀请的负责人，请在公众号的负责人页面取得配对码，在小程序“签发”页输入；"
            "还没有接受邀请的，请联系本校管理员。",
        ),
    ],
)
async def test_who_is_not_known_hears_what_helps_where_they_are(
    app: App, services: Services, account: Literal["oa", "mp"], said: str
) -> None:
    """An officer who joined on the H5 page is a stranger to the mini-program: another invitation would not help."""
    of, shown, _ = await scanned(app, services)
    for openid in ("oNobody", of.identity.openid if account == "mp" else "oNobodyElse"):
        with pytest.raises(Forbidden) as refused:
            await scan_tickets.confirm(
                services, shown.token, issuing.PIN, identity=WeChatIdentity(account, openid)
            )
        assert (refused.value.code, refused.value.message) == ("not_an_officer", said)
    if account == "mp":
        token = await bearer(services, WeChatIdentity("mp", "mpStranger"))
        answer = await ask(app, "get", f"/scans/{shown.scene}", token)
        assert (answer.status, answer.json["detail"]) == (403, said)


async def test_refusals_are_problems(app: App, services: Services) -> None:
    of, shown, token = await scanned(app, services)
    stranger = await bearer(services, WeChatIdentity("mp", "mpStranger"))
    for call, expected in (
        (ask(app, "get", f"/scans/{shown.scene}", stranger), (403, "not_an_officer")),
        (ask(app, "get", f"/scans/{'A' * 32}", token), (401, "scan_forged")),
        (ask(app, "get", "/scans/short", token), (401, "scan_malformed")),
        (ask(app, "post", f"/scans/{shown.scene}/confirm", token, pin="000000"), (401, "pin_wrong")),
        (ask(app, "post", f"/scans/{shown.scene}/confirm", token), (422, "invalid")),
        (ask(app, "get", f"/scans/{shown.scene}", "nobody"), (401, "session_invalid")),
    ):
        response = await call
        assert (response.status, response.json["code"]) == expected
    assert (await Issuance.get(plan_id=of.plan.id)).state == "site_pending"
