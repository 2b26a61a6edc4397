"""Accounts, log-ins and rights in Chromium: the pages at both sizes, read by axe as well."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from server.domain.auth import login_limits, logins
from server.domain.people import staff, staff_changes
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.domain.roles import Role
from tests.kit import make
from tests.kit.accessibility import clean
from tests.kit.console_desk import PASSWORD, account
from tests.kit.console_pages import look, seat

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def a_staff(s: Services) -> int:
    """Accounts with log-ins and changes that wait; the id of one of them."""
    made = await account(Role.OPERATOR)
    other = await account(Role.ADMIN, username="zhou.min")
    await account(Role.SCHOOL, school=await make.school(), username="school-1")
    for agent in ("Windows 上的 Chrome", "iPhone 上的 微信"):
        came = login_limits.From(address="113.200.1.7", agent=agent)
        await logins.log_in(s, made.username, PASSWORD, "", came)
    for wanted in (
        WantedChange(act="reset_password", reason="本人到办公室提出，已核对工作证"),
        WantedChange(act="set_role", reason="调到财务处，人事通知第 12 号", role="finance"),
    ):
        await staff_changes.ask(s.clock, made.id, wanted, actor=staff.actor_of(other))
    return int(made.id)


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_the_pages_of_accounts(base: str, browser: Browser, services: Services, narrow: bool) -> None:
    one = await a_staff(services)
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, trouble):
        for path in ("accounts", f"accounts/{one}", "account-changes", "rights", "account"):
            await page.goto(f"{base}/console/{path}")
            await look(page, f"{path.replace('/', '-')}-{'phone' if narrow else 'desk'}")
            if not narrow:
                await clean(page, path)
        assert trouble == []
