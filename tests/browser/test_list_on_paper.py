"""A batch's list on paper, its page after a step, and many batches at once, in a real Chromium."""

from __future__ import annotations

import os
import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters import cache
from server.adapters.documents.printed_text import printed_text
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, Issuance
from tests.kit import issuing
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MANY = tuple(f"考生{chr(0x6000 + i)}" for i in range(150))


def pages_of(pdf: bytes) -> list[str]:
    root = PdfFileReader(BytesIO(pdf)).root
    drawn = [printed_text(page.get_object()) for page in root["/Pages"]["/Kids"]]
    # Chromium names a glyph that a radical shares with its character after the radical.
    return [unicodedata.normalize("NFKC", text.replace("\ufffd", "")) for text in drawn]


async def test_printing_150_people_prints_150(base: str, browser: Browser, services: Services) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services, names=MANY)
    batch = await issuing.pending(services, of)
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await look(page, "batch-of-150")
        await expect(page.get_by_text("第 1–100 位，共 150 人")).to_be_visible()
        await page.get_by_role("link", name="下一页").click()
        await expect(page.get_by_text("第 101–150 位，共 150 人")).to_be_visible()
        await page.get_by_role("link", name="上一页").click()
        await expect(page.get_by_text("第 1–100 位，共 150 人")).to_be_visible()
        here = pages_of(await page.pdf(format="A4"))  # the page itself: what it lists, and that it is not all
        numbers = sorted([str(one) for one in await Certificate.all().values_list("number", flat=True)])
        assert [n for n in numbers[:100] if not any(n in text for text in here)] == []
        assert any("只列出名单的一部分" in text for text in here)

        await page.get_by_role("link", name="打印名单").click()
        await look(page, "print-list")
        pdf = await page.pdf(prefer_css_page_size=True)
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder, "list.pdf").write_bytes(pdf)
        paper = pages_of(pdf)
        text = "".join(paper)
        assert [one for one in (*numbers, *MANY) if one not in text] == []
        assert len(paper) >= 4 and all("序号" in one for one in paper[:-1])  # the head on each page
        for said in (
            bytes(batch.list_sha256 or b"").hex(),
            services.settings.issuer,
            "第1版",
            "院校签发负责人(签字)",
        ):
            assert said in text, said
        assert "2026年11月23日12:00" in text  # when it was printed
        assert trouble == []


async def test_the_page_says_that_a_step_was_taken(
    base: str, browser: Browser, services: Services, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis), pdf_renderer=ScreenPdfRenderer())
    batch = await issuing.prepared(services, await issuing.cohort(services))
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        await page.goto(f"{base}/console/issuances/{batch.id}")
        for button, said in (
            ("签发", "已签发，等待院校签发负责人扫码确认。"),
            ("撤回", "已撤回，批次回到“待签发”。"),
        ):
            await page.get_by_role("button", name=button, exact=True).click()
            await page.locator("#sure-yes").click()
            await expect(page.get_by_text(said)).to_be_visible()
        await expect(page.get_by_text("签发员").or_(page.get_by_text("王敏")).first).to_be_visible()
        assert (await Issuance.get(id=batch.id)).revision == 2
        assert trouble == []
    await redis.aclose()


async def test_many_batches_are_signed_at_once(base: str, browser: Browser, services: Services) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    for _ in range(3):
        await issuing.prepared(services, await issuing.cohort(services))
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        await page.goto(f"{base}/console/issuances?state=prepared")
        await look(page, "batches-in-bulk")
        await expect(page.get_by_text("共 3 个批次，12 人")).to_be_visible()
        await page.get_by_label("选择本页全部可办理的").check()
        await page.get_by_role("button", name="签发所选（3）").click()
        await expect(page.locator("#bulk-ask-rows li")).to_have_count(3)
        await expect(page.locator("#bulk-ask-count")).to_have_text("共 3 个批次，12 人")
        await look(page, "batches-in-bulk-asked")
        await page.locator("#bulk-yes").click()
        await expect(page.get_by_text("3 个批次已签发。")).to_be_visible()
        assert {one.state for one in await Issuance.all()} == {"site_pending"}
        assert trouble == []
