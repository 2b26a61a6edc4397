"""The phone pages in dark mode, in the largest type on the narrowest phone, without a network, and with words to be kept.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from server.domain.actor import UNKNOWN_CALLER
from server.domain.auth import web_login
from server.domain.people import bindings
from server.domain.ports import Services, WeChatIdentity
from server.errors import Refused
from server.models import Receipt, School
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing, make
from tests.kit.accessibility import clean
from tests.kit.exchange import exchange
from tests.kit.history import ME, NUMBER, a_history

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STRANGER = WeChatIdentity("oa", "openid-stranger")
LARGE = "document.documentElement.style.fontSize = '26px'"  # WeChat's largest type
ALIKE = {
    "/h5/certificates",
    "/h5/orders",
    "/h5/nowhere",
    "/h5/officer/signed",
}  # nothing on them that others lack
OVER = """[...document.querySelectorAll('main *, .tabs *')].filter(e => e.checkVisibility()
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


async def phone(
    chromium: Browser,
    s: Services,
    base: str,
    who: WeChatIdentity,
    *,
    width: int = 390,
    height: int = 844,
    dark: bool = False,
) -> BrowserContext:
    context = await chromium.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2,
        locale="zh-CN",
        color_scheme="dark" if dark else "light",
    )
    cookie = {"name": SESSION_COOKIE, "value": web_login.session_for(s, who), "url": base}
    await context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict
    return context


async def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("XCERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{folder}/{name}.png")
        await page.screenshot(path=f"{folder}/{name}-whole.png", full_page=True)


async def test_every_page_in_the_dark_and_in_the_largest_type(
    browser: Browser, base: str, services: Services, key_folder: KeyFolder
) -> None:
    exchange(services, pdf_renderer=TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials())))
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    other = await issuing.cohort(services, names=("李敏",))
    await issuing.school_signed(services, other)
    receipt = (await Receipt.get()).id
    await School.all().update(contact="教务处 010-1234 5678")
    exchange(services, settings=replace(services.settings, contact="400-000-1234，help@example.cn"))
    made = await a_history(services)
    pages = [
        *(
            (ME, path)
            for path in ("/h5/", "/h5/results", "/h5/certificates", f"/h5/certificates/{made.number}")
        ),
        *((ME, path) for path in ("/h5/bind", "/h5/orders", "/h5/notices")),
        *((STRANGER, path) for path in ("/h5/", "/h5/bind", "/h5/officer", "/h5/nowhere")),
        *((of.identity, path) for path in ("/h5/officer", f"/s/{shown.token}")),
        *((other.identity, path) for path in ("/h5/officer", "/h5/officer/pin", "/h5/officer/list-code")),
        *((other.identity, path) for path in ("/h5/officer/signed", f"/h5/officer/signed/{receipt}")),
    ]
    for who in (ME, STRANGER, of.identity, other.identity):
        dark = await phone(browser, services, base, who, dark=True)
        narrow = await phone(browser, services, base, who, width=320, height=640)
        for path in [path for whose, path in pages if whose == who]:
            name = f"{'stranger' if who == STRANGER else 'signed' if who == other.identity else 'own'}{path.replace('/', '-')[:24]}"
            page = await dark.new_page()
            await page.goto(base + path)
            if path not in ALIKE:
                await clean(page, f"dark {path}")
            await keep(page, f"dark{name}")
            page = await narrow.new_page()
            await page.goto(base + path)
            await page.evaluate(LARGE)
            await keep(page, f"large{name}")
            assert await page.evaluate(OVER) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        await dark.close()
        await narrow.close()


