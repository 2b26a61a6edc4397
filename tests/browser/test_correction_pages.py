"""更正 in Chromium: a school asks with the letter, staff approve, and the old certificate's page says by what it is superseded.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Correction
from tests.kit import correcting, make
from tests.kit.console_pages import look, seat
from tests.kit.money_desk import PICTURE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.rule("S68")]


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_a_school_asks_and_another_approves(
    base: str, browser: Browser, services: Services, tmp_path: Path, narrow: bool
) -> None:
    s, width = services, "phone" if narrow else "desk"
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    right = make.id_number(4321)
    letter = tmp_path / "函.png"
    letter.write_bytes(PICTURE)
    async with seat(browser, s, base, Role.SCHOOL, school=of.school, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/certificates")
        await page.get_by_role("link", name=f"更正 {old.number}", exact=True).click()
        await expect(page.locator("#about")).to_have_value(old.number)
        await page.get_by_role("button", name="提出更正").click()
        await expect(page.locator("#proof-error")).to_contain_text("请填写这一项")
        await page.fill("#reason", "院校函〔2026〕第 12 号，身份证复印件核对无误")
        await page.set_input_files("#proof", str(letter))
        await page.get_by_role("button", name="提出更正").click()
        await expect(page.locator("#name-error")).to_contain_text("请填写有错误的一项")
        for kind in ("placement", "score", "reissue", "person"):
            await page.select_option("#kind", kind)
            await expect(page.locator(f'[data-of="{kind}"]')).to_be_visible()
        await page.fill("#name", "龙文")
        await page.fill("#id_number", right)
        await expect(page.locator("#proof-preview img")).to_be_visible()
        await look(page, f"correction-new-{width}")
        await page.get_by_role("button", name="提出更正").dblclick()
        await expect(page.locator(".toast")).to_contain_text("等待另一个人")
        await look(page, f"correction-asked-{width}")
        assert await Correction.all().count() == 1
        assert trouble == []
    made = await Correction.get()
    async with seat(browser, s, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/corrections")
        await look(page, f"corrections-{width}")
        await page.get_by_role("link", name=f"第 {made.id} 件").click()
        await page.get_by_text("打开函件核对").click()
        await expect(page.locator("details.proof img")).to_be_visible()
        await page.get_by_role("button", name="批准", exact=True).click()
        await page.fill("#again", make.id_number(4322))
        await look(page, f"correction-approve-{width}")
        await page.locator("#approve button[type=submit]").click()
        await expect(page.locator("#approve")).to_contain_text("与提出的不一致")
        trouble.clear()  # the browser's own line about the 422
        await page.fill("#again", right)
        await page.locator("#approve button[type=submit]").click()
        await expect(page.locator(".toast")).to_contain_text("已批准")
        await expect(page.locator("main")).to_contain_text("待签发")
        await look(page, f"correction-under-way-{width}")
        await page.get_by_role("link", name=re.compile("第 . 批")).click()
        await expect(page.locator("main")).to_contain_text("姓名、证件号码更正")
        await look(page, f"correction-batch-{width}")
        assert trouble == []
    await correcting.reissued(s, of, made)
    new = await correcting.certificate(of, state="valid")
    async with seat(browser, s, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/corrections/{made.id}")
        await expect(page.locator("main")).to_contain_text(new.number)
        await look(page, f"correction-done-{width}")
        await page.goto(f"{base}/console/certificates")
        await look(page, f"correction-certificates-{width}")
        await page.goto(f"{base}/v/{old.code}")
        await expect(page.locator("main")).to_contain_text(new.number)
        await expect(page.locator("main")).to_contain_text("因姓名、证件号码更正")
        await look(page, f"superseded-{width}")
        assert trouble == []
