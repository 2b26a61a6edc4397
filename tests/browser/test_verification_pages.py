"""The public pages in a real Chromium without JavaScript, at the width of a phone and of a desk: they fit and they work.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder, rotate
from server.domain.certificates import files, revocation
from server.domain.certificates.claims import encode_code
from server.domain.ports import Services
from server.domain.public_log import sequencer
from server.models import Certificate
from tests.adapters.documents.papers import claims
from tests.conftest import ISSUER
from tests.kit import issuing, make
from tests.kit.accessibility import clean
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
    assert page.url.startswith(f"{base}/v/found/")  # an address to keep
    assert certificate.number not in page.url and certificate.code not in page.url

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


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_a_file_is_put_in(
    browser: Browser,
    base: str,
    services: Services,
    key_folder: KeyFolder,
    size: dict[str, int],
    tmp_path: Path,
) -> None:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    certificate = await Certificate.get(candidate__name="欧阳慧敏")
    renderer = TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials))
    genuine = renderer.make_now(await files.page(services, certificate))
    await Certificate.filter(id=certificate.id).update(pdf_sha256=hashlib.sha256(genuine).digest())
    writer = IncrementalPdfFileWriter(io.BytesIO(genuine))
    kid = writer.root["/Pages"].get_object()["/Kids"].raw_get(0)
    stream = writer.add_object(generic.StreamObject(stream_data=b"1 0 0 rg 100 100 200 50 re f"))
    kid.get_object()["/Contents"] = generic.ArrayObject([stream])
    writer.mark_update(kid)
    out = io.BytesIO()
    writer.write(out)
    for name, data in (("genuine", genuine), ("changed", out.getvalue()), ("rubbish", b"%PDF-1.7 no")):
        (tmp_path / f"{name}.pdf").write_bytes(data)
    context = await browser.new_context(viewport=size, locale="zh-CN", java_script_enabled=False)  # type: ignore[arg-type]
    page, label = await context.new_page(), f"{size['width']}"
    await page.goto(f"{base}/v")
    await page.get_by_role("link", name="放进文件核验").click()
    await look(page, f"file-{label}")
    await page.get_by_role("button", name="核验").click()
    await expect(page.get_by_role("alert")).to_contain_text("请选择要核验的文件")
    for name, heading in (
        ("genuine", "真实，未被改动"),
        ("changed", "签名之后被改动过，请勿采信"),
        ("rubbish", "不能确认，请勿采信"),
    ):
        await page.goto(f"{base}/v/file")
        await page.get_by_label("选择文件").set_input_files(tmp_path / f"{name}.pdf")
        await page.get_by_role("button", name="核验").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        await look(page, f"file-{name}-{label}")
    await page.goto(f"{base}/v/about")
    await look(page, f"about-{label}")
    await context.close()


async def test_in_the_dark_in_english_and_on_paper(browser: Browser, base: str, services: Services) -> None:
    """Everybody's eyes, and a file for the drawer: a verification on one page of A4."""
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    await sequencer.run(services)
    certificate = await Certificate.get(candidate__name="欧阳慧敏")
    found, wrong = f"/v/{certificate.code}", f"/v/{certificate.code[:-1]}"
    other = await Certificate.get(candidate__name="买买提·吐尔逊")
    await Certificate.filter(id=other.id).update(
        state="superseded",
        superseded_by_id=certificate.id,
        superseded_at=services.clock.now(),
        superseded_word="姓名更正",
    )
    for language, size in (("zh-CN", PHONE), ("en-GB", PHONE), ("zh-CN", DESK), ("en-GB", DESK)):
        context = await browser.new_context(viewport=size, locale=language, color_scheme="dark")
        page, label = await context.new_page(), f"{language[:2]}-{size['width']}"
        for name, path in (
            ("form", "/v"),
            ("valid", found),
            ("forged", wrong),
            ("about", "/v/about"),
            ("file", "/v/file"),
        ):
            await page.goto(base + path)
            await look(page, f"dark-{name}-{label}")
            if size is PHONE:
                await clean(page, f"{name} {label}")
        if size is PHONE:  # the narrowest phone, in WeChat's largest type
            await page.set_viewport_size({"width": 320, "height": 640})
            for name, path in (("form", "/v"), ("valid", found), ("superseded", f"/v/{other.code}")):
                await page.goto(base + path)
                await page.evaluate("document.documentElement.style.fontSize = '26px'")
                await look(page, f"large-{name}-{label}")
            await page.set_viewport_size(PHONE)
        await page.goto(base + found)
        await page.get_by_role("link", name="中文" if language == "en-GB" else "English").click()
        heading = "证书有效" if language == "en-GB" else "The certificate is valid"
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        await page.goto(base + found)  # it is remembered
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        paper = await page.pdf(format="A4", prefer_css_page_size=True)
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder, f"verification-paper-{label}.pdf").write_bytes(paper)
        assert PdfFileReader(io.BytesIO(paper)).root["/Pages"]["/Count"] == 1, label
        await context.close()
