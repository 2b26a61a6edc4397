"""The example mini-program before a service of nobody in particular: how it is opened, logs in, and says what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Page, expect

from tests.kit.sandbox_phone import phone
from tests.sandbox.conftest import MP, Arrival, Service, WeChat

pytestmark = pytest.mark.browser
MSG = ".weui-msg h2"


def answers(service: Service, told: Callable[[str], Any]) -> list[str]:
    """The service's API: what it tells by path; gives the paths asked for, in order."""
    asked: list[str] = []

    async def answer(arrival: Arrival) -> web.StreamResponse:
        asked.append(arrival.path)
        body = told(arrival.path)
        return body if isinstance(body, web.StreamResponse) else web.json_response(body)

    service.answer = answer
    return asked


async def at(tabs: BrowserContext, wechat: WeChat, place: str) -> Page:
    return await phone(tabs, wechat, "p1", f"#program={quote(place, safe='')}")


async def test_alone_it_says_how_to_point_it_at_a_service(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    """The other end answers `success` to everything, as a service without this API may."""
    page = await at(tabs, wechat, "pages/results/index")
    await expect(page.locator(MSG)).to_have_text("小程序没有接到服务")
    await expect(page.locator(".program")).to_contain_text(f"{service.url}/mp/v1")
    await expect(page.locator(".program")).to_contain_text("SANDBOX_PROGRAM_API")
    answers(service, lambda path: {"token": "t1", "roles": []} if path.endswith("/session") else {"bound": False, "items": [], "notices": []})  # fmt: skip
    await page.get_by_role("button", name="再试一次").click()
    await expect(page.locator(MSG)).to_have_text("还没有绑定考生信息")


async def test_a_session_that_has_ended_is_begun_anew_once(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    ended = web.json_response({"code": "session_expired", "detail": "登录已过期。"}, status=401)
    logins = 0

    def told(path: str) -> Any:
        nonlocal logins
        if path.endswith("/session"):
            logins += 1
            return {"token": f"t{logins}", "roles": []}
        return ended if logins == 1 else {"bound": True, "items": [], "notices": []}

    asked = answers(service, told)
    page = await at(tabs, wechat, "pages/results/index")
    await expect(page.locator(MSG)).to_have_text("还没有成绩")
    assert asked == ["/mp/v1/session", "/mp/v1/results", "/mp/v1/session", "/mp/v1/results"]
    codes = [json.loads(one.body)["code"] for one in service.arrivals if one.path.endswith("/session")]
    assert len(set(codes)) == 2  # a new code each time
    rows = wechat.platform.timeline.rows(direction="page", words="wx.request")
    assert [(row["what"], row["status"], row["person"]) for row in rows] == [
        (f"POST {service.url}/mp/v1/session", 200, "林知夏"),
        (f"GET {service.url}/mp/v1/results", 401, "林知夏"),
        (f"POST {service.url}/mp/v1/session", 200, "林知夏"),
        (f"GET {service.url}/mp/v1/results", 200, "林知夏"),
    ]


async def test_opened_by_a_link_a_code_and_a_path(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    """A scheme, a code with its scene, and a page that there is not; what the scene says reaches the API."""
    seen = {"receipt": {}, "state_label": "待发放", "school": "某校", "count": 4, "digest": "abcdef12"}
    asked = answers(
        service,
        lambda path: {"token": "t", "roles": ["officer"]} if path.endswith("/session") else seen if "/scans/" in path else {"bound": False, "items": [], "notices": []},
    )  # fmt: skip
    page = await phone(tabs, wechat, "p1", "#scan")
    wanted = {"jump_wxa": {"path": "pages/results/index", "query": "a=1"}, "is_expire": True, "expire_type": 1, "expire_interval": 1}  # fmt: skip
    link = (await wechat.call("/wxa/generatescheme", wanted, MP))["openlink"]
    await page.fill("input[name=link]", link)
    await page.click("button:text-is('识别')")
    await expect(page.locator(".program-bar h1")).to_have_text("成绩")
    await expect(page.locator(MSG)).to_have_text("还没有绑定考生信息")

    await page.goto(
        f"{wechat.url}/phone?person=p1#program={quote('pages/scan/index?scene=tok%2Den', safe='')}"
    )
    await expect(page.locator(MSG)).to_have_text("您已办完这个批次")
    assert asked[-1] == "/mp/v1/scans/tok-en"
    await page.get_by_role("button", name="回首页", exact=True).last.click()
    await expect(page.locator(".program-bar h1")).to_have_text("首页")
    await expect(page.get_by_role("button", name="扫码签发")).to_be_visible()
    await page.get_by_role("button", name="关闭小程序").click()
    await expect(page.locator(".bar h1")).to_have_text("发现")


async def test_what_the_service_refuses_is_said_in_its_words(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    refused = web.json_response(
        {"code": "no_officer", "title": "没有权限", "detail": "请先配对。"}, status=403
    )
    answers(service, lambda path: {"token": "t", "roles": []} if path.endswith("/session") else refused)
    page = await at(tabs, wechat, "pages/me/index")
    await expect(page.locator(MSG)).to_have_text("没有权限")
    await expect(page.locator(".weui-msg p")).to_have_text("请先配对。")
