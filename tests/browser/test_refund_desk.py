"""Refunds that do not come through, as two of finance see and settle them."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.domain.payments import refund_sending, refunds
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import FeeRefund
from tests.kit import paying
from tests.kit.console_desk import CARD
from tests.kit.console_pages import look, seat
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay


async def sent(s: Services, pay: FakePay) -> FeeRefund:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, paying.PRICE_FEN, "考生因病不能参加", actor=paying.FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=paying.OTHER_FINANCE)
    await refund_sending.send(paying.box(s), pay, asked.id)
    return await FeeRefund.get(id=asked.id)


@pytest.mark.parametrize("width", [1440, 375])
async def test_a_refund_goes_to_another_card_and_one_waits_for_money(
    base: str, browser: Browser, services: Services, width: int
) -> None:
    pay = FakePay(services.settings, services.clock)
    exchange(services, pay=pay)
    refund = await sent(services, pay)
    pay.refund_status = "ABNORMAL"
    pay._end_refund(refund.number)
    paying.forward(services, minutes=3)
    await paying.sweep(services, pay)
    pay.balance_fen = 0
    await sent(services, pay)
    for role, button, dialog, said in (
        (Role.FINANCE, "改退银行卡", "ask-card", "等待另一位财务"),
        (Role.ADMIN, "的银行卡", "confirm-card", "已提交微信支付"),
    ):
        async with seat(browser, services, base, role) as (page, trouble):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(f"{base}/console/refunds")
            await look(page, f"refund-desk-{role.value}-{width}")
            await expect(page.locator("main")).to_contain_text("商户余额不足")
            await page.get_by_role("button", name=button).click()
            await page.select_option(f"#{dialog}-bank", CARD["bank"])
            await page.fill(f"#{dialog}-account", CARD["account"])
            await page.fill(f"#{dialog}-holder", CARD["holder"])
            await look(page, f"refund-card-{role.value}-{width}")
            await page.click(f"#{dialog} button[type=submit]")
            await expect(page.locator(".toast")).to_contain_text(said)
            assert trouble == []
    assert (await FeeRefund.get(id=refund.id)).state == "accepted"
