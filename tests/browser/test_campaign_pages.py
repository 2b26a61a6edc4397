"""群发 in Chromium, at a desk's and a phone's width: written, approved by another, sent, on the sandbox's phone, exported.

The service and the sandbox speak HTTP; every page is read by axe. With XCERT_SCREENSHOTS=DIR the pictures are kept.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.async_api import Browser, Page, expect

from server.domain.campaigns import handling, slices, upkeep
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import Binding, Campaign, Delivery, Follower
from server.sandbox import acts
from server.sandbox.config import Template
from tests.kit import campaigning, make
from tests.kit.accessibility import clean
from tests.kit.campaigning import sent_on
from tests.kit.console_desk import account
from tests.kit.console_pages import look, seat
from tests.kit.noticing import clock, wechat
from tests.kit.windows import PHONE
from tests.web.conftest import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.rule("C3")]
TEMPLATE = Template(
    "tpl-exam",
    "考试安排提醒",
    "oa",
    ("thing1", "name2", "thing3"),
    ("考试名称", "考生姓名", "备注"),
    "message",
)


async def sure(page: Page, button: str, yes: str) -> None:
    await page.get_by_role("button", name=button, exact=True).click()
    await page.locator("dialog[open]").get_by_role("button", name=yes, exact=True).click()


async def write(page: Page, base: str, plan: str) -> None:
    """Fill the form in and keep the draft."""
    await page.goto(f"{base}/console/campaigns")
    await clean(page, "no campaigns yet")
    await page.get_by_role("link", name="起草群发").click()
    await page.get_by_label("模板").wait_for()
    await clean(page, "an empty form")
    await page.get_by_role("button", name="保存草稿").click()
    await expect(page.locator(".field-error").first).to_have_text("请填写这一项。")
    await page.get_by_label("名称（只给同事看）").fill("考前提醒")
    await page.get_by_label("模板").select_option(label="考试安排提醒")
    await page.get_by_label("考试名称", exact=True).select_option(label="每人的考试名称")
    await page.get_by_label("考生姓名", exact=True).select_option(label="每人的姓名")
    await page.get_by_role("button", name="保存草稿").click()
    await expect(page.locator(".slot-row .field-error")).to_have_text("请填写，或改成每人的信息。")
    await page.get_by_label("备注的文字").fill("请带好身份证和准考证")
    await page.get_by_role("button", name="保存草稿").click()
    await expect(page.locator("[data-at='/audience'] .field-error")).to_contain_text(
        "请至少选择考试计划、院校"
    )
    await clean(page, "a refused form")
    await page.get_by_label(plan).check()
    await expect(page.locator("#count")).to_have_text(re.compile("^现在共 [0-9,]+ 人，送得到 [0-9,]+ 人$"))
    for field in ("免打扰从", "免打扰到"):
        await page.get_by_label(field).fill("")


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_from_a_draft_to_the_phone_and_the_workbook(
    world: World, browser: Browser, tmp_path: Path, narrow: bool
) -> None:
    s, base, where = world.services, world.services.settings.public_url, "-phone" if narrow else "-desk"
    world.platform.add_template(TEMPLATE)
    acts.follow(world.platform, world.person)
    await world.settled()
    plan = await make.plan()
    me = await make.registration(s, on=plan)
    await Binding.create(
        account="oa", openid=world.openid, candidate=await me.candidate, bound_at=s.clock.now()
    )
    await make.registration(s, await make.candidate(s, name="欧阳慧敏"), on=plan)
    await account(Role.NOTIFIER)
    async with seat(browser, s, base, Role.NOTIFIER, narrow=narrow) as (page, trouble):
        await write(page, base, plan.name)
        await look(page, f"campaign-form{where}")
        await page.get_by_role("button", name="保存草稿").click()
        await expect(page.locator("#audience .figures dd")).to_have_text(["2", "1", "1"])
        await expect(page.locator("#audience")).to_contain_text("没有绑定微信")
        await clean(page, "a draft")
        await look(page, f"campaign-draft{where}")
        await page.get_by_label("用谁的信息看").fill(str(me.admission_number))
        await page.get_by_role("button", name="用真人的信息看").click()
        await expect(page.locator(".message dd").nth(1)).to_have_text("崔子涵")
        await look(page, f"campaign-preview{where}")
        await page.get_by_role("button", name="发一条给自己").click()
        await expect(page.locator("#rehearse .said")).to_contain_text("还没有登记您接收试发的微信")
        await page.get_by_role("button", name="登记您接收试发的微信").click()
        await expect(page.locator("#link-code input")).to_have_value(re.compile("试发 [0-9]{6}"))
        code = await page.locator("#link-code input").input_value()
        await clean(page, "a code to link")
        acts.write(world.platform, world.person, code)
        await world.settled()
        assert world.said()[-1].endswith("接收试发的微信。")
        await page.get_by_role("button", name="知道了").click()
        await page.get_by_role("button", name="发一条给自己").click()
        await expect(page.locator(".toast")).to_contain_text("已发给您自己的微信")
        await sure(page, "提交批准", "提交批准")
        await expect(page.locator(".life .now")).to_contain_text("待批准")
        made = await Campaign.get()
        await upkeep.freeze(s, made.id)
        await expect(page.locator("#progress .ends")).to_be_visible()  # by itself
        await expect(page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
        # refused on purpose: the second tries are the point, the first ones are told in the console of the browser
        assert [one for one in trouble if "status of 4" not in one] == []
    async with seat(browser, s, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/")
        await expect(page.locator(".due li", has_text="群发待您批准")).to_have_count(1)
        await clean(page, "home")
        await look(page, f"campaign-home{where}")
        await page.goto(f"{base}/console/campaigns/{made.id}")
        await expect(page.locator("#audience .figures dd")).to_have_text(["2", "1", "1"])
        await clean(page, "waiting for approval")
        await look(page, f"campaign-approval{where}")
        await sure(page, "批准", "批准")
        await expect(page.locator(".toast")).to_contain_text("已批准")
        for opener in ("定时开始", "改速度"):
            await page.get_by_role("button", name=opener).click()
            await clean(page, opener)
            await page.keyboard.press("Escape")
        other = await page.context.new_page()
        await other.goto(f"{base}/console/campaigns/{made.id}")
        await sure(page, "开始发送", "开始发送")
        await expect(other.locator(".life .now")).to_contain_text("发送中")  # the other tab follows
        await look(page, f"campaign-running{where}")
        for _ in range(4):
            await slices.send(s)
            await world.settled()
            world.forward(1)
        for tab in (page, other):
            await expect(tab.locator("#end-delivered b")).to_have_text("1")
            await expect(tab.locator(".life .done").last).to_contain_text("已完成")
        await clean(page, "done")
        await look(page, f"campaign-done{where}")
        await page.locator("#end-delivered").click()
        await expect(page.locator("main tbody tr")).to_have_count(1)
        await clean(page, "deliveries")
        await look(page, f"deliveries{where}")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="导出表格").click()
        file = tmp_path / "deliveries.xlsx"
        await (await download.value).save_as(file)
        rows = list(load_workbook(file)["通知"].iter_rows(min_row=2, values_only=True))
        assert [(row[1], row[6]) for row in rows] == [("崔**", "已送达")]
        await page.locator("main tbody a").first.click()
        await expect(page.locator("h1")).to_have_text("崔**的通知")
        await clean(page, "a person's history")
        await look(page, f"delivery-history{where}")
        assert trouble == []
    assert sorted([row.state for row in await Delivery.filter(campaign_id=made.id)]) == [
        "delivered",
        "no_way",
    ]
    tab = await browser.new_page(viewport=PHONE)
    await tab.goto(f"{world.platform.own_url}/phone?person=p1")
    await tab.get_by_text("考试安排提醒").first.wait_for()
    await look(tab, f"campaign-on-the-phone{where}")
    await tab.close()


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_what_is_unknown_is_decided_and_what_failed_is_sent_anew(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    where = "-phone" if narrow else "-desk"
    plan = await make.plan()
    await campaigning.people(services, 2, on=plan)
    campaign = await campaigning.running(services, plan)
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True)] * 12
    for _ in range(12):
        await sent_on(services, turns=1, seconds=61)
    clock(services).forward(seconds=900)
    await sent_on(services, turns=4)
    wechat(services).answers.clear()
    async with seat(browser, services, base, Role.NOTIFIER, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/campaigns/{campaign.id}")
        await expect(page.locator("#end-unknown b")).to_have_text("2")
        await clean(page, "unknown")
        await look(page, f"campaign-unknown{where}")
        await page.get_by_role("button", name="不再发，第").first.click()
        await page.locator("dialog[open]").get_by_role("button", name="不再发").click()
        await expect(page.locator("#end-unknown b")).to_have_text("1")
        await page.get_by_role("button", name="再发一次，第").first.click()
        await page.locator("dialog[open]").get_by_role("button", name="再发一次").click()
        await expect(page.locator(".toast")).to_contain_text("马上再发一次")
        for _ in range(20):  # turns are taken beside what the page asks meanwhile
            await sent_on(services, turns=1)
            if await Delivery.filter(campaign_id=campaign.id, state="accepted").exists():
                break
        await expect(page.locator("#end-accepted b")).to_have_text("1")
        await page.goto(f"{base}/console/deliveries?state=cancelled")
        await clean(page, "cancelled")
        await page.locator("main tbody a").first.click()
        await expect(page.locator("main")).to_contain_text("结果未知，王敏决定不再发送")
        await look(page, f"delivery-history-unknown{where}")
        assert trouble == []


async def test_a_second_person_is_told_in_an_open_dialog_that_it_moved(
    base: str, browser: Browser, services: Services
) -> None:
    plan = await make.plan()
    [one] = await campaigning.people(services, 1, on=plan)
    await Follower.create(
        openid=(await Binding.get(candidate_id=one.candidate_id)).openid,
        is_following=True,
        changed_at=services.clock.now(),
    )
    campaign = await campaigning.submitted(services, plan)
    async with seat(browser, services, base, Role.NOTIFIER) as (page, trouble):
        await page.goto(f"{base}/console/campaigns/{campaign.id}")
        await page.get_by_role("button", name="不批准").click()
        await expect(page.locator("#decline")).to_be_visible()
        await look(page, "campaign-decline-desk")
        await page.get_by_role("button", name="关闭").click()
        await page.get_by_role("button", name="批准", exact=True).click()
        await handling.approve(services.clock, campaign.id, actor=campaigning.APPROVER)
        await expect(page.locator("#sure-stale")).to_contain_text("刚刚有了变化")
        await page.keyboard.press("Escape")
        await expect(page.locator(".life .now")).to_contain_text("已批准")
        assert trouble == []


async def test_what_was_written_survives_a_log_in_that_ran_out(
    base: str, browser: Browser, services: Services
) -> None:
    campaigning.with_templates(services)
    plan = await make.plan()
    async with seat(browser, services, base, Role.NOTIFIER) as (page, _):
        await write(page, base, plan.name)
        await page.get_by_label("考试名称", exact=True).select_option(label="固定文字")
        await page.get_by_label("考试名称的文字").fill("第四批统考")
        cookies = await page.context.cookies()
        await page.context.clear_cookies()
        await page.get_by_role("button", name="保存草稿").click()
        await page.wait_for_url("**/console/login?**")
        await page.context.add_cookies(cookies)  # type: ignore[arg-type]  # as they were given
        await page.goto(f"{base}/console/campaigns/new")
        await expect(page.get_by_label("备注的文字")).to_have_value("请带好身份证和准考证")
        await expect(page.get_by_label("考试名称的文字")).to_have_value("第四批统考")
        await expect(page.get_by_label(plan.name)).to_be_checked()
        await expect(page.locator("#campaign-form .said")).to_contain_text("刚才填写的内容还在")
        await page.get_by_role("button", name="保存草稿").click()
        await page.wait_for_url(re.compile(r"/console/campaigns/\d+$"))
    [way] = (await Campaign.get()).ways
    assert (way["constants"], way["personal"]) == (
        {"thing1": "第四批统考", "thing3": "请带好身份证和准考证"},
        {"name2": "name"},
    )


async def test_every_page_fits_a_laptop(base: str, browser: Browser, services: Services) -> None:
    plan = await make.plan()
    people = await campaigning.people(services, 3, on=plan)
    await make.registration(services, await make.candidate(services, name="欧阳慧敏"), on=plan)
    campaign = await campaigning.running(services, plan)
    await Campaign.filter(id=campaign.id).update(note="微信的额度用完了，明天再发")
    await Delivery.filter(candidate_id=people[0].candidate_id).update(
        state="refused", last_error="微信返回错误 43004：对方没有关注；公众号订阅通知：没有剩余的授权"
    )
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.set_viewport_size({"width": 1280, "height": 800})
        for name, path in (
            ("campaigns", "campaigns"),
            ("campaign", f"campaigns/{campaign.id}"),
            ("campaign-form", "campaigns/new"),
            ("deliveries", "deliveries"),
            ("delivery-history", f"deliveries/people/{people[0].candidate_id}"),
        ):
            await page.goto(f"{base}/console/{path}")
            await page.wait_for_load_state("networkidle")
            await look(page, f"{name}-laptop")
        assert trouble == []
