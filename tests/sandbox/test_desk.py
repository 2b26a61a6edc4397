"""The developer's pages: the timeline with its filters, every switch on its page; in a browser too."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from server.sandbox import forgeries, switch_page
from server.sandbox.pay.switches import PaySwitches
from server.sandbox.switches import Switches
from tests.kit.sandbox_phone import fits
from tests.sandbox.conftest import OA, Service, WeChat


async def test_every_switch_stands_on_the_page(wechat: WeChat) -> None:
    """The forced errors have a form of their own."""
    groups = switch_page.groups(wechat.platform, asdict(PaySwitches()))
    for path, kind in (("switches", Switches), ("pay/switches", PaySwitches)):
        shown = [one["name"] for group in groups if group["path"] == path for one in group["controls"]]
        assert sorted(shown) == sorted({f.name for f in fields(kind)} - {"forced"})
    assert [one for group in groups for one in group["controls"] if one["changed"]] == []
    assert list(forgeries.NAMES) == list(forgeries.KINDS)


async def some_traffic(wechat: WeChat) -> None:
    token = await wechat.token()
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await wechat.post("/phone/api/act/p2/follow", {}, wait="1")
    await wechat.post("/cgi-bin/menu/create", {"button": []}, access_token=token)


async def test_the_timeline_is_filtered_for_tests(wechat: WeChat, service: Service) -> None:
    await some_traffic(wechat)

    async def whats(**query: str) -> list[tuple[str, str]]:
        rows = (await wechat.get("/sandbox/api/timeline", **query))["items"]
        return [(row["direction"], row["what"].replace(service.url, "")) for row in rows]

    push = ("push", "POST /wechat/oa")
    everything = [("in", "POST /cgi-bin/stable_token"), push, push, ("in", "POST /cgi-bin/menu/create")]
    assert await whats() == everything
    assert await whats(direction="push") == [push, push]
    assert await whats(ok="0") == [("in", "POST /cgi-bin/menu/create")]
    assert await whats(ok="1", direction="in") == [("in", "POST /cgi-bin/stable_token")]
    assert await whats(words="陈一诺") == [push]
    assert await whats(words="40016 ") == [("in", "POST /cgi-bin/menu/create")]
    rows = (await wechat.get("/sandbox/api/timeline"))["items"]
    assert await whats(after=str(rows[1]["id"])) == everything[2:]
    assert await whats(last="1") == everything[3:]
    async with wechat.http.get(f"{wechat.url}/sandbox/api/timeline", params={"after": "x"}) as answer:
        assert answer.status == 400


async def test_no_secret_stands_in_the_timeline(wechat: WeChat) -> None:
    token = await wechat.token()
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    text = str(wechat.platform.timeline.rows())
    assert token not in text
    assert OA.secret not in text


@pytest.mark.browser
async def test_looking_through_the_timeline(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    await some_traffic(wechat)
    page = await tabs.new_page()
    await page.goto(f"{wechat.url}/sandbox")
    rows = page.locator("#rows > li")
    await expect(rows).to_have_count(4)
    await expect(page.locator("#count")).to_have_text("最近 4 条，1 条没有通过")
    await page.get_by_text("微信 → 服务", exact=True).first.click()
    await expect(rows).to_have_count(2)
    await page.get_by_label("搜索").fill("林知夏")
    await expect(rows).to_have_count(1)
    await rows.locator("summary").click()
    await expect(rows.locator("pre").nth(1)).to_contain_text('"Event": "subscribe"')
    await page.reload()  # the address has kept the filter
    await expect(rows).to_have_count(1)
    await page.get_by_text("全部", exact=True).click()
    await page.get_by_label("搜索").fill("")
    await page.get_by_label("只看没有通过的").check()
    await expect(rows).to_have_count(1)
    await expect(rows.locator(".verdict")).to_contain_text("40016")
    await fits(page)
    await page.get_by_role("button", name="清空").click()
    await expect(page.get_by_text("还没有请求和推送")).to_be_visible()


@pytest.mark.browser
async def test_turning_switches(tabs: BrowserContext, wechat: WeChat) -> None:
    board = wechat.platform.switchboard
    before = asdict(board.now)
    page = await tabs.new_page()
    await page.goto(f"{wechat.url}/sandbox/switches")
    state = page.locator("#changed")
    await expect(state).to_have_text("一切正常")

    async def turn(name: str, value: Any) -> None:
        field = page.locator(f'[name="{name}"]')
        if isinstance(value, bool):
            await field.set_checked(value)
        elif await field.evaluate("one => one.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(str(value))
            await field.blur()

    for number, (name, given, taken) in enumerate(
        (
            ("drop_share", "0.05", 0.05),
            ("push_copies", "2", 2),
            ("snapshot", True, True),
            ("push_mode", "compat", "compat"),
            ("ip_whitelist", "10.0.0.1\n 10.0.0.2 ", ["10.0.0.1", "10.0.0.2"]),
            ("link_rules", '[{"prefix": "https://a.cn/"}]', [{"prefix": "https://a.cn/"}]),
        ),
        1,
    ):
        await turn(name, given)
        await expect(state).to_have_text(f"{number} 处不是原样")
        assert getattr(board.now, name) == taken
    await turn("lose_share", "7")
    await expect(page.locator("#toast")).to_contain_text("不能设为")
    await page.locator("#force [name=path]").fill("/cgi-bin/menu/get")
    await page.get_by_role("button", name="安排").click()
    await expect(page.locator("#forced li")).to_contain_text("/cgi-bin/menu/get 回答 -1")
    assert board.now.forced == [{"path": "/cgi-bin/menu/get", "errcode": -1, "times": 1}]
    await page.locator("#forge select").select_option("别的 appid")
    await page.get_by_role("button", name="发送").click()
    await expect(page.locator("#told")).to_contain_text('"refused": false')  # nobody refuses here
    await fits(page)
    await page.get_by_role("button", name="全部恢复原样").click()
    await expect(state).to_have_text("一切正常")
    assert asdict(board.now) == before
    await page.get_by_role("button", name="验证服务器网址").click()
    await expect(page.locator("#told")).to_contain_text('"oa": "通过"')
