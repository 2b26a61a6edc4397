"""The phone in a real browser: follow, chat, menu, a message received, a scan, and two people at once."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, expect

from server.sandbox.media import keep
from tests.kit.sandbox_phone import frame_of, greeting, phone
from tests.sandbox.conftest import MP, OA, TEMPLATE, Arrival, Service, WeChat

pytestmark = pytest.mark.browser


async def test_follow_chat_and_menu(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    greeting(service)
    inner = [
        {"type": "click", "name": "帮助", "key": "HELP"},
        {"type": "scancode_waitmsg", "name": "扫码", "key": "SCAN"},
    ]
    menu = {"button": [{"name": "更多", "sub_button": inner}]}
    token = await wechat.token()
    await wechat.http.post(f"{wechat.url}/cgi-bin/menu/create", params={"access_token": token},
                           data=json.dumps(menu, ensure_ascii=False).encode())  # fmt: skip
    page = await phone(tabs, wechat, "p1")
    await page.click("text=还没有关注")
    await page.click("button:text-is('关注')")
    await expect(page.locator(".said .bubble")).to_have_text(["请点这里继续。"])
    await page.click("button:text-is('更多')")
    await page.click("button:text-is('帮助')")
    await expect(page.locator(".said .bubble")).to_have_count(2)
    await page.click("button:text-is('更多')")
    await page.click("button:text-is('扫码')")
    await page.fill(".over input[name=link]", "CODE-7")
    await page.click(".over button:text-is('识别')")
    await expect(page.locator(".said .bubble")).to_have_count(3)
    await page.click("button[aria-label=写消息]")
    await page.fill("input[name=text]", "你好")
    await page.press("input[name=text]", "Enter")
    await expect(page.locator(".said.mine .bubble")).to_have_text(["你好"])
    events = [a.opened().get("Event", "text") for a in service.arrivals]
    assert events == ["subscribe", "CLICK", "scancode_waitmsg", "text"]
    assert service.arrivals[2].opened()["ScanCodeInfo"]["ScanResult"] == "CODE-7"


async def test_a_template_message_is_seen_in_the_notices(tabs: BrowserContext, wechat: WeChat) -> None:
    wechat.follows()
    page = await phone(tabs, wechat, "p1")
    data = {"thing1": {"value": "期末考试"}, "time2": {"value": "2026-11-23 10:00"}}
    body = {"touser": wechat.openid(), "template_id": TEMPLATE.id, "data": data, "url": "https://e.cn/"}
    assert (await wechat.call("/cgi-bin/message/template/send", body))["errcode"] == 0
    await expect(page.locator(".badge")).to_have_text("1")
    await page.click("text=服务通知")
    await expect(page.locator(".card h2")).to_have_text("成绩公布")
    await expect(page.locator(".card dd")).to_have_text(["期末考试", "2026-11-23 10:00"])


async def site(wechat: WeChat, service: Service) -> web.AppRunner:
    """A service that logs in by OAuth and remembers people by a cookie."""

    async def page(request: web.Request) -> web.StreamResponse:
        if who := request.cookies.get("who"):
            return web.Response(text=f"<title>我的</title><p id=who>{who}</p>", content_type="text/html")
        if given := request.query.get("code"):
            query = {"appid": OA.appid, "secret": OA.secret, "code": given}
            told = await wechat.get("/sns/oauth2/access_token", **query, grant_type="authorization_code")
            answer = web.Response(status=302, headers={"Location": "/h5/page"})
            answer.set_cookie("who", told["openid"], httponly=True, samesite="Lax")
            return answer
        back = quote(f"{service.url}/h5/page", safe="")
        address = (
            f"{wechat.url}/connect/oauth2/authorize?appid={OA.appid}&redirect_uri={back}"
            f"&response_type=code&scope={request.query.get('scope', 'snsapi_base')}&state=s#wechat_redirect"
        )
        return web.Response(status=302, headers={"Location": address})

    app = web.Application()
    app.router.add_get("/h5/page", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = wechat.platform.service_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


async def test_two_people_in_two_tabs_are_two_people(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    runner = await site(wechat, service)
    try:
        open_page = f"&open={quote(service.url + '/h5/page', safe='')}"
        one = await phone(tabs, wechat, "p1", open_page)
        await expect((await frame_of(one)).locator("#who")).to_have_text(wechat.openid(1))
        two = await phone(tabs, wechat, "p2", open_page)
        await expect((await frame_of(two)).locator("#who")).to_have_text(wechat.openid(2))
        await one.click("button[aria-label=更多]")
        await one.click("button:text-is('刷新')")
        await expect((await frame_of(one)).locator("#who")).to_have_text(wechat.openid(1))
        await expect(one.locator(".bar h1")).to_have_text("我的")
    finally:
        await runner.cleanup()


async def test_consent_is_asked_for_user_information(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    runner = await site(wechat, service)
    try:
        address = quote(f"{service.url}/h5/page?scope=snsapi_userinfo", safe="")
        page = await phone(tabs, wechat, "p3", f"&open={address}")
        frame = await frame_of(page)
        await expect(frame.locator("label:visible span")).to_have_text(["周若宁"])
        await frame.click("button:text-is('同意')")
        await expect(frame.locator("#who")).to_have_text(wechat.openid(3))
    finally:
        await runner.cleanup()


async def test_scanning_a_picture(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    wechat.follows()
    scene = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "s7"}}}
    made = await wechat.call("/cgi-bin/qrcode/create", {**scene, "expire_seconds": 300})
    async with wechat.http.get(
        f"{wechat.url}/cgi-bin/showqrcode", params={"ticket": made["ticket"]}
    ) as answer:
        picture = await answer.read()
    page = await phone(tabs, wechat, "p1", "#scan")
    file = {"name": "qr.png", "mimeType": "image/png", "buffer": picture}
    await page.set_input_files("#file", files=[file])  # type: ignore[arg-type]
    await page.wait_for_url("**#chat")
    await wechat.platform.settle()
    assert [a.opened()["EventKey"] for a in service.arrivals] == ["s7"]


async def test_the_request_console_of_the_mini_program(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    async def answer(arrival: Arrival) -> web.Response:
        return web.json_response({"token": "bearer-1"})

    service.answer = answer
    page = await phone(tabs, wechat, "p1", "#console")
    await page.fill("#path", "/mp/v1/session")
    await page.click("button:text-is('发送')")
    await expect(page.locator("#token")).to_have_value("bearer-1")
    assert len(json.loads(service.arrivals[0].body)["code"]) == 32


async def test_what_an_account_may_send_leads_somewhere(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    wechat.follows()
    page = await phone(tabs, wechat, "p1", "#chat")
    await page.get_by_label("图片、语音、位置等").click()
    await page.click(".item:text-is('图片')")
    await expect(page.locator(".said.mine img")).to_have_js_property("naturalWidth", 240)
    for _ in range(5):
        await wechat.post("/phone/api/act/p1/send", {"kind": "image"}, wait="1")
    await page.reload()
    await expect(page.locator(".said.mine img").last).to_have_js_property("naturalWidth", 240)
    await page.wait_for_function(
        "(body => body.scrollTop > 0 && body.scrollHeight - body.scrollTop - body.clientHeight < 2)"
        "(document.querySelector('.body'))"
    )
    thumb = keep(wechat.platform, OA, "image", b"\xff\xd8\xff")
    card = {
        "title": "我的进度",
        "appid": MP.appid,
        "pagepath": "pages/mine/index?a=1",
        "thumb_media_id": thumb,
    }
    body = {"touser": wechat.openid(), "msgtype": "miniprogrampage", "miniprogrampage": card}
    assert (await wechat.call("/cgi-bin/message/custom/send", body))["errcode"] == 0
    await page.click(".card:has-text('我的进度')")
    await expect(page.locator(".weui-msg p")).to_have_text("页面 pages/mine/index，场景值 1074")
    data = {"thing1": {"value": "期末"}, "time2": {"value": "2026-11-23 10:00"}}
    message = {"touser": wechat.openid(), "template_id": TEMPLATE.id, "data": data}
    assert (await wechat.call("/cgi-bin/message/template/send", message))["errcode"] == 0
    await page.goto(f"{wechat.url}/phone?person=p1#notices")
    await page.reload()
    below = "card => card.getBoundingClientRect().bottom - card.querySelector('dl').getBoundingClientRect().bottom"
    assert (
        await page.locator(".card").evaluate(below) >= 12
    )  # without a link nothing else keeps the edge away


async def test_the_customer_service_of_the_mini_program_is_a_chat(
    tabs: BrowserContext, wechat: WeChat, service: Service
) -> None:
    """Late answers appear by themselves, links in them are links, and reading further up is not disturbed."""
    page = await phone(tabs, wechat, "p1", "#console")
    await page.click("button:text-is('联系客服')")
    await page.fill("input[name=text]", "在吗")
    await page.press("input[name=text]", "Enter")
    await expect(page.locator(".said.mine .bubble")).to_have_text(["在吗"])
    await wechat.platform.settle()
    events = [a.opened(MP).get("Event", "text") for a in service.arrivals]
    assert events == ["user_enter_tempsession", "text"]

    async def say(text: str) -> None:
        body = {"touser": wechat.openid(1, MP), "msgtype": "text", "text": {"content": text}}
        assert (await wechat.call("/cgi-bin/message/custom/send", body, MP))["errcode"] == 0

    await say(f'请点<a href="{service.url}/v">这里</a>。' + "\n长" * 60)
    await expect(page.locator(".bubble a")).to_have_text(["这里"])
    body = page.locator(".body")
    await body.evaluate("one => { one.scrollTop = 30; }")
    await say("还有")
    await expect(page.locator(".said:not(.mine) .bubble")).to_have_count(2)
    await page.wait_for_function("document.querySelector('.body').scrollTop === 30")


async def test_the_pages_fit_a_small_phone(browser: Browser, wechat: WeChat) -> None:
    wechat.follows()
    context = await browser.new_context(viewport={"width": 375, "height": 667})
    for path in ("/phone", "/phone?person=p1#chat", "/phone?person=p1#scan", "/sandbox", "/sandbox/switches"):
        page = await context.new_page()
        await page.goto(wechat.url + path)
        await page.wait_for_load_state("networkidle" if "phone" not in path else "load")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    await context.close()
