"""A web page and WeChat's JS-SDK in a real browser: signatures, refusals, the scanner, the menu, the open tag, the policy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Frame, Page, expect

from server.sandbox import crypto
from server.sandbox.config import Template
from tests.kit.sandbox_phone import frame_of, phone
from tests.sandbox.conftest import OA, Service, WeChat

pytestmark = pytest.mark.browser

NOTICE = Template("N" * 43, "到货通知", "oa", ("thing1",), use="once")
PAGE = """<!doctype html><html><head><title>页面</title><script src="{sdk}"></script><script src="/page.js"></script></head>
<body><p id="broken"></p><wx-open-subscribe template="{notice}"><template slot="style"><style>button {{ color: rgb(1, 2, 3) }}</style></template>
<template><button>订阅</button></template></wx-open-subscribe></body></html>"""
SCRIPT = """
addEventListener("securitypolicyviolation", (e) => { document.getElementById("broken").textContent += e.violatedDirective; });
window.happened = [];
window.begin = async (more = {}, sign = location.href) => {
  const config = await (await fetch("/sign?url=" + encodeURIComponent(sign.split("#")[0]))).json();
  window.happened.length = 0;
  return new Promise((done) => {
    wx.error((said) => happened.push(said.errMsg));
    wx.config({...config, jsApiList: ["scanQRCode", "hideMenuItems", "updateAppMessageShareData"], openTagList: ["wx-open-subscribe"], ...more});
    wx.ready(() => { happened.push("ready"); setTimeout(() => done(happened), 0); });
  });
};
window.call = (name, more = {}) => new Promise((complete) => wx[name]({...more, complete}));
"""
SUBSCRIBED = """new Promise((done) => {
  document.querySelector("wx-open-subscribe").addEventListener("success", (event) => done(event.detail));
})"""


@pytest.fixture
async def shop(wechat: WeChat, service: Service) -> AsyncIterator[list[str]]:
    """A site that signs whatever address it is asked for; gives the addresses it was asked to sign."""
    signed: list[str] = []
    token = await wechat.token()
    ticket = (await wechat.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi"))["ticket"]
    wechat.platform.add_template(NOTICE)

    async def page(request: web.Request) -> web.Response:
        policy = f"default-src 'self'; script-src 'self' {wechat.url}/open/js/jweixin-1.6.0.js; frame-ancestors 'none'"
        if "plain" not in request.query:
            policy += "; frame-src https://*.qq.com webcompt:"
        text = PAGE.format(sdk=f"{wechat.url}/open/js/jweixin-1.6.0.js", notice=NOTICE.id)
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def script(request: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    async def sign(request: web.Request) -> web.Response:
        signed.append(request.query["url"])
        proof = crypto.jsapi_signature(ticket, "nonce", "1700000000", request.query["url"])
        return web.json_response(
            {"appId": OA.appid, "timestamp": 1700000000, "nonceStr": "nonce", "signature": proof}
        )

    app = web.Application()
    app.router.add_get("/page", page)
    app.router.add_get("/page.js", script)
    app.router.add_get("/sign", sign)
    app.router.add_route("*", "/wechat/oa", service.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = wechat.platform.service_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield signed
    await runner.cleanup()


async def opened(tabs: BrowserContext, wechat: WeChat, service: Service, path: str) -> tuple[Page, Frame]:
    page = await phone(tabs, wechat, "p1", f"&open={quote(service.url + path, safe='')}")
    frame = await frame_of(page)
    await frame.wait_for_url("**/page?*" if "?" in path else "**/page")
    await frame.wait_for_load_state("load")
    return page, frame


async def test_a_signed_page_may_what_it_asked_for(
    tabs: BrowserContext, wechat: WeChat, service: Service, shop: list[str]
) -> None:
    page, frame = await opened(tabs, wechat, service, "/page?from=singlemessage#part")
    before = await frame.evaluate("call('hideMenuItems', {menuList: ['menuItem:copyUrl']})")
    assert before["errMsg"] == "hideMenuItems:the permission value is offline verifying"
    assert await frame.evaluate("begin()") == ["ready"]
    assert shop == [f"{service.url}/page?from=singlemessage"]
    assert (await frame.evaluate("call('closeWindow')"))["errMsg"] == before["errMsg"].replace(
        "hideMenuItems", "closeWindow"
    )
    paid = await frame.evaluate("call('chooseWXPay', {timestamp: 1})")
    assert paid["errMsg"] == "chooseWXPay:the permission value is offline verifying"
    checked = await frame.evaluate("call('checkJsApi', {jsApiList: ['chooseWXPay', 'startRecord']})")
    assert checked["checkResult"] == {"chooseWXPay": True, "startRecord": False}
    hidden = {"menuList": ["menuItem:share:appMessage", "menuItem:copyUrl"]}
    assert (await frame.evaluate(f"call('hideMenuItems', {json.dumps(hidden)})"))[
        "errMsg"
    ] == "hideMenuItems:ok"
    card = await frame.evaluate("call('updateAppMessageShareData', {title: 'x', link: 'https://e.cn/'})")
    assert card["errMsg"].startswith("updateAppMessageShareData:") and not card["errMsg"].endswith(":ok")
    await page.click("button[aria-label=更多]")
    entries = await page.locator(".item").all_inner_texts()
    assert "分享到朋友圈" in entries and not {"发送给朋友", "复制链接"} & set(entries)
    await page.click("button:text-is('取消')")
    # the scanner speaks of the service's addresses, the page of its own
    task = asyncio.create_task(frame.evaluate("call('scanQRCode', {needResult: 1})"))
    await page.fill(".over input[name=link]", f"{service.url}/s/1")
    await page.click(".over button:text-is('识别')")
    own = f"http://p1.localhost:{wechat.url.rpartition(':')[2]}"
    assert (await task)["resultStr"] == f"{own}/s/1"
    assert await frame.inner_text("#broken") == ""
    assert await frame.evaluate("navigator.userAgent.includes('MicroMessenger/8') && top !== window")


async def test_a_wrong_signature_is_told_before_ready(
    tabs: BrowserContext, wechat: WeChat, service: Service, shop: list[str]
) -> None:
    """`ready` comes after a failed verification too."""
    _, frame = await opened(tabs, wechat, service, "/page")
    assert await frame.evaluate("begin({signature: '0'.repeat(40)})") == ["config:invalid signature", "ready"]
    wechat.platform.switchboard.turn({"web_domains": ["elsewhere.example"]})
    _, frame = await opened(tabs, wechat, service, "/page")
    assert await frame.evaluate("begin()") == ["config:invalid url domain", "ready"]


async def test_an_iphone_answers_for_the_address_a_page_came_with(
    tabs: BrowserContext, wechat: WeChat, service: Service, shop: list[str]
) -> None:
    wrong = ["config:invalid signature", "ready"]
    for kind, of_entry, of_current in (("android", wrong, ["ready"]), ("ios", ["ready"], wrong)):
        await wechat.post("/phone/api/act/p1/agent", {"kind": kind})
        for signed, outcome in (("came", of_entry), ("location.href", of_current)):
            _, frame = await opened(tabs, wechat, service, "/page?first=1")
            await frame.evaluate(
                "window.came = location.href; history.replaceState(null, '', '/page?second=1')"
            )
            assert await frame.evaluate(f"begin({{}}, {signed})") == outcome, (kind, signed)


async def test_the_open_tag_asks_and_the_account_is_told(
    tabs: BrowserContext, wechat: WeChat, service: Service, shop: list[str]
) -> None:
    page, frame = await opened(tabs, wechat, service, "/page")
    await frame.evaluate("begin()")
    told = asyncio.create_task(frame.evaluate(SUBSCRIBED))
    button = frame.locator("wx-open-subscribe button")
    await expect(button).to_have_css("color", "rgb(1, 2, 3)")
    await button.click()
    await expect(page.locator(".sheet-ask .ask:not(.keep)")).to_have_text(["到货通知"])
    await page.click(".sheet-ask button:text-is('允许')")
    details = json.loads((await told)["subscribeDetails"])
    assert json.loads(details[NOTICE.id]) == {"status": "accept"}
    await wechat.platform.settle()
    [arrival] = service.arrivals
    event = arrival.opened()
    assert event["Event"] == "subscribe_msg_popup_event"
    listed = event["SubscribeMsgPopupEvent"]["List"]
    assert listed == {"TemplateId": NOTICE.id, "SubscribeStatusString": "accept", "PopupScene": "1"}
    assert await frame.inner_text("#broken") == ""


async def test_the_open_tag_stays_away_where_the_policy_has_no_room_for_it(
    tabs: BrowserContext, wechat: WeChat, service: Service, shop: list[str]
) -> None:
    _, frame = await opened(tabs, wechat, service, "/page?plain=1")
    await frame.evaluate(
        "document.addEventListener('WeixinOpenTagsError', (e) => { window.told = e.detail.errMsg; })"
    )
    await frame.evaluate("begin()")
    assert "frame-src" in await frame.evaluate("window.told")
    assert await frame.locator("wx-open-subscribe button").count() == 0
