"""印制与寄送 in Chromium (S91): staff print and send, the school counts and confirms; axe reads every page on the way.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import PaperRun
from tests.kit import printing
from tests.kit.accessibility import clean
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.rule("S91")]


async def seen(page: Page, name: str) -> None:
    await look(page, name)
    await clean(page, name)


TABLET: Any = {"width": 820, "height": 1180}  # on which a teacher counts what came


@pytest.mark.parametrize("width", ["desk", "tablet", "phone"])
async def test_printed_sent_and_received(base: str, browser: Browser, services: Services, width: str) -> None:
    s, narrow = services, width == "phone"
    exchange(s, pdf_renderer=ScreenPdfRenderer())
    of, batch = await printing.issued(s)
    async with seat(browser, s, base, Role.ISSUER, narrow=narrow) as (page, trouble):
        if width == "tablet":
            await page.set_viewport_size(TABLET)
        await page.goto(f"{base}/console/paper")
        await seen(page, f"paper-waiting-{width}")
        await page.get_by_role("link", name=f"开始印制第 {batch.id} 批").click()
        await page.fill("#first", "A0001201")
        await page.fill("#last", "A0001205")
        await seen(page, f"paper-new-{width}")
        await page.get_by_role("button", name="开始印制").click()
        await expect(page.locator(".toast")).to_contain_text("一一对应")
        await page.get_by_role("link", name="第 1 次").click()
        await page.get_by_role("button", name="登记作废纸张").click()
        await page.fill("#spoil-serial", "A0001202")
        await page.fill("#spoil-reason", "卡纸")
        await seen(page, f"paper-spoil-{width}")
        await page.locator("#spoil button[type=submit]").click()
        await expect(page.locator("main")).to_contain_text("已使用 2 + 作废 1 + 剩余 2")
        await seen(page, f"paper-printing-{width}")
        await page.get_by_role("button", name="印制完成").click()
        await page.locator("dialog[open]").get_by_role("button", name="印制完成").click()
        await expect(page.locator(".toast")).to_contain_text("交接单")
        await page.goto(f"{base}/console/paper/1/slip")
        await seen(page, f"paper-slip-{width}")
        await page.goto(f"{base}/console/paper/1")
        await page.get_by_role("button", name="寄出").click()
        await page.fill("#courier", "顺丰速运")
        await page.fill("#tracking", "SF1234567890123")
        await seen(page, f"paper-send-{width}")
        await page.locator("#send button[type=submit]").click()
        await expect(page.locator("main")).to_contain_text("已寄出")
        await seen(page, f"paper-sent-{width}")
        assert trouble == []
    run = await PaperRun.get()
    async with seat(browser, s, base, Role.SCHOOL, school=of.school, narrow=narrow) as (page, trouble):
        if width == "tablet":
            await page.set_viewport_size(TABLET)
        await page.goto(f"{base}/console/paper")
        await seen(page, f"paper-school-{width}")
        await page.goto(f"{base}/console/paper/{run.id}?slip={run.slip}")
        await page.get_by_role("button", name="确认签收").click()
        await expect(page.locator("#receive-slip")).to_have_value(run.slip)
        await page.fill("#receive-count", "1")
        await seen(page, f"paper-receive-{width}")
        await page.locator("#receive button[type=submit]").click()
        await expect(page.locator("#receive-note-error")).to_contain_text("请写明差异")
        trouble.clear()  # the browser's own line about the 422
        await page.fill("#receive-note", "缺 A0001203")
        await look(page, f"paper-refused-{width}")
        await page.locator("#receive button[type=submit]").click()
        await expect(page.locator("main")).to_contain_text("院校清点到 1 张")
        await seen(page, f"paper-received-{width}")
        assert trouble == []
