"""The start page and the scenarios in a browser: whose phone opens, what the weather does, a recording from start to replay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from server.sandbox import start_roles
from server.sandbox.config import RegisteredPerson, Role, Step
from server.sandbox.platform import Platform
from tests.kit.sandbox_phone import fits
from tests.sandbox.conftest import CONFIG, Service, WeChat

STAFF = Role(
    "值班老师", "在校门口", (Step("登录", url="{service}/login"), Step("扫码", "#scan"), Step("看", "/h5/"))
)


def test_registered_people_stand_under_their_role() -> None:
    people = (
        RegisteredPerson("王建华", "19900008201", "值班老师 · 东校区"),
        RegisteredPerson("罗云曦", "19900008202", "考生"),
    )
    platform = Platform(replace(CONFIG, people=people, roles=(STAFF, Role("考生", "", ()))))
    staff, candidate = start_roles.cards(platform)
    assert [(one["name"], one["note"], one["follows"]) for one in staff["people"]] == [
        ("王建华", "东校区", False)
    ]
    assert [(one["text"], one["url"], one["query"]) for one in staff["steps"]] == [
        ("登录", "http://127.0.0.1:9/login", ""),
        ("扫码", "", "#scan"),
        ("看", "", "&open=http%3A%2F%2F127.0.0.1%3A9%2Fh5%2F"),
    ]
    assert [one["name"] for one in candidate["people"]] == ["罗云曦"]


def test_alone_the_roles_are_general_and_the_people_invented() -> None:
    found = start_roles.cards(Platform(CONFIG))
    assert [(card["title"], len(card["people"])) for card in found] == [
        ("用户", 2),
        ("负责人", 2),
        ("工作人员", 2),
    ]
    assert len({one["id"] for card in found for one in card["people"]}) == 6


@pytest.mark.browser
async def test_from_the_start_page(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    wechat.platform.clock.reset()
    page = await tabs.new_page()
    await page.goto(wechat.url)
    await expect(page).to_have_url(f"{wechat.url}/sandbox/start")
    await expect(page.locator("#service")).to_contain_text("被测的服务有回答")
    await page.get_by_label("陈一诺").check()
    follow = page.locator("[data-follow]").first
    await expect(follow).not_to_have_class("done")
    wechat.follows(2)
    await page.reload()
    await page.get_by_label("陈一诺").check()
    await expect(follow).to_have_class("done")
    await expect(page.get_by_label("林知夏")).not_to_be_checked()
    async with tabs.expect_page() as opened:
        await page.get_by_role("link", name="打开陈一诺的手机").click()
    await expect((await opened.value).locator("#who-now")).to_contain_text("陈一诺")
    async with tabs.expect_page() as opened:
        await page.get_by_role("link", name="点菜单，发一句话").click()
    assert (await opened.value).url.endswith("?person=p2#chat")

    strip = page.locator("#weather-strip")
    await expect(strip).to_be_hidden()
    await page.get_by_role("button", name="推送重复三次").click()
    await expect(strip).to_contain_text("推送重复三次")
    assert wechat.platform.switchboard.now.push_copies == 3
    await fits(page)
    await page.goto(f"{wechat.url}/sandbox/switches")  # seen, and put right, from every page
    await strip.get_by_role("button", name="恢复好天气").click()
    await expect(strip).to_be_hidden()
    assert wechat.platform.switchboard.now.push_copies == 1


@pytest.mark.browser
async def test_recording_by_hand(
    tabs: BrowserContext, wechat: WeChat, service: Service, tmp_path: Path
) -> None:
    page = await tabs.new_page()
    await page.goto(f"{wechat.url}/sandbox/scenarios")
    await page.get_by_label("名称").fill("关注")
    await page.get_by_role("button", name="开始录制").click()
    await expect(page.locator("#recording-text")).to_have_text("正在录制“关注”，0 步。")
    await expect(page.locator("#record")).to_be_hidden()
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await expect(page.locator("#recorded li")).to_contain_text(["关注公众号"])
    await page.get_by_role("button", name="停止并保存").click()
    async with page.expect_download() as taken:
        await page.get_by_role("link", name="下载 关注").click()
    file = tmp_path / "scenario.json"
    await (await taken.value).save_as(file)
    assert json.loads(file.read_text("utf-8"))["steps"][0]["act"] == "follow"
    await page.locator("#file").set_input_files(file)
    await expect(page.locator("#kept li")).to_have_count(2)
    await page.get_by_role("button", name="快放").first.click()
    await expect(page.locator("#replay-text")).to_have_text("关注（快放）：完成，1 / 1 步，1 步没有做成。")
    await expect(page.locator("#replayed .problem")).to_have_text("已经关注了。")
    await fits(page)
    file.write_text("{}", "utf-8")
    await page.locator("#file").set_input_files(file)
    await expect(page.locator("#toast")).to_have_text("这不是场景文件：请选从“下载”得到的文件。")
