"""The console's pages of money in Chromium: what is typed in yuan is sent in fen, and a page waits for the payment.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import FeeOrder, FeeRefund, Price
from tests.kit import make, paying
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.money_desk import a_busy_till

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
        await page.fill("#from", "2026-12-01")
        await send.click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.fill("#amount", "110")
        await page.fill("#from", "2000-01-01")
        await send.click()
        await expect(page.locator("#from-error")).to_contain_text("请填更晚的日期")
        await look(page, "prices-refused")
        assert await Price.all().count() == 1


async def test_a_price_typed_wrongly_is_withdrawn_until_somebody_owes_by_it(
    base: str, browser: Browser, services: Services
) -> None:
    plan = await paying.priced(services, on=await paying.priced(services, kind="school"))
    await paying.owing(services, plan)
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/prices")
        withdraw = page.get_by_role("button", name="撤回")
        await expect(withdraw).to_have_count(1)
        await page.select_option("#kind", "social")
        await page.fill("#amount", "1205")
        await page.fill("#from", "2026-12-01")
        await page.click("main form[data-api] button[type=submit]")
        await expect(withdraw).to_have_count(2)
        for width in (1440, 375):
            await page.set_viewport_size({"width": width, "height": 900})
            await look(page, f"prices-unused-{width}")
        await withdraw.first.click()
        await look(page, "prices-withdraw-sure-375")
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("价格已撤回")
        await expect(withdraw).to_have_count(1)
        [kept] = await Price.filter(candidate_kind="social")
        assert (kept.amount_fen, kept.to_on) == (paying.PRICE_FEN, None)
        assert trouble == []


async def test_a_school_chooses_orders_and_sees_that_it_is_paid(
    base: str, browser: Browser, services: Services
) -> None:
    """The page believes no browser: it turns when our server has heard of the payment, and not before."""
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    school = await make.school()
    till = await a_busy_till(services, school)
    async with seat(browser, services, base, Role.SCHOOL, school=school) as (page, trouble):
        await page.goto(f"{base}/console/fees?state=owed")
        button = page.locator("#order-chosen")
        await expect(button).to_be_disabled()
        await page.check("#tick-all")
        await expect(button).to_have_text("去付款（4 项，¥482.00）")
        await page.uncheck("#tick-all")
        for fee in till.owed:
            await page.check(f'input[value="{fee.id}"]')
        await expect(button).to_have_text("去付款（2 项，¥241.00）")
        await button.click()
        await expect(page.locator("#pay-qr")).to_be_visible()
        await expect(page.locator("#pay-left")).to_contain_text("1:59")
        made = await FeeOrder.all().order_by("-id").first()
        assert made is not None and made.total_fen == 24_100
        await expect(page.locator("main")).to_contain_text("¥241.00")
        await look(page, "order-pay-open")
        assert till.pay._pay(made.number)
        await paying.notify(services, till.pay, made.number)
        await expect(page.locator("#pay-say")).to_have_text("已支付，费用已缴清。")
        await expect(page.locator("#pay-qr")).to_have_count(0)
        await look(page, "order-pay-paid")
        await page.goto(f"{base}/console/fees?state=owed")
        await expect(page.locator("input[data-fen]")).to_have_count(2)
        assert trouble == []


async def test_a_refund_is_asked_for_approved_and_declined(
    base: str, browser: Browser, services: Services
) -> None:
    till = await a_busy_till(services, await make.school())
    [first] = await FeeRefund.filter(state="asked")
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/refunds?state=asked")
        await page.get_by_role("button", name="不批准").click()
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("没有批准")
        assert (await FeeRefund.get(id=first.id)).state == "declined"
        await page.goto(f"{base}/console/orders/{till.paid_order.id}")
        await page.get_by_role("button", name="提出退款").first.click()
        await page.fill("#amount", "120.51")
        await page.fill("#reason", "考生因病不能参加")
        send = page.locator("#ask-refund button[type=submit]")
        await send.click()
        await expect(page.locator("#amount-error")).to_contain_text("不能超过 120.50 元")
        await page.fill("#amount", "20.05")
        await send.click()
        await expect(page.locator(".toast")).to_contain_text("等待另一位财务批准")
        made = await FeeRefund.get(state="asked")
        assert (made.amount_fen, made.order_id) == (2_005, till.paid_order.id)
        await page.goto(f"{base}/console/refunds")
        await expect(page.locator("main")).to_contain_text("由另一位财务批准")
        assert trouble == []
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/")
        await page.get_by_role("link", name=re.compile("退款.*批准")).click()
        await page.get_by_role("button", name="批准第").first.click()
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("已批准")
        assert (await FeeRefund.get(id=made.id)).state == "sending"
        assert trouble == []


@pytest.mark.parametrize("width", [1440, 1280, 375])
async def test_every_page_of_money_fits(base: str, browser: Browser, services: Services, width: int) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    school = await make.school()
    till = await a_busy_till(services, school)
    order = f"orders/{till.paid_order.id}"
    own = f"orders/{till.open_order.id}"
    seats = {
        Role.FINANCE: ("", "prices", "fees", "orders", order, f"orders/{till.twice.id}", "refunds"),
        Role.SCHOOL: ("prices", "fees", "orders", own, f"{own}/pay"),
    }
    for role, paths in seats.items():
        async with seat(browser, services, base, role, school=school if role is Role.SCHOOL else None) as (
            page,
            trouble,
        ):
            await page.set_viewport_size({"width": width, "height": 900})
            for path in paths:
                await page.goto(f"{base}/console/{path}")
                name = path.replace("/", "-") or "home"
                await look(page, f"{role.value}-{name}-{width}")
            if role is Role.FINANCE:
                await page.goto(f"{base}/console/{order}")
                assert await page.locator("[data-open]").count() == 0  # a refund is under way
            assert trouble == []
