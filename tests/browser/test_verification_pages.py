"""The public pages in a real Chromium without JavaScript, at the width of a phone and of a desk: they fit and they work.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from server.adapters.keys import KeyFolder, rotate
from server.domain.certificates import revocation
from server.domain.certificates.claims import encode_code
from server.domain.ports import Services
from server.domain.public_log import sequencer
from server.models import Certificate
from tests.adapters.documents.papers import claims
from tests.conftest import ISSUER
from tests.kit import issuing, make
from tests.kit.jobs import drained
from tests.kit.windows import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def look(page: Page, name: str) -> None:
    """No sideways scrolling; everything that is pressed is large enough for a thumb; keep a picture if asked to."""
    if folder := os.environ.get("XCERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{folder}/verification-{name}.png", full_page=True)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None and width <= page.viewport_size["width"], name
    for control in await page.locator("main button, main input").all():
        box = await control.bounding_box()
        assert box is not None and box["height"] >= 44, name


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_a_stranger_verifies_a_certificate(
    browser: Browser,
    base: str,
    services: Services,
    size: dict[str, int],
) -> None:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    await sequencer.run(services)
    certificate = await Certificate.get(candidate__name="欧阳慧敏")
    context = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a plain dict of width and height
        locale="zh-CN",
        java_script_enabled=False,
    )
    page, label = await context.new_page(), f"{size['width']}"

    await page.goto(f"{base}/v")
    await look(page, f"form-{label}")
    await page.get_by_role("button", name="核验").click()
    await expect(page.get_by_role("alert")).to_contain_text("请填写证书编号")
    await page.get_by_label("证书编号").fill(certificate.number)
    await page.get_by_label("持证人姓名").fill("欧阳慧")
    await page.get_by_role("button", name="核验").click()
    await expect(page.get_by_role("alert")).to_contain_text("没有查到编号与姓名都相符的证书")
    await look(page, f"miss-{label}")
    await page.get_by_label("持证人姓名").fill("欧阳慧敏")
    await page.get_by_role("button", name="核验").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("证书有效")
    assert certificate.number not in page.url

    await page.goto(f"{base}/v/{certificate.code}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("证书有效")
    await look(page, f"valid-{label}")
    await page.goto(f"{base}/v/{encode_code(services.keys, claims())}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("不能视为有效")
    await look(page, f"unknown-{label}")
    await page.goto(f"{base}/v/{certificate.code[:-1]}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("无法确认，请勿采信")
    await look(page, f"forged-{label}")
    await revocation.revoke(
        services.clock, services.faults, certificate.number, "替考", actor=make.ISSUER_STAFF
    )
    await page.goto(f"{base}/v/{certificate.code}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("证书已撤销")
    await look(page, f"revoked-{label}")
    await context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_a_key_that_is_not_known_yet(
    browser: Browser, base: str, services: Services, size: dict[str, int], tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, folder)
    rotate(folder, "certificate", organisation=ISSUER)
    code = encode_code(KeyFolder(folder, production=False), claims())
    context = await browser.new_context(viewport=size, locale="zh-CN", java_script_enabled=False)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{base}/v/{code}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("暂时无法核验")
    await look(page, f"not-now-{size['width']}")
    await context.close()
