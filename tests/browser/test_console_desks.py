"""Two desks over one batch, and the portal's list on the certificates' page, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.adapters import cache
from server.domain import imports
from server.domain.issuance import scan_tickets
from server.domain.portal_lists import keeping
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, Plan
from tests.kit import issuing
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.fakes import ListQueue
from tests.kit.jobs import Jobs, drained

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DEAD = "另一个页面出示了新的二维码，本页的已失效；如需在这里继续，请点“换一张二维码”。"
LOOKED_AT = """(is) => { Object.defineProperty(document, "hidden", { value: !is, configurable: true });
    document.dispatchEvent(new Event("visibilitychange")); }"""
CALL = "请签发负责人用微信“扫一扫”扫描二维码"


@pytest.mark.rule("S87")
async def test_the_first_desk_says_that_a_second_one_shows_a_newer_code(
    base: str, browser: Browser, services: Services, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis), pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    address = f"{base}/console/issuances/{batch.id}/qr"
    async with (
        seat(browser, services, base, Role.SCHOOL, school=of.school) as (here, trouble_here),
        seat(browser, services, base, Role.ISSUER) as (there, trouble_there),
    ):
        await here.goto(address)
        await expect(here.locator("#qr-say")).to_have_text(CALL)
        await there.goto(address)
        await expect(here.locator("#qr-say")).to_have_text(DEAD)
        await expect(there.locator("#qr-say")).to_have_text(CALL)
        await look(here, "qr-superseded")
        async with here.expect_response("**/scan-tickets") as renewed:
            await here.click("#renew")
        mine = await (await renewed.value).json()
        await expect(here.locator("#qr-say")).to_have_text(CALL)
        await expect(there.locator("#qr-say")).to_have_text(DEAD)
        await scan_tickets.confirm(services, mine["scene"], issuing.PIN, identity=of.identity)
        for page in (here, there):
            await expect(page.locator("#qr-done-text")).to_have_text("王签发已确认签发")
        assert trouble_here + trouble_there == []
    await redis.aclose()


async def test_eight_tabs_of_one_person_follow_what_happens(
    base: str, browser: Browser, services: Services, redis_url: str
) -> None:
    """A browser has six connections for all its tabs: only the tab that is looked at holds one."""
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis))
    batch = await issuing.prepared(services, await issuing.cohort(services))
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        tabs = [page, *[await page.context.new_page() for _ in range(7)]]
        for tab in tabs:
            await tab.goto(f"{base}/console/issuances/{batch.id}")
            await expect(tab.locator("#bar-text")).to_have_text("0 / 4")
            if tab is not tabs[-1]:
                await tab.evaluate(LOOKED_AT, False)
        await tabs[1].evaluate(LOOKED_AT, True)
        await tabs[-1].get_by_role("button", name="签发", exact=True).click()
        await tabs[-1].locator("#sure-yes").click()
        for tab in (tabs[-1], tabs[1]):  # the second one stood beside it
            await expect(tab.locator(".life .now")).to_contain_text("考核站点待签发")
        await expect(tabs[0].locator(".life .now")).not_to_contain_text("考核站点待签发")
        await tabs[0].evaluate(LOOKED_AT, True)  # and this one when somebody comes back to it
        await expect(tabs[0].locator(".life .now")).to_contain_text("考核站点待签发")
        assert trouble == []
    await redis.aclose()


async def test_a_batchs_list_needs_no_scrolling_of_its_own(
    base: str, browser: Browser, services: Services
) -> None:
    """On a phone neither sideways nor up and down: the page scrolls, and every column is seen."""
    batch = await issuing.pending(services, await issuing.cohort(services))
    hidden = """() => [...document.querySelectorAll('.table-box, html')]
        .map(e => [e.scrollWidth - e.clientWidth, e === document.documentElement ? 0 : e.scrollHeight - e.clientHeight])"""
    async with seat(browser, services, base, Role.ISSUER) as (page, _):
        for width in (390, 320):
            await page.set_viewport_size({"width": width, "height": 640})
            await page.goto(f"{base}/console/issuances/{batch.id}")
            assert await page.evaluate(hidden) == [[0, 0], [0, 0]], width


@pytest.mark.rule("S13")
async def test_a_plans_switch_asks_before_it_is_turned(
    base: str, browser: Browser, services: Services
) -> None:
    plan = (await issuing.cohort(services)).plan
    async with seat(browser, services, base, Role.OPERATOR) as (page, trouble):
        await page.goto(f"{base}/console/plans")
        switch = page.get_by_role("checkbox", name="中级、高级须有实践与督导学时")
        asked = page.locator("dialog[open]")
        for answer, is_on in (("取消", False), ("启用", True), ("取消", True), ("停用", False)):
            await switch.click()
            await asked.get_by_role("button", name=answer).click()
            await expect(asked).to_be_hidden()
            await expect(switch).to_be_enabled()
            await expect(switch).to_be_checked(checked=is_on)
            if answer != "取消":
                await expect(page.locator("#toast")).to_contain_text(f"已{answer}")
            assert (await Plan.get(id=plan.id)).requires_practice is is_on
        assert trouble == []


@pytest.mark.rule("S94")
@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_the_portals_list_is_checked_and_taken_on_the_certificates_page(
    base: str, browser: Browser, services: Services, tmp_path: Path, narrow: bool
) -> None:
    batch = await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    one, two, *_ = await Certificate.filter(issuance_id=batch.id).order_by("number")
    file = tmp_path / "门户清单.csv"
    file.write_text(
        f"证书编号,门户证书编号,姓名\n{one.number},GJ2026-1,崔子涵\n{two.number},GJ2026-2,某某\n", "utf-8"
    )
    table: Jobs = {"imports.run": imports.run, keeping.JOB: issuing.nothing}
    queue = services.queue
    assert isinstance(queue, ListQueue)
    async with seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/certificates")
        await page.set_input_files("#file", file)
        for button, path in (("#check-button", "**/imports"), ("text=只写入没有错误的 1 行", "**/take")):
            async with page.expect_response(path) as sent:
                await page.click(button)
            assert (await sent.value).status == 202
            await queue.drain(services, table)
            await expect(page.locator("#run .note.wait")).to_be_visible()
            await expect(page.locator("#run td >> nth=3")).to_contain_text(
                "姓名与本系统这份证书的持证人不一致"
            )
            await look(page, f"portal-{'phone' if narrow else 'desk'}")
        await page.reload()
        await expect(page.get_by_text("门户 GJ2026-1")).to_be_visible()
        assert trouble == []
    assert [(await Certificate.get(id=c.id)).portal_number for c in (one, two)] == ["GJ2026-1", ""]
