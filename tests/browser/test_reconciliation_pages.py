"""对账 in Chromium: a difference is explained and a withdrawal booked by hand, then the day is closed. With pictures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import LedgerPosting, ReconciliationDay
from tests.kit import fake_bill, paying
from tests.kit.console_pages import look, seat
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.reconciling import compared, one_paid_and_over

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_day_is_put_right_and_closed(base: str, browser: Browser, services: Services) -> None:
    s = services
    pay = FakePay(s.settings, s.clock)
    exchange(s, pay=pay)
    _, day = await one_paid_and_over(s, pay)
    at = s.clock.now() - timedelta(days=1)
    pay.moved = [fake_bill.flow("提现", -10_000, at), fake_bill.flow("其他扣款", -300, at)]
    await compared(s, pay, day)
    paying.forward(s, days=1)
    await compared(s, pay, day + timedelta(days=1))
    for narrow, where in ((False, ""), (True, "-phone")):
        async with seat(browser, s, base, Role.FINANCE, narrow=narrow) as (page, trouble):
            await page.goto(f"{base}/console/reconciliation")
            await look(page, f"reconciliation{where}")
            await page.click("button[data-open=export]")
            await expect(page.locator("#export")).to_be_visible()
            await look(page, f"reconciliation-export{where}")
            await page.goto(f"{base}/console/reconciliation/{day}")
            await look(page, f"reconciliation-day{where}")
            assert trouble == []
    async with seat(browser, s, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/reconciliation/{day}")
        await expect(page.get_by_role("button", name="结账")).to_be_disabled()
        await page.get_by_role("button", name="记账").click()
        await page.locator("dialog[open] button", has_text="记账").click()
        await expect(page.locator(".toast")).to_contain_text("已记账")
        await page.get_by_role("button", name="说明").click()
        await page.fill("#note", "平台服务费，已与微信核实")
        await page.locator("#settle button[type=submit]").click()
        await expect(page.locator("tbody")).to_contain_text(["", "平台服务费"])
        await page.get_by_role("button", name="结账").click()
        await page.locator("dialog[open] button", has_text="结账").click()
        await expect(page.locator(".badge").first).to_have_text("已结账")
        await look(page, "reconciliation-day-closed")
        assert trouble == []
    assert (await ReconciliationDay.get(day=day)).state == "closed"
    assert await LedgerPosting.filter(source__startswith="withdrawal:").count() == 1
