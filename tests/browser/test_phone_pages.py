"""The candidates' pages in a real Chromium, at the width of a phone and of a desk: they fit, they speak, they work.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sanic import Sanic

from server.adapters.captcha import PillowImageCheck
from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from server.domain.auth import web_login
from server.domain.certificates import claims
from server.domain.levels import Level
from server.domain.ports import Services, WeChatIdentity
from server.models import Certificate, Issuance, Registration
from server.web.h5.login import SESSION_COOKIE
from tests.domain.test_lookups import RELEASE, bound
from tests.kit import make
from tests.kit.exchange import exchange

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ME = WeChatIdentity("oa", "openid-browser")
NUMBER = make.id_number(4055)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1440, "height": 900}


@dataclass
class Window:
    """One browser tab on our service, logged in as `ME`; remembers what went wrong on its pages."""

    page: Page
    base: str
    label: str
    trouble: list[str]

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def look(self, name: str) -> None:
        """No sideways scrolling, no errors, every picture there; keep a screenshot if asked to."""
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=f"{folder}/{name}-{self.label}.png", full_page=True)
        assert await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        broken = "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src.slice(0, 80))"
        assert await self.page.evaluate(broken) == []
        small = """[...document.querySelectorAll('main a.button, main button:not(.plain), main input, .ways a')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""
        assert await self.page.evaluate(small) == []
        assert self.trouble == []


@pytest.fixture
async def base(app: Sanic[Any, Any]) -> AsyncIterator[str]:
    door = socket.create_server(("127.0.0.1", 0))
    server = await app.create_server(sock=door, return_asyncio_server=True)
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    yield f"http://127.0.0.1:{door.getsockname()[1]}"
    await server.before_stop()
    server.close()
    await server.wait_closed()
    await server.after_stop()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=60_000)  # a bound for a slow machine, never a measure
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(params=["phone", "desk"])
async def window(
    request: pytest.FixtureRequest, browser: Browser, base: str, services: Services
) -> AsyncIterator[Window]:
    size = PHONE if request.param == "phone" else DESK
    context: BrowserContext = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        device_scale_factor=2 if request.param == "phone" else 1,
        has_touch=request.param == "phone",
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    token = web_login.session_for(services, ME)
    await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": base}])
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "console",
        lambda said: (
            trouble.append(said.text)
            if said.type == "error" and "422" not in said.text and "429" not in said.text
            else None
        ),
    )
    yield Window(page, base, request.param, trouble)
    await context.close()


async def issued(s: Services, of: Registration, serial: int, **more: Any) -> Certificate:
    """A genuine certificate of this registration, with its signed code."""
    registration = await Registration.get(id=of.id).prefetch_related("plan", "site__school", "candidate")
    level = Level(registration.site.level)
    number = claims.number_of("26", "SPS", level, serial)
    line = claims.Line(
        number=number,
        name=registration.candidate.name,
        id_hash=claims.id_hash_of(s.keys, NUMBER),
        level=level.value,
        plan=registration.plan.name,
        exam_date=registration.plan.exam_date.isoformat(),
        certificate=make.KIND,
        outcome="passed",
        standard="2021年3.0版",
        issuer=s.settings.issuer,
        school=registration.site.school.name,
    )
    whole = claims.complete(line, date(2026, 11, 20))
    issuance, _ = await Issuance.get_or_create(
        plan_id=registration.plan_id,
        site_id=registration.site_id,
        defaults={"state": "issued", "issued_at": s.clock.now()},
    )
    sealed = b"%PDF-1.7 sealed " + number.encode()
    await s.file_store.put(f"certificates/{number}.pdf", sealed)
    fields = {"state": "valid", **more}
    return await Certificate.create(
        number=number,
        issuance=issuance,
        registration=registration,
        candidate=registration.candidate,
        line=line.to_bytes(),
        claims=whole.to_bytes(),
        claims_sha256=whole.sha256(),
        code=claims.encode_code(s.keys, whole),
        pdf_key=f"certificates/{number}.pdf",
        pdf_sha256=sha256(sealed).digest(),
        sealed_at=s.clock.now(),
        **fields,
    )


