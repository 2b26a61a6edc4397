"""The cashier on the phone in a real browser: a page pays, a code is scanned, the mini-program pays."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.kit.sandbox_phone import frame_of
from tests.sandbox.pay.conftest import MP, OA, Pay

pytestmark = pytest.mark.browser


async def sheet(page: Page, act: str) -> None:
    """Answer the cashier that the phone shows."""
    cashier = page.frame_locator("iframe[title=微信支付]")
    await expect(cashier.locator(".amount")).to_have_text("￥45.00")
    await cashier.locator(f"button:text-is('{act}')").click()
    if act != "取消":
        await cashier.locator("button:text-is('完成')").click()
    await expect(page.locator("iframe[title=微信支付]")).to_have_count(0)


async def test_a_page_a_scan_and_the_mini_program(tabs: BrowserContext, pay: Pay) -> None:
    """What the person does is what the page hears and what the order says."""
    pay.shop.pages["/h5/pay"] = "<!doctype html><title>支付</title><p>支付页</p>"
    params = pay.pay_sign(await pay.place("WEB-000001", 4500), OA.appid)
    page = await tabs.new_page()
    await page.goto(f"{pay.url}/phone?person=p1&open={quote(pay.shop.url + '/h5/pay', safe='')}")
    frame = await frame_of(page)
    await frame.wait_for_function("window.WeixinJSBridge !== undefined")
    begin = f"""window.told = null;
        WeixinJSBridge.invoke('getBrandWCPayRequest', {json.dumps(params)}, (answer) => {{ window.told = answer.err_msg; }});"""
    heard = []
    for act in ("取消", "确认支付"):
        await frame.evaluate(f"() => {{ {begin} }}")
        await sheet(page, act)
        await frame.wait_for_function("window.told !== null")
        heard.append(await frame.evaluate("window.told"))
    assert heard == ["get_brand_wcpay_request:cancel", "get_brand_wcpay_request:ok"]
    assert (await pay.ask("WEB-000001"))["trade_state"] == "SUCCESS"
    await frame.evaluate(f"() => {{ {begin} }}")
    await frame.wait_for_function("window.told !== null")
    assert await frame.evaluate("window.told") == "get_brand_wcpay_request:fail"

    native = await pay.send("POST", "/v3/pay/transactions/native", pay.order("WEB-000002", 4500, payer=None))
    await page.goto(f"{pay.url}/phone?person=p2#scan")
    await page.fill("input[name=link]", native.json["code_url"])
    await page.click("button:text-is('识别')")
    await sheet(page, "确认支付")
    assert (await pay.ask("WEB-000002"))["payer"] == {"openid": pay.platform.openid(OA, pay.person(2))}

    payer = {"openid": pay.platform.openid(MP, pay.person(3))}
    program = pay.pay_sign(await pay.place("WEB-000003", 4500, appid=MP.appid, payer=payer), MP.appid)
    await page.goto(f"{pay.url}/phone?person=p3#program")
    await page.fill("textarea#payment", json.dumps(program))
    await page.click("button:text-is('支付')")
    await sheet(page, "支付失败")
    await expect(page.locator(".code:has-text('requestPayment:fail 银行卡余额不足')")).to_be_visible()
    await page.click("button:text-is('支付')")
    await sheet(page, "确认支付")
    await expect(page.locator(".code:has-text('requestPayment:ok')")).to_be_visible()
    assert (await pay.ask("WEB-000003"))["trade_state"] == "SUCCESS"
