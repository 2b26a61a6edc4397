"""The console's manners: it says what it did, loses nothing that was typed, and sees that others work, too."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from server.adapters import cache
from server.domain.auth import logins
from server.domain.exams import release_requests
from server.domain.issuance import organisation
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, Plan, ReleaseRequest, Staff
from tests.kit import issuing, make
from tests.kit.console_pages import look, seat
from tests.kit.exchange import exchange
from tests.kit.history import ME
from tests.kit.jobs import drained
from tests.kit.lookups import bound
from tests.kit.windows import window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REASON = "经核实，姓名登记有误"


async def sure(page: Page, button: str, yes: str) -> None:
    await page.get_by_role("button", name=button, exact=True).click()
    await page.locator("dialog[open]").get_by_role("button", name=yes, exact=True).click()


async def again(page: Page, s: Services, at: str, role: Role) -> None:
    """Log in anew, as after the log-in page; the password itself is tried elsewhere."""
    who = await Staff.get(username=f"user-{role.value}")
    cookie = {"name": "xcert_console", "value": logins.begin(s, who)[0], "url": f"{at}/console/"}
    await page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict


async def test_every_action_says_that_it_worked(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    await Plan.filter(id=of.plan.id).update(release_at=None)
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        said = page.locator("#toast[role=status][aria-live=polite] .note")
        await page.goto(f"{base}/console/plans")
        await page.get_by_label("中级、高级须有实践与督导学时").click()
        await page.locator("dialog[open]").get_by_role("button", name="启用").click()
        await expect(said).to_contain_text("“中级、高级须有实践与督导学时”已启用。")
        await page.get_by_role("link", name="查看并公布").click()
        await sure(page, "提出公布", "提出公布")
        await expect(said).to_contain_text("已提出，等另一位同事在这一页批准。")
        await look(page, "toast")
        [asked] = await ReleaseRequest.all()
        await release_requests.approve(services, asked.id, actor=make.OPERATOR)
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await expect(said).to_have_count(0)
        await sure(page, "签发", "签发")
        await expect(said).to_contain_text("签发")
        await page.get_by_role("button", name="关闭").click()
        await expect(said).to_have_count(0)
        await sure(page, "撤回", "撤回")
        await expect(said).to_contain_text("撤回")
        assert trouble == []


async def test_a_log_in_that_ran_out_loses_no_reason(base: str, browser: Browser, services: Services) -> None:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    number = (await Certificate.filter(state="valid").order_by("id"))[0].number
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.goto(f"{base}/console/certificates")
        await page.get_by_role("button", name=f"撤销 {number}").click()
        await page.fill("#reason", REASON)
        await page.context.clear_cookies()
        await page.click("text=确认撤销")
        await page.wait_for_url("**/console/login?**")
        await expect(page.get_by_role("alert")).to_have_text("登录已过期，请重新登录。刚才填写的内容会保留。")
        assert REASON not in page.url
        await look(page, "expired")
        await again(page, services, base, Role.ADMIN)
        await page.reload()
        await page.wait_for_url("**/console/certificates")
        await expect(page.locator("dialog[open] .said")).to_contain_text("刚才填写的内容还在")
        await look(page, "restored")
        await expect(page.locator("#reason")).to_have_value(REASON)
        await expect(page.locator("dialog[open] [data-show=number]")).to_have_text(number)
        await page.click("text=确认撤销")
        await expect(page.locator("#toast")).to_contain_text("证书已撤销")
        await page.goto(f"{base}/console/certificates")
        await expect(page.locator("dialog[open]")).to_have_count(0)
    assert (await Certificate.get(number=number)).revoke_reason == REASON


async def test_what_was_typed_is_for_the_same_person_only_and_never_a_secret(
    base: str, browser: Browser, services: Services
) -> None:
    await make.school("京华职业技术学院")
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.goto(f"{base}/console/accounts")
        await page.click("text=新建账号")
        await page.fill("#username", "wang.min")
        await page.fill("#name", "王敏")
        await page.context.clear_cookies()
        await page.get_by_role("button", name="提出建立").click()
        await page.wait_for_url("**/console/login?**")
        draft = await page.evaluate("sessionStorage.getItem('draft')")
        assert "wang.min" in draft and "王敏" not in draft
        other = await Staff.create(
            username="other", name="李", role="admin", password_hash="x", must_change_password=False
        )
        cookie = {
            "name": "xcert_console",
            "value": logins.begin(services, other)[0],
            "url": f"{base}/console/",
        }
        await page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict
        await page.goto(f"{base}/console/accounts")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        assert await page.evaluate("sessionStorage.getItem('draft')") is None
        await page.goto(f"{base}/console/corrections/new")  # a form with a script of its own
        await page.fill("#correction-form #reason", "毕业证书上是另一个字，院校函 2026-12")
        await page.context.clear_cookies()
        await page.evaluate("api('GET', '/session').catch(() => null)")
        await page.wait_for_url("**/console/login?expired=kept**")
        await page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict
        await page.goto(f"{base}/console/corrections/new")
        await expect(page.locator("#correction-form #reason")).to_have_value(
            "毕业证书上是另一个字，院校函 2026-12"
        )
        await page.goto(f"{base}/console/corrections/new")  # nothing typed: nothing is promised
        await page.context.clear_cookies()
        await page.evaluate("api('GET', '/session').catch(() => null)")
        await page.wait_for_url("**/console/login?expired=1**")


async def test_a_desk_with_an_open_question_sees_that_another_was_faster(
    base: str, browser: Browser, services: Services, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis))
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await page.get_by_role("button", name="签发", exact=True).click()
        await expect(page.locator("dialog[open]")).to_be_visible()
        await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
        await expect(page.locator("#sure-stale")).to_contain_text("现在是“考核站点待签发”")
        await expect(page.locator("#sure-yes")).to_be_disabled()
        await look(page, "stale")
        await page.keyboard.press("Escape")
        await expect(page.locator(".life .now")).to_contain_text("考核站点待签发")
        await expect(page.get_by_role("button", name="签发", exact=True)).to_have_count(0)
    await redis.aclose()


async def test_a_stale_page_without_news_catches_up_when_it_is_refused(
    base: str, browser: Browser, services: Services
) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.route("**/events", lambda route: route.abort())
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
        await sure(page, "签发", "签发")
        await expect(page.locator("#toast .note.bad")).to_contain_text(
            "批次现在是“考核站点待签发”，“评价组织签发”只能在“待签发”时办理；请刷新后再看。"
        )
        await expect(page.locator(".life .now")).to_contain_text("考核站点待签发")


async def test_a_refusal_keeps_the_frame_and_a_way_on(
    base: str, browser: Browser, services: Services
) -> None:
    async with seat(browser, services, base, Role.OPERATOR) as (page, _):
        await page.goto(f"{base}/console/imports")
        for path, title in (("issuances/999", "没有找到"), ("nowhere", "没有找到"), ("accounts", "没有权限")):
            answer = await page.goto(f"{base}/console/{path}")
            assert answer is not None and answer.status in (403, 404), path
            await expect(page.get_by_role("heading", level=1)).to_have_text(title)
            await expect(page.get_by_role("navigation").get_by_role("link", name="导入")).to_be_visible()
            await expect(page.get_by_role("button", name="退出登录")).to_be_visible()
            await look(page, f"problem-{path.replace('/', '-')}")
        await page.get_by_role("button", name="返回上一页").click()
        await page.wait_for_url(re.compile("/console/nowhere"))
        await page.get_by_role("link", name="回到首页").click()
        await page.wait_for_url("**/console/")


async def test_a_refusal_on_the_phone_looks_like_the_phone(
    base: str, browser: Browser, services: Services
) -> None:
    await bound(services, ME)
    async with window(browser, services, base, ME) as tab:
        await tab.go("/h5/results")
        await tab.page.goto(f"{base}/h5/certificates/23SPS100000001W")
        await expect(tab.page.locator("body.phone h1")).to_have_text("没有找到")
        await tab.look("problem")
        await tab.page.get_by_role("button", name="返回上一页").click()
        await tab.page.wait_for_url("**/h5/results")


async def test_an_unknown_filter_is_not_silently_everything(
    base: str, browser: Browser, services: Services
) -> None:
    await issuing.prepared(services, await issuing.cohort(services))
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.goto(f"{base}/console/issuances?state=bogus")
        await expect(page.locator("main")).to_contain_text(
            "网址里有不认识的筛选条件（state=bogus），没有按它筛选。"
        )
        await page.goto(f"{base}/console/issuances?state=prepared")
        await expect(page.locator("main")).not_to_contain_text("不认识")


async def test_going_back_over_an_answered_form_sends_nothing_again(
    base: str, browser: Browser, services: Services
) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity) as tab:
        await tab.go(f"/s/{shown.token}")
        await tab.page.fill("#pin", "000000")
        await tab.page.click("#sign button")
        await expect(tab.page.locator("#pin-problem")).to_be_visible()
        assert tab.page.url == f"{base}/s/{shown.token}"
        await tab.page.reload()
        await expect(tab.page.locator("#pin")).to_be_visible()
        await expect(tab.page.locator("#pin-problem")).to_have_count(0)
        await tab.page.fill("#pin", issuing.PIN)
        await tab.page.click("#sign button")
        await expect(tab.page.locator("h1")).to_have_text("签发完成")
        await tab.page.go_back()
        await expect(tab.page.locator("h1")).to_have_text("签发完成")


async def test_a_wide_screen_has_the_page_in_its_middle(
    base: str, browser: Browser, services: Services
) -> None:
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        await page.set_viewport_size({"width": 1920, "height": 1080})
        await page.goto(f"{base}/console/issuances")
        left, right = await page.evaluate(
            """() => { const m = document.querySelector('main').getBoundingClientRect();
                return [m.left - document.querySelector('.side').getBoundingClientRect().right, innerWidth - m.right]; }"""
        )
        assert abs(left - right) <= 20


DROP = """(field, names) => {
    const carried = new DataTransfer();
    for (const name of names) carried.items.add(new File(["%PDF-1.7"], name, {type: "application/pdf"}));
    for (const kind of ["dragenter", "dragover", "drop"])
        field.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""


async def test_a_file_is_dropped_onto_its_field_and_nowhere_else(
    base: str, browser: Browser, services: Services
) -> None:
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/corrections/new")
        await page.fill("#reason", REASON)
        field, names = page.locator(".field:has(#proof)"), "document.getElementById('proof').files"
        await look(page, "drop-here")
        await field.evaluate(DROP, ["函件.pdf", "另一份.pdf"])
        await expect(page.locator(".toast")).to_contain_text("一次放一个文件")
        assert await page.evaluate(f"{names}.length") == 0
        await field.evaluate(DROP, ["函件.pdf"])
        assert await page.evaluate(f"[...{names}].map(one => one.name)") == ["函件.pdf"]
        left = await page.evaluate(
            """() => { const carried = new DataTransfer(); carried.items.add(new File(["x"], "x.pdf"));
            return document.querySelector("main").dispatchEvent(
                new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true})) }"""
        )
        assert left is False, "the browser would open the file in place of the page"
        assert await page.input_value("#reason") == REASON
        assert trouble == []
