"""The JS-SDK on our pages: whose addresses are signed, what each page asks of WeChat, and how tight its policy stays."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from sanic import Sanic

from server.domain.auth import web_login
from server.domain.issuance import mini_link, scan_tickets
from server.domain.ports import Services, WeChatIdentity
from server.domain.wechat_chat import js_sdk
from server.errors import OutsideFailure
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock
from tests.kit.lookups import bound

App = Sanic[Any, Any]
ME = WeChatIdentity("oa", "openid-js")
OWN = "http://127.0.0.1:8000"


async def get(app: App, path: str, **headers: str) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers, follow_redirects=False)
    return response


async def post(app: App, path: str, **headers: str) -> Any:
    headers = {"origin": OWN} | headers
    _, response = await app.asgi_client.post(path, headers=headers, data={"a": "1"}, follow_redirects=False)
    return response


def browser(services: Services, who: WeChatIdentity = ME) -> dict[str, str]:
    return {"cookie": f"{SESSION_COOKIE}={web_login.session_for(services, who)}", "accept": "text/html"}


async def used_up(services: Services, beginning: str, most: int) -> None:
    """This caller has had all it may have."""
    [key] = [key for key in services.rate_limiter._counts if key.startswith(beginning)]  # type: ignore[attr-defined]
    for _ in range(most):
        await services.rate_limiter.hit(key, window=60)


def asked(url: str, more: str = "") -> str:
    return f"/h5/js-config?url={quote(url, safe='')}{more}"


async def test_an_address_of_ours_is_signed_without_its_fragment(app: App) -> None:
    page = f"{OWN}/h5/results?from=singlemessage&isappinstalled=0"
    answer = await get(app, asked(page))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert sorted(answer.json) == ["appId", "nonceStr", "signature", "timestamp"]
    assert (await get(app, asked(page + "#part"))).json == answer.json
    assert (await get(app, asked(page + "1"))).json != answer.json


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/h5/results",
        "https://127.0.0.1:8000/h5/results",
        "http://127.0.0.1/h5/results",
        "http://127.0.0.1:8000.evil.example/h5",
        "http://127.0.0.1:8000@evil.example/h5",
        "http://evil.example/?http://127.0.0.1:8000/",
        f"{OWN}/h5/?{'x' * 2048}",
    ],
)
async def test_no_other_address_is_signed(app: App, url: str) -> None:
    answer = await get(app, asked(url))
    assert (answer.status, answer.json["code"]) == (403, "foreign_page")


async def test_one_caller_may_not_ask_without_end(app: App, services: Services, clock: FakeClock) -> None:
    assert (await get(app, asked(f"{OWN}/h5/"))).status == 200
    await used_up(services, "js-config:", js_sdk.PER_MINUTE)
    answer = await get(app, asked(f"{OWN}/h5/"))
    assert (answer.status, answer.headers["retry-after"]) == (429, "60")
    clock.forward(seconds=61)
    assert (await get(app, asked(f"{OWN}/h5/"))).status == 200


async def test_a_refused_ticket_is_fetched_anew_once_for_everybody(
    app: App, services: Services, clock: FakeClock
) -> None:
    for _ in range(3):
        assert (await get(app, asked(f"{OWN}/h5/", "&again=1"))).status == 200
    assert services.wechat_links.renewed == 1  # type: ignore[attr-defined]
    clock.forward(seconds=js_sdk.RENEW_SECONDS + 1)
    await get(app, asked(f"{OWN}/h5/", "&again=1"))
    assert services.wechat_links.renewed == 2  # type: ignore[attr-defined]


def uses(page: str) -> tuple[str, bool, bool, bool]:
    """What a page leaves out of WeChat's menu; and whether it scans, closes, and reminds."""
    [hides] = re.findall(r'data-hides="(\w+)"', page)
    return hides, "data-scan " in page, "data-close " in page, "<wx-open-subscribe" in page


async def test_each_page_asks_for_what_it_needs(app: App, services: Services) -> None:
    await bound(services, ME)
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    me, officer = browser(services), browser(services, of.identity)
    assert uses((await get(app, "/h5/", **me)).text) == ("share", False, False, False)
    for path in ("/h5/results", "/h5/certificates", "/h5/bind"):
        assert uses((await get(app, path, **me)).text) == ("share", False, False, True), path
    assert uses((await get(app, "/h5/officer", **officer)).text) == ("share", True, False, False)
    assert uses((await get(app, f"/s/{shown.token}", **officer)).text) == ("all", False, False, False)
    await scan_tickets.confirm(services, shown.token, issuing.PIN, identity=of.identity)
    assert uses((await get(app, f"/s/{shown.token}", **officer)).text) == ("all", False, True, False)
    assert "<script" not in (await get(app, "/v", accept="text/html")).text


