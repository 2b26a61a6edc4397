"""The cashier on the phone in a real browser: a page pays, a code is scanned, the mini-program pays."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

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
    await page.goto(f"{pay.url}/phone?person=p3#console")
    await page.fill("textarea#payment", json.dumps(program))
    await page.click("button:text-is('支付')")
    await sheet(page, "支付失败")
    await expect(page.locator(".code:has-text('requestPayment:fail 银行卡余额不足')")).to_be_visible()
    await page.click("button:text-is('支付')")
    await sheet(page, "确认支付")
    await expect(page.locator(".code:has-text('requestPayment:ok')")).to_be_visible()
    assert (await pay.ask("WEB-000003"))["trade_state"] == "SUCCESS"


async def test_the_mini_program_pays_what_is_owed(tabs: BrowserContext, pay: Pay) -> None:
    """From the fee to the order that is paid, through wx.requestPayment with the service's own parameters."""
    payer = {"openid": pay.platform.openid(MP, pay.person(3))}
    params = pay.pay_sign(await pay.place("WEB-000004", 4500, appid=MP.appid, payer=payer), MP.appid)
    day = "2026-11-23T12:00:00+08:00"
    order = {"id": 7, "number": "WEB-000004", "description": "考试费", "total_fen": 4500, "refunded_fen": 0, "state": "open", "state_label": "待支付", "expires_at": day, "paid_at": None, "is_payable_here": True}  # fmt: skip
    fee = {"id": 3, "plan": "考试计划", "exam_date": "2026-11-23", "level": "primary", "amount_fen": 4500, "state": "owed", "state_label": "待缴"}  # fmt: skip
    api = {"session": {"token": "t", "roles": []}, "orders": {"fees": [fee], "orders": []}, "orders/7/pay": params}  # fmt: skip
    page = await tabs.new_page()

    async def proxied(route: Route) -> None:
        """The service's API, at the phone's door to it."""
        asked = json.loads(route.request.post_data or "{}")
        path = asked["path"].removeprefix("/")
        if (asked["method"], path) == ("POST", "orders"):
            assert json.loads(asked["body"]) == {"fees": [3]}
            api["orders"] = {"fees": [], "orders": [order]}
            body: object = order
        else:
            paid = (await pay.ask("WEB-000004"))["trade_state"] == "SUCCESS"
            order.update(state="paid" if paid else "open", state_label="已支付" if paid else "待支付", is_payable_here=not paid)  # fmt: skip
            body = api[path]
        answer = {"status": 200, "type": "application/json", "text": json.dumps(body)}
        await route.fulfill(json=answer)

    await page.route("**/phone/proxy", proxied)
    await page.goto(f"{pay.url}/phone?person=p3#program={quote('pages/orders/index', safe='')}")
    await expect(page.locator(".sum b")).to_have_text("￥45.00")
    await page.get_by_role("button", name="去付款").click()
    await sheet(page, "取消")
    await expect(page.locator(".verdict")).to_have_text("待支付")
    await page.get_by_role("button", name="微信支付").click()
    await sheet(page, "确认支付")
    await expect(page.locator(".verdict")).to_have_text("已支付")
    await expect(page.get_by_role("button", name="微信支付")).to_have_count(0)
