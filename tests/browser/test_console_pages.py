"""The console in a real Chromium, at the width of a desk and of a phone: every page fits, and the QR page lives.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.adapters import cache
from server.domain.actor import SYSTEM
from server.domain.issuance import scan_tickets
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Issuance, Staff
from tests.kit import issuing, make
from tests.kit.console_imports import sheet
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, ListQueue
from tests.kit.jobs import drained

pytestmark = [pytest.mark.browser, pytest.mark.slow]


PAGES = (
    "",
    "imports",
    "plans",
    "schools",
    "issuances",
    "certificates",
    "officers",
    "audit",
    "accounts",
    "account",
)


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_every_page_fits(base: str, browser: Browser, services: Services, narrow: bool) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await make.registration(services)
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        one = (f"plans/{of.plan.id}", f"schools/{of.school.id}", f"issuances/{batch.id}")
        for path in (*PAGES, *one):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"{path.replace('/', '-') or 'home'}-{'phone' if narrow else 'desk'}")
        assert "证书生成中" in await page.inner_text(".life .now")
        assert trouble == []


async def test_the_qr_page_lives(
    base: str, browser: Browser, services: Services, clock: FakeClock, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis), pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    async with seat(browser, services, base, Role.SCHOOL, school=of.school) as (page, trouble):
        await page.clock.install()
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await page.click("text=用本校的证件号码自己核算校验码")
        await expect(page.locator("#own-digest")).to_contain_text("xcert roster digest")
        await look(page, "batch-of-school")
        async with page.expect_response("**/scan-tickets") as first:
            await page.click("text=出示签发二维码")
        old = await (await first.value).json()
        await expect(page.locator("#qr")).to_be_visible()
        assert await page.inner_text("#digest") == bytes(batch.list_sha256 or b"").hex()[:8]
        await look(page, "qr-desk")
        for code, words in (("mini_program", "扫描小程序码"), ("link", "扫描二维码")):
            async with page.expect_response("**/scan-tickets") as swapped:
                await page.click("#swap")
            assert (await swapped.value).request.post_data_json == {"code": code}
            await expect(page.locator("#qr-say")).to_contain_text(words)
            await expect(page.locator("#swap")).to_be_enabled()
        clock.forward(seconds=301)
        async with page.expect_response("**/scan-tickets") as second:
            await page.clock.fast_forward(301_000)
        new = await (await second.value).json()
        assert new["scene"] != old["scene"]
        await scan_tickets.look(services, new["scene"], identity=of.identity)
        await expect(page.locator("#qr-say")).to_have_text("王签发已在手机上打开，等待确认……")
        await look(page, "qr-opened")
        await scan_tickets.confirm(services, new["scene"], issuing.PIN, identity=of.identity)
        await expect(page.locator("#qr-done-text")).to_have_text("王签发已确认签发")
        await look(page, "qr-confirmed")
        assert trouble == []
    assert (await Issuance.get(id=batch.id)).state == "school_signed"
    await redis.aclose()


async def test_the_page_says_when_the_school_returns_it(
    base: str, browser: Browser, services: Services, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis), pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    async with seat(browser, services, base, Role.SCHOOL, school=of.school, narrow=True) as (page, trouble):
        async with page.expect_response("**/scan-tickets") as answer:
            await page.goto(f"{base}/console/issuances/{batch.id}/qr")
        shown = await (await answer.value).json()
        await expect(page.locator("#qr")).to_be_visible()
        await look(page, "qr-phone")
        await scan_tickets.return_batch(
            services, shown["scene"], issuing.PIN, "第二位考生姓名有误", identity=of.identity
        )
        await expect(page.locator("#qr-done-text")).to_have_text("院校已退回：第二位考生姓名有误")
        await look(page, "qr-returned")
        await page.click("text=返回批次")
        await expect(page.locator(".note.bad")).to_have_text(
            "院校退回：第二位考生姓名有误 姓名或证件号码有误的，请先提出更正，批准以后再重新准备。"
        )
        assert trouble == []
    await redis.aclose()


async def test_first_log_in_changes_the_password(base: str, browser: Browser, services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", name="李华", actor=SYSTEM
    )
    async with seat(browser, services, base, None) as (page, _):
        await page.goto(f"{base}/console/plans")
        await look(page, "login")
        await page.fill("#username", "li.hua")
        await page.fill("#password", "wrong")
        await page.press("#password", "Enter")
        await expect(page.locator("#said")).to_have_text("用户名或密码不正确，请核对后重试。")
        await page.fill("#password", password)
        await page.press("#password", "Enter")
        await page.fill("#old_password", password)
        await page.fill("#new_password", "短")
        await page.fill("#again", "不同")
        await page.click("text=保存并继续")
        await expect(page.locator(".field-error").first).to_have_text("至少要有10个字符。")
        await look(page, "password")
        for field in ("#new_password", "#again"):
            await page.fill(field, "秋天的银杏叶落满山坡")
        await page.click("text=保存并继续")
        await expect(page.locator(".lead")).to_contain_text("李华，您好。")


async def test_log_in_and_out_without_javascript(base: str, browser: Browser, services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", name="李华", actor=SYSTEM
    )
    await Staff.filter(username="li.hua").update(must_change_password=False)
    async with seat(browser, services, base, None, js=False) as (page, _):
        await page.goto(f"{base}/console/plans")
        await page.fill("#username", "li.hua")
        await page.fill("#password", password)
        await page.click("button[type=submit]")
        assert page.url == f"{base}/console/plans"
        await page.click("text=退出登录")
        assert page.url == f"{base}/console/login"
        await page.goto(f"{base}/console/plans")
        assert "/console/login?next=/console/plans" in page.url


async def test_a_sheet_is_checked_first_and_taken_then(
    base: str, browser: Browser, services: Services, tmp_path: Path
) -> None:
    made = await make.registration(services, outcome="pending")
    plan = await made.plan
    file = tmp_path / "成绩.xlsx"
    head = ["考试计划", "准考证号", "科目", "成绩"]
    file.write_bytes(sheet(head, [plan.name, made.admission_number, make.SUBJECT, 400]))
    assert isinstance(services.queue, ListQueue)
    async with seat(browser, services, base, Role.OPERATOR) as (page, trouble):
        await page.goto(f"{base}/console/imports")
        await page.check("input[value=scores]")
        await page.set_input_files("#file", file)
        async with page.expect_response("**/imports") as sent:
            await page.click("#check-button")
        assert (await sent.value).status == 202
        await drained(services)
        await expect(page.locator("#run .note")).to_be_visible()
        await look(page, "import-checked")
        assert trouble == []
