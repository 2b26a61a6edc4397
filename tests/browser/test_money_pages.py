"""The console's pages of money in Chromium: what is typed in yuan is sent in fen, and a page waits for the payment.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Price
from tests.kit import make
from tests.kit.console_pages import look, seat

pytestmark = [pytest.mark.browser, pytest.mark.slow]


TYPED = {
    ("primary", "school"): ("120.50", 12_050),
    ("primary", "social"): ("120.5", 12_050),
    ("intermediate", "school"): ("0", 0),
    ("intermediate", "social"): ("１，２００", 120_000),
    ("advanced", "school"): ("¥ 19.99", 1_999),
    ("advanced", "social"): ("0.07", 7),
}


async def test_prices_typed_in_yuan(base: str, browser: Browser, services: Services) -> None:
    plan = await make.plan()
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/prices")
        for count, ((level, kind), (typed, _)) in enumerate(TYPED.items(), 1):
            await page.select_option("#level", level)
            await page.select_option("#kind", kind)
            await page.fill("#amount", typed)
            await page.click("main form[data-api] button[type=submit]")
            await expect(page.locator("tbody tr")).to_have_count(count)
            await expect(page.locator(".toast")).to_contain_text("价格已设定")
        assert {(one.level, one.candidate_kind): one.amount_fen for one in await Price.filter(plan=plan)} == {
            key: fen for key, (_, fen) in TYPED.items()
        }
        assert trouble == []


async def test_what_is_wrong_with_a_price_stands_at_its_field(
    base: str, browser: Browser, services: Services
) -> None:
    await make.plan()
    async with seat(browser, services, base, Role.FINANCE) as (page, _):
        await page.goto(f"{base}/console/prices")
        send = page.locator("main form[data-api] button[type=submit]")
        for typed, said in (
            ("", "请填写这一项"),
            ("12.345", "最多两位小数"),
            ("二十", "最多两位小数"),
            ("10000.01", "不能超过 10,000.00 元"),
        ):
            await page.fill("#amount", typed)
            await send.click()
            await expect(page.locator("#amount-error")).to_contain_text(said)
        await page.fill("#amount", "100")
        await send.click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.fill("#amount", "110")
        await page.fill("#from", "2000-01-01")
        await send.click()
        await expect(page.locator("#from-error")).to_contain_text("请填更晚的日期")
        await look(page, "prices-refused")
        assert await Price.all().count() == 1
