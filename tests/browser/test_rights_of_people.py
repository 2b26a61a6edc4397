"""A person's rights in a real Chromium: the copy is downloaded, the erasure goes by two desks, /privacy reads at any width."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.privacy import erasing
from server.domain.roles import Role
from server.models import Candidate
from tests.kit import make
from tests.kit.accessibility import clean
from tests.kit.console_pages import look, seat
from tests.kit.whole_person import ASKED, NUMBER, whole_person

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])


@WIDTHS
async def test_a_copy_is_downloaded_and_an_erasure_approved(
    base: str, browser: Browser, services: Services, narrow: bool, tmp_path: Path
) -> None:
    s, wide = services, "phone" if narrow else "desk"
    who = await whole_person(s)
    await erasing.ask(s, who.id, ASKED, actor=make.OPERATOR)
    async with seat(browser, s, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/people/{who.id}")
        await look(page, f"person-rights-{wide}")
        await page.get_by_role("button", name="导出个人信息副本").click()
        await page.get_by_label("书面申请的日期").first.fill("2026-11-20")
        await page.locator("#copy-reason").fill(ASKED.reason)
        async with page.expect_download() as coming:
            await page.locator("#copy [type=submit]").click()
        await (await coming.value).save_as(tmp_path / "copy.zip")
        assert NUMBER in zipfile.ZipFile(tmp_path / "copy.zip").read("个人信息副本.html").decode()
        await expect(page.locator("#toast")).to_contain_text("副本已下载")
        await page.goto(f"{base}/console/erasures")
        await look(page, f"erasures-{wide}")
        await clean(page, "erasures")
        await page.get_by_role("button", name="批准第").first.click()
        await page.locator("#sure-yes").click()
        await expect(page.locator("#toast")).to_contain_text("已批准")
        await page.goto(f"{base}/console/people/{who.id}")
        await expect(page.locator("main")).to_contain_text("按本人要求删除")
        await expect(page.locator("[aria-labelledby=h-bindings]")).to_contain_text("绑定的记录已经删除")
        await look(page, f"person-erased-{wide}")
        assert trouble == []
    assert (await Candidate.get(id=who.id)).erased_at is not None


async def test_how_personal_data_are_handled_reads_at_any_width(
    base: str, browser: Browser, services: Services
) -> None:
    page = await browser.new_page(locale="zh-CN")
    for width in (360, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(f"{base}/privacy")
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    await clean(page, "privacy")
    await page.close()
