"""门户核对 in Chromium: the differences on a desktop and on a phone, and one settled by hand. With pictures."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.domain.certificates.claims import number_of
from server.domain.certificates.portal import Pair
from server.domain.levels import Level
from server.domain.portal_lists import keeping
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, PortalDifference
from tests.kit import issuing, make
from tests.kit.console_pages import look, seat
from tests.kit.jobs import drained

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.rule("S94")]
STRANGE = number_of("26", "SPS", Level.PRIMARY, 99_999_999)


async def test_a_difference_is_settled(base: str, browser: Browser, services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    batch = await issuing.generating(s, of)
    await drained(s)
    numbers = [c.number for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]
    pairs = [Pair(numbers[0], "GJ-1", "崔子寒"), Pair(numbers[1], "GJ-2"), Pair(STRANGE, "GJ-9")]
    await keeping.record(s, pairs, actor=make.OPERATOR)
    await drained(s)
    for narrow, where in ((False, ""), (True, "-phone")):
        async with seat(browser, s, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
            await page.goto(f"{base}/console/portal-differences")
            await look(page, f"portal-differences{where}")
            assert trouble == []
    async with seat(browser, s, base, Role.OPERATOR) as (page, trouble):
        await page.goto(f"{base}/console/portal-differences?kind=theirs_only")
        await page.get_by_role("button", name="处理证书").click()
        await page.fill("#note", "已请门户核实这份证书")
        await look(page, "portal-differences-settle")
        await page.locator("#settle button[type=submit]").click()
        await expect(page.locator(".empty")).to_contain_text("没有这样的差异")
        await page.goto(f"{base}/console/portal-differences?all=1")
        await expect(page.locator("tbody")).to_contain_text("已请门户核实这份证书")
        assert trouble == []
    assert await PortalDifference.filter(settled_at__not_isnull=True).count() == 1