async def a_history(s: Services) -> Certificate:
    """A candidate with a bit of everything. Returns the valid certificate."""
    me = await bound(s, ME, "欧阳·阿卜杜拉", NUMBER)
    school = await make.school("京华职业技术学院")
    site, upper = await make.site(school), await make.site(school, Level.INTERMEDIATE)
    past = s.clock.now() - timedelta(days=30)
    plans = [
        await make.plan(f"2026年{month}月{day}日社会心理服务证书考试计划", release_at=release, **more)
        for month, day, release, more in (
            (9, 22, past, {}), (9, 23, past, {}), (10, 10, past, {}), (10, 18, past, {"requires_practice": True}),
            (11, 15, RELEASE, {}),
        )
    ]  # fmt: skip
    passed = await make.registration(s, me, on=plans[0], at=site, score=78.5)
    revoked = await make.registration(s, me, on=plans[1], at=upper, score=91)
    await make.registration(s, me, on=plans[2], at=upper, outcome="absent")
    await make.registration(s, me, on=plans[3], at=upper, score=66)
    await make.registration(s, me, on=plans[4], at=upper, score=88)
    await issued(
        s, revoked, 8, state="revoked", revoked_at=past, revoke_reason="经核实，考试时使用他人身份证件"
    )
    return await issued(s, passed, 7)


async def test_binding(window: Window, services: Services) -> None:
    exchange(services, image_check=PillowImageCheck())
    await make.candidate(services, "欧阳·阿卜杜拉", NUMBER)
    page = window.page
    await window.go("/h5/")
    await window.look("home-stranger")
    await window.go("/h5/results")
    await window.look("results-stranger")
    await page.click("a.button:has-text('绑定考生信息')")
    await window.look("bind")
    await page.fill("#name", "欧阳阿卜杜拉")
    await page.fill("#id_number", NUMBER[:-1])
    assert await page.evaluate("document.activeElement.inputMode") == "text"  # an X may follow
    await page.click("button[type=submit]")
    assert "这里是 17 位" in await page.inner_text("#number-problem")
    await window.look("bind-problem")
    for serial in range(5):
        await page.fill("#id_number", make.id_number(serial))
        await page.click("button[type=submit]")
        assert "信息不相符" in await page.inner_text("[role=alert]")
    await window.look("bind-picture")
    first = await page.get_attribute("#captcha-picture", "src")
    async with page.expect_response("**/h5/bind/picture*"):
        await page.click("text=换一张")
    assert await page.get_attribute("#captcha-picture", "src") != first
    kept = await page.input_value("#id_number")
    assert kept == make.id_number(4)
    answer = await services.cache.get(next(iter(services.cache.values)))  # type: ignore[attr-defined]
    assert answer is not None
    await page.fill("#id_number", NUMBER)
    await page.fill("#captcha", answer.decode())
    await page.click("button[type=submit]")
    await page.wait_for_url("**/h5/results")
    await window.go("/h5/bind")
    await window.look("bound")
    await page.click("summary")
    await window.look("bound-undo")
    await page.click("text=确定解除")
    await page.wait_for_selector("#id_number")


async def test_looking_up(window: Window, services: Services, key_folder: KeyFolder) -> None:
    exchange(services, pdf_renderer=TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials())))
    made = await a_history(services)
    await window.go("/h5/")
    await window.look("home")
    await window.page.click("text=成绩查询")
    await window.look("results")
    assert await window.page.locator("article").count() == 4
    await window.go("/h5/certificates")
    await window.look("certificates")
    await window.page.click(f"a.button[href='/h5/certificates/{made.number}']")
    await window.page.wait_for_load_state("networkidle")
    await window.look("certificate")
    await window.go("/h5/certificates")
    await window.page.click("a.button:has-text('查看'):not(:has-text('保存'))")
    await window.look("certificate-revoked")
    assert "不再有效" in await window.page.inner_text("main")


async def test_a_page_from_the_back_forward_cache_is_asked_for_anew(
    window: Window, services: Services
) -> None:
    """iOS keeps whole pages; the script reloads them (wechat.md §8)."""
    await bound(services, ME)
    await window.go("/h5/results")
    async with window.page.expect_navigation():
        await window.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    assert "没有查到报考记录" in await window.page.inner_text("main")


async def test_the_form_works_without_scripts(browser: Browser, base: str, services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    await context.add_cookies(
        [{"name": SESSION_COOKIE, "value": web_login.session_for(services, ME), "url": base}]
    )
    page = await context.new_page()
    await page.goto(f"{base}/h5/bind")
    await page.fill("#name", "崔子涵")
    await page.fill("#id_number", NUMBER)
    await page.click("button[type=submit]")
    assert page.url == f"{base}/h5/results"
    await context.close()


async def test_logging_out(window: Window, services: Services) -> None:
    await bound(services, ME)
    await window.go("/h5/")
    await window.look("home-log-out")
    await window.page.get_by_role("button", name="退出登录").click()
    await expect(window.page.get_by_role("heading", level=1)).to_have_text("已退出登录")
    await window.look("logged-out")
    assert not [one for one in await window.page.context.cookies() if one["name"] == SESSION_COOKIE]
