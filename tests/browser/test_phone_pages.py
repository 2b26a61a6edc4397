"""The candidates' pages in a real Chromium, at the width of a phone and of a desk: they fit, they speak, they work.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.adapters.captcha import PillowImageCheck
from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from server.domain.auth import web_login
from server.domain.notices.telling import Notice, tell
from server.domain.payments import refunds
from server.domain.payments.orders import Payer
from server.domain.ports import Services
from server.models import Binding, Follower
from server.web.h5.login import SESSION_COOKIE
from tests.kit import campaigning, make, paying
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.history import ME, NUMBER, a_history
from tests.kit.lookups import bound
from tests.kit.windows import PHONE, Window

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


async def test_notices_and_their_switches(window: Window, services: Services) -> None:
    """What did not reach WeChat is told at the door and marked once; a switch is one tap, without any script."""
    who = await bound(services, ME)
    await Follower.create(openid=ME.openid, is_following=False, changed_at=services.clock.now())
    plan = await make.plan()
    await make.registration(services, who, on=plan)
    await campaigning.people(services, 1, on=plan)
    await campaigning.running(services, plan)
    fields = {
        "plan": "2026年第四批全国统考",
        "exam_date": "2026年9月22日",
        "released_at": "2026年11月23日 12:00",
    }
    notice = Notice(who.id, "results:1", fields, "/h5/results")
    await tell(services.settings, services.clock, services.queue, "results_released", [notice])
    page = window.page
    await window.go("/h5/")
    await window.look("home-with-notices")
    await page.click("text=请查看")
    await window.look("notices")
    assert await page.locator("article").count() == 2
    assert await page.locator(".state.wait").count() == 2
    fees = page.get_by_role("switch", name="缴费提醒")
    await expect(fees).to_be_checked()
    await fees.click()
    await page.wait_for_url("**/h5/notices#choices")
    await expect(page.get_by_role("switch", name="缴费提醒")).not_to_be_checked()
    await expect(page.get_by_role("switch", name="考试安排")).to_be_checked()
    assert await page.locator(".state.wait").count() == 0
    await window.look("notices-switched")
    await page.get_by_role("switch", name="缴费提醒").press("Enter")
    await expect(page.get_by_role("switch", name="缴费提醒")).to_be_checked()


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
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)
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


async def test_who_has_just_paid_sees_it_without_a_refresh(window: Window, services: Services) -> None:
    """WeChat Pay was asked a moment before; the page asks again by itself until it knows."""
    pay = FakePay(services.settings, services.clock)
    exchange(services, pay=pay)
    fee = await paying.owing(services, await paying.priced(services))
    await Binding.create(
        account="oa", openid=ME.openid, candidate_id=fee.candidate_id, bound_at=services.clock.now()
    )
    order = await paying.ordered(services, pay, fee, by=Payer(fee.candidate_id, openid=ME.openid))
    await window.page.add_init_script(
        "window.WeixinJSBridge = {invoke: (name, given, heard) => heard({err_msg: `${name}:ok`})}"
    )
    await window.go(f"/h5/orders/{order.id}")  # which asks WeChat Pay
    await window.page.evaluate("history.replaceState({confirming: 8}, ''); location.reload()")
    await expect(window.page.locator("#pay-said")).to_contain_text(
        "还没有收到微信支付的确认"
    )  # it does not ask for ever
    pay._pay(order.number)
    await window.page.get_by_role("button", name="微信支付").click()
    await expect(window.page.locator("#pay-said")).to_contain_text("正在向微信支付确认")
    await window.look("order-confirming")
    paying.forward(services, seconds=4)
    await expect(window.page.locator(".state").first).to_have_text("已支付")


async def test_an_order_before_and_after_it_is_paid(window: Window, services: Services) -> None:
    pay = FakePay(services.settings, services.clock)
    exchange(services, pay=pay)
    fee = await paying.owing(services, await paying.priced(services))
    await Binding.create(
        account="oa", openid=ME.openid, candidate_id=fee.candidate_id, bound_at=services.clock.now()
    )
    order = await paying.ordered(services, pay, fee, by=Payer(fee.candidate_id, openid=ME.openid))
    await window.go(f"/h5/orders/{order.id}")
    await window.look("order-open")
    begun = await paying.ordered(services, pay, fee, by=paying.payer(fee, account="mp"))
    await window.go("/h5/orders")
    await window.look("orders-begun-elsewhere")
    await window.go(f"/h5/orders/{begun.id}")
    await window.look("order-begun-elsewhere")
    await window.page.get_by_role("button", name="在这里重新下单").click()
    assert window.page.url.endswith(f"/h5/orders/{order.id}")  # the one that is open here
    assert pay._pay(order.number)
    paying.forward(services, seconds=4)
    await window.go(f"/h5/orders/{order.id}")
    await window.look("order-paid")
    await window.page.set_viewport_size({"width": 320, "height": 640})
    await window.look("order-paid-narrow")
    refund = await refunds.ask(services.clock, order.id, 2_050, "考生因病不能参加", actor=paying.FINANCE)
    await refunds.approve(
        services.clock, services.queue, services.faults, refund.id, actor=paying.OTHER_FINANCE
    )
    await window.go(f"/h5/orders/{order.id}")
    await window.look("order-refunding-narrow")
    await window.go("/h5/orders")
    await window.look("orders-narrow")
    await window.go(f"/h5/orders/{order.id}")
    link = window.page.get_by_role("link", name="打开收据（PDF）")
    assert await link.get_attribute("href") == f"/h5/orders/{order.id}/receipt.pdf"