async def test_without_a_network_nothing_is_sent_and_nothing_is_lost(
    browser: Browser, base: str, services: Services
) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    context = await phone(browser, services, base, ME)
    page = await context.new_page()
    await page.goto(f"{base}/h5/bind")
    await page.fill("#name", "崔子涵")
    await page.fill("#id_number", NUMBER)
    await context.set_offline(True)
    await expect(page.locator("[data-offline]")).to_be_visible()
    await page.get_by_role("button", name="同意并绑定").click()
    await expect(page.locator(".toast")).to_contain_text("网络不可用，没有提交")
    await keep(page, "offline")
    assert page.url == f"{base}/h5/bind"
    assert [await page.input_value(one) for one in ("#name", "#id_number")] == ["崔子涵", NUMBER]
    await context.set_offline(False)
    await expect(page.locator("[data-offline]")).to_be_hidden()
    await page.get_by_role("button", name="同意并绑定").click()
    await page.wait_for_url("**/h5/results")
    await expect(page.locator(".toast")).to_have_text("绑定成功")
    await page.reload()
    await expect(page.locator(".toast")).to_have_count(0)  # said once
    assert await page.evaluate("sessionStorage.length") == 0  # bound: what was typed is kept no longer
    await context.close()


async def test_a_session_that_ends_in_the_middle_loses_no_input(
    browser: Browser, base: str, services: Services
) -> None:
    """Whatever comes in between, the log-in for one; back on the form, everything but checks is there."""
    await _misses(services)
    context = await phone(browser, services, base, ME)
    page = await context.new_page()
    await page.goto(f"{base}/h5/bind?check=question")
    await page.fill("#name", "崔子涵")
    await page.fill("#id_number", NUMBER)
    await page.fill("#captcha", "7")
    await page.goto(f"{base}/h5/logged-out")
    await page.goto(f"{base}/h5/bind?check=question")
    assert [await page.input_value(one) for one in ("#name", "#id_number", "#captcha")] == [
        "崔子涵",
        NUMBER,
        "",
    ]
    await keep(page, "question")
    await page.evaluate("""() => { const key = 'xcert-draft:bind', kept = JSON.parse(sessionStorage[key]);
        sessionStorage[key] = JSON.stringify({...kept, at: Date.now() - 31 * 60 * 1000}) }""")
    await page.reload()
    assert await page.input_value("#id_number") == ""  # not for longer than half an hour
    await context.close()


async def _misses(s: Services) -> None:
    """So many that a check is asked for."""
    who, caller = ME, UNKNOWN_CALLER
    for serial in range(5):
        with pytest.raises(Refused):
            await bindings.bind(s, who, "崔子涵", make.id_number(serial), caller=caller)


async def test_back_after_a_form_asks_nothing_again(browser: Browser, base: str, services: Services) -> None:
    """Chromium shows ERR_CACHE_MISS for a page that answered a form; none of ours stands in the history as one."""
    await make.candidate(services, "崔子涵", NUMBER)
    context = await phone(browser, services, base, ME)
    page = await context.new_page()
    await page.goto(f"{base}/h5/bind")
    await page.fill("#name", "崔子涵")
    await page.get_by_role("button", name="同意并绑定").click()
    await expect(page.get_by_role("alert")).to_contain_text("请修改后再提交")
    await page.goto(f"{base}/h5/")
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("绑定考生信息")
    await page.fill("#id_number", NUMBER)
    await page.get_by_role("button", name="同意并绑定").click()
    await page.wait_for_url("**/h5/results")
    await page.goto(f"{base}/h5/")
    await page.get_by_role("button", name="退出登录").click()
    await page.wait_for_url("**/h5/logged-out")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("已退出登录")
    await context.close()


async def test_the_verification_link_is_copied(
    browser: Browser, base: str, services: Services, key_folder: KeyFolder
) -> None:
    exchange(services, pdf_renderer=TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials())))
    made = await a_history(services)
    context = await phone(browser, services, base, ME)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto(f"{base}/h5/certificates/{made.number}")
    await page.get_by_role("button", name="复制核验链接").click()
    await expect(page.locator(".toast")).to_contain_text("核验链接已复制")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{services.settings.public_url}/v/{made.code}"
    await context.close()