async def test_reminders_are_offered_to_who_is_bound_when_templates_are_configured(
    app: App, services: Services
) -> None:
    await bound(services, ME)
    exchange(
        services,
        settings=replace(
            services.settings,
            oa_subscribe_result="TEMPLATE1",
            oa_subscribe_certificate="T2",
            oa_subscribe_correction="T3",
        ),
    )
    offered = {
        "/h5/results": "TEMPLATE1,T2",
        "/h5/certificates": "T2,T3,TEMPLATE1",
        "/h5/bind": "TEMPLATE1,T2",
    }
    for path, templates in offered.items():
        page = await get(app, path, **browser(services))
        assert f'<wx-open-subscribe template="{templates}">' in page.text
        assert page.headers["content-security-policy"].endswith("; frame-src https://*.qq.com webcompt:")
    exchange(
        services, settings=replace(services.settings, oa_subscribe_result="", oa_subscribe_certificate="")
    )
    assert "wx-open-subscribe" not in (await get(app, "/h5/results", **browser(services))).text
    stranger = await get(app, "/h5/results", **browser(services, WeChatIdentity("oa", "stranger")))
    assert "wx-open-subscribe" not in stranger.text
    assert "frame-src" not in stranger.headers["content-security-policy"]


async def test_the_policy_lets_one_script_of_wechat_in_and_only_where_it_is_used(
    app: App, services: Services
) -> None:
    await bound(services, ME)
    policy = (await get(app, "/h5/", **browser(services))).headers["content-security-policy"]
    directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert directives["script-src"] == "'self' https://res.wx.qq.com/open/js/jweixin-1.6.0.js"
    assert {name: said for name, said in directives.items() if "qq.com" in said}.keys() == {"script-src"}
    pages, data = ("/", "/v", "/console/login"), ("/h5/js-config", "/mp/v1/results")
    for path, kind in (
        *((page, "text/html") for page in pages),
        *((one, "application/json") for one in data),
    ):
        policy = (await get(app, path, accept=kind)).headers["content-security-policy"]
        assert "qq.com" not in policy, path


@pytest.mark.rule("S87")
async def test_a_tap_leads_from_any_browser_into_the_mini_program(
    app: App, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    first = await post(app, f"/s/{shown.token}/mini-program", accept="text/html")
    assert first.status == 200
    assert 'href="https://wxaurl.cn/1"' in first.text and shown.token not in first.text
    again = await post(app, f"/s/{shown.token}/mini-program", accept="text/html")
    assert 'href="https://wxaurl.cn/1"' in again.text
    links = services.wechat_links.links  # type: ignore[attr-defined]
    assert links == [("pages/scan/index", f"scene={shown.token}", 300)]
    assert (await get(app, f"/s/{shown.token}/mini-program")).status == 405
    ours = [str(vars(record)) for record in caplog.records if record.name.startswith("xcert")]
    assert [line for line in ours if "/mini-program" in line]
    assert [line for line in ours if shown.token in line] == []


async def test_links_are_made_for_live_tickets_only(app: App, services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    forged = shown.token[:-1] + ("A" if shown.token[-1] != "A" else "B")
    assert (await post(app, f"/s/{forged}/mini-program")).json["code"] == "scan_forged"
    foreign = await post(app, f"/s/{shown.token}/mini-program", origin="https://evil.example")
    assert foreign.json["code"] == "foreign_form"
    clock.forward(seconds=301)
    assert (await post(app, f"/s/{shown.token}/mini-program")).json["code"] == "scan_expired"
    assert services.wechat_links.links == []  # type: ignore[attr-defined]
    await used_up(services, "mini-link:", mini_link.TRIES)
    last = await post(app, f"/s/{forged}/mini-program")
    assert (last.status, last.json["code"]) == (429, "mini_link_paused")


async def test_when_wechat_gives_no_link_the_plain_way_is_said(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(path: str, query: str, *, seconds: int) -> str:
        raise OutsideFailure("微信返回错误 85079")

    shown = await issuing.shown_ticket(services, await issuing.cohort(services))
    monkeypatch.setattr(services.wechat_links, "url_link", refuse)
    page = await post(app, f"/s/{shown.token}/mini-program", accept="text/html")
    assert page.status == 422
    assert "用“扫一扫”扫描电脑上的二维码" in page.text and shown.token not in page.text


async def test_outside_wechat_the_way_into_the_mini_program_is_offered(app: App, services: Services) -> None:
    exchange(
        services, settings=replace(services.settings, oa_appid="wx0123456789abcdef")
    )  # no sandbox any more
    token = "A" * 32
    page = await get(app, f"/s/{token}", accept="text/html")
    assert (page.status, f'action="/s/{token}/mini-program"' in page.text) == (403, True)
    assert "mini-program" not in (await get(app, "/h5/results", accept="text/html")).text
    exchange(services, settings=replace(services.settings, mp_appid=""))
    assert "mini-program" not in (await get(app, f"/s/{token}", accept="text/html")).text
