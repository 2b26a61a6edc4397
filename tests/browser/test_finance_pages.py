"""What two of finance decide, in Chromium: a waiver, a bank transfer and a refund by bank, asked for by one and approved by another.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import BankRefund, BankTransfer, Fee, FeeOrder, FeeWaiver
from tests.kit import make, paying, transferring
from tests.kit.console_pages import look, seat
from tests.kit.money_desk import PICTURE, WAIVED, a_busy_till, going_back_by_bank, waiting_for_another

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_one_asks_for_a_waiver_and_another_approves(
    base: str, browser: Browser, services: Services
) -> None:
    till = await a_busy_till(services, await make.school())
    fee = till.owed[0]
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/fees?state=owed")
        await page.click(f'[data-set-fee="{fee.id}"]')
        send = page.locator("#ask-waiver button[type=submit]")
        await send.click()
        await expect(page.locator("#waiver-reason-error")).to_contain_text("请填写这一项")
        await page.fill("#waiver-reason", WAIVED)
        await look(page, "ask-waiver")
        await send.dblclick()
        await expect(page.locator(".toast")).to_contain_text("等待另一位财务批准")
        await expect(page.get_by_role("link", name="减免待批准")).to_have_count(1)
        made = await FeeWaiver.get()
        assert (made.fee_id, made.reason, made.state) == (fee.id, WAIVED, "asked")
        await page.goto(f"{base}/console/waivers")
        await expect(page.get_by_role("button", name="批准第")).to_have_count(0)
        await expect(page.get_by_role("button", name="撤回第")).to_have_count(1)
        assert trouble == []
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/waivers?state=asked")
        button = page.get_by_role("button", name=f"批准第 {made.id} 项减免", exact=True)
        await button.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("不用再付")
        assert (await Fee.get(id=fee.id)).state == "waived"
        assert trouble == []


async def test_one_records_a_transfer_and_another_approves(
    base: str, browser: Browser, services: Services, tmp_path: Path
) -> None:
    school = await make.school()
    till = await a_busy_till(services, school)
    slip, table = tmp_path / "回单.png", tmp_path / "回单.xlsx"
    slip.write_bytes(PICTURE)
    table.write_bytes(b"PK")
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/transfers")
        await page.get_by_role("link", name="登记一笔转账").click()
        await page.select_option("#f-school", str(school.id))
        await page.get_by_role("button", name="列出费用").click()
        for fee in till.owed:
            await page.check(f'input[data-fen][value="{fee.id}"]')
        await expect(page.locator("#sum")).to_have_text("已选 2 项，合计 ¥241.00")
        await page.fill("#amount", "２40.99")
        await expect(page.locator("#sum")).to_contain_text("比金额多 ¥0.01")
        await page.fill("#day", "2026-11-20")
        await page.fill("#reference", "20261120-0001")
        await page.set_input_files("#proof", table)
        send = page.locator("#transfer-form button[type=submit]")
        await send.click()
        await expect(page.locator("#proof-error")).to_contain_text("PDF、JPEG 或 PNG")
        await expect(page.locator("#amount-error")).to_contain_text("比金额多 ¥0.01")
        await page.set_input_files("#proof", slip)
        await expect(page.locator("#proof-preview img")).to_be_visible()
        await page.fill("#amount", "241")
        await page.fill("#reference", "-")
        await look(page, "transfer-new-filled")
        await send.click()
        await expect(page.locator("#reference-error")).to_contain_text("流水号")
        await page.fill("#reference", "20261120-0001")
        await send.dblclick()
        await expect(page.locator(".toast")).to_contain_text("等待另一位财务批准")
        made = await BankTransfer.get()
        assert (made.amount_fen, made.state) == (24_100, "recorded")
        await expect(page.locator("main")).to_contain_text("由另一位财务核对凭证后批准")
        await expect(page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
        trouble = [one for one in trouble if "422" not in one]
        assert trouble == []
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/transfers?state=recorded")
        await page.get_by_role("link", name=f"第 {made.id} 笔转账").click()
        await page.get_by_text("打开凭证核对").press("Enter")
        picture = page.locator(".proof img")
        await expect(picture).to_be_visible()
        await expect(picture).to_have_js_property("naturalWidth", 640)
        await page.get_by_role("button", name="批准", exact=True).click()
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("已缴清")
        assert {one.state for one in await Fee.filter(id__in=[fee.id for fee in till.owed])} == {"settled"}
        await look(page, "transfer-approved")
        assert trouble == []


async def test_one_records_what_the_bank_paid_back_and_another_approves(
    base: str, browser: Browser, services: Services, tmp_path: Path
) -> None:
    fees = await transferring.owing(services, 2, await make.school())
    order = await transferring.paid_by_bank(services, *fees)
    slip, table = tmp_path / "回单.png", tmp_path / "回单.xlsx"
    slip.write_bytes(PICTURE)
    table.write_bytes(b"PK")
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/orders/{order.id}")
        await page.get_by_role("button", name="登记银行退款").click()
        await expect(page.locator("#bank-amount")).to_have_value("241.00")
        send = page.locator("#bank-refund-form button[type=submit]")
        await send.click()
        await expect(page.locator("#bank-day-error")).to_contain_text("请填写这一项")
        await page.fill("#bank-amount", "241.01")
        await page.fill("#bank-day", "2026-11-23")
        await page.fill("#bank-reference", "-")
        await page.fill("#bank-reason", "两位考生改到明年考试，院校申请退回")
        await page.set_input_files("#bank-proof", table)
        await send.click()
        await expect(page.locator("#bank-amount-error")).to_contain_text("不能超过 241.00 元")
        await page.fill("#bank-amount", "２41")
        await send.click()
        await expect(page.locator("#bank-proof-error")).to_contain_text("PDF、JPEG 或 PNG")
        await page.set_input_files("#bank-proof", slip)
        await expect(page.locator("#bank-proof-preview img")).to_be_visible()
        await send.click()
        await expect(page.locator("#bank-reference-error")).to_contain_text("流水号")
        await page.fill("#bank-reference", "20261123-0009")
        await look(page, "bank-refund-form")
        await send.dblclick()
        await expect(page.locator(".toast")).to_contain_text("等待另一位财务批准")
        made = await BankRefund.get()
        assert (made.amount_fen, made.state) == (24_100, "recorded")
        await expect(page.locator("main")).to_contain_text("由另一位财务核对凭证后批准")
        await expect(page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
        assert [one for one in trouble if "422" not in one] == []
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/")
        await page.get_by_role("main").get_by_role("link", name="银行退款待您批准").click()
        await page.get_by_role("link", name=re.compile(f"第 {made.id} 笔银行退款$")).click()
        await page.get_by_text("打开凭证核对").press("Enter")
        await expect(page.locator(".proof img")).to_have_js_property("naturalWidth", 640)
        await look(page, "bank-refund-waiting")
        await page.get_by_role("button", name="批准", exact=True).click()
        await expect(page.locator("#sure-text")).to_contain_text("订单变为“已退款”")
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("银行退款已记账")
        await look(page, "bank-refund-approved")
        assert (await FeeOrder.get()).state == "refunded"
        assert {one.state for one in await Fee.all()} == {"refunded"}
        await page.goto(f"{base}/console/orders/{order.id}")
        await expect(page.locator("main")).to_contain_text("从银行退回")
        await look(page, "order-given-back-by-bank")
        assert trouble == []
    await paying.check_books()


async def test_finance_deals_with_an_alarm_and_writes_down_how(
    base: str, browser: Browser, services: Services
) -> None:
    await a_busy_till(services, await make.school())
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.goto(f"{base}/console/")
        await page.get_by_role("main").get_by_role("link", name="缴费提醒").click()
        await expect(page.locator("main")).to_contain_text("怎么办")
        await page.get_by_role("button", name="处理第").click()
        send = page.locator("#settle-alarm button[type=submit]")
        await page.fill("#settle-note", "好")
        await send.click()
        await expect(page.locator("#settle-note-error")).to_contain_text("至少要有4个字符")
        await page.fill("#settle-note", "已与考生核对")
        await look(page, "settle-alarm")
        await send.dblclick()
        await expect(page.locator(".toast")).to_contain_text("已处理")
        await expect(page.locator("main")).to_contain_text("没有要处理的提醒")
        await page.get_by_role("link", name="已处理").click()
        await expect(page.locator("main")).to_contain_text("已与考生核对")
        assert trouble == []


@pytest.mark.parametrize("width", [1440, 375])
async def test_every_page_fits(base: str, browser: Browser, services: Services, width: int) -> None:
    school = await make.school()
    async with seat(browser, services, base, Role.FINANCE) as (page, trouble):
        await page.set_viewport_size({"width": width, "height": 900})
        for path in ("", "waivers", "transfers", "bank-refunds", "transfers/new", "finance-alarms"):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"empty-{path.replace('/', '-')}-{width}")
        till = await a_busy_till(services, school)
        _, transfer = await waiting_for_another(services, till)
        back = await going_back_by_bank(services, school)
        of_bank = ("bank-refunds", f"bank-refunds/{back.id}", f"orders/{back.order_id}")
        one, form = f"transfers/{transfer.id}", f"transfers/new?school_id={school.id}"
        for path in ("", "waivers", "transfers", one, form, *of_bank, "fees", "finance-alarms"):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"finance-{path.replace('/', '-').partition('?')[0]}-{width}")
        await page.goto(f"{base}/console/orders/{back.order_id}")
        await page.get_by_role("button", name="登记银行退款").click()
        await look(page, f"finance-bank-refund-form-{width}")
        assert trouble == []
    async with seat(browser, services, base, Role.SCHOOL, school=school) as (page, trouble):
        await page.set_viewport_size({"width": width, "height": 900})
        for path in ("transfers", one, *of_bank):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"school-{path.replace('/', '-')}-{width}")
        assert trouble == []
