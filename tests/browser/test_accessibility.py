"""Every page read by axe-core: what it finds wrong, of whatever weight, is wrong. And what axe does not look at.

Names of controls in rows, one way to open the navigation, and a switch that says whether it is open.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from server.adapters import cache
from server.adapters.captcha import PillowImageCheck
from server.domain.actor import SYSTEM
from server.domain.auth import logins
from server.domain.certificates import revocation
from server.domain.issuance import scan_tickets
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import (
    BankRefund,
    BankTransfer,
    Campaign,
    Certificate,
    Correction,
    FeeOrder,
    ImportRun,
    Issuance,
    PaperRun,
    Plan,
    Staff,
)
from server.web.console.help_jobs import JOBS
from tests.kit import issuing, make
from tests.kit.accessibility import clean, shape
from tests.kit.busy_service import a_busy_service
from tests.kit.console_pages import ScreenPdfRenderer, seat
from tests.kit.exchange import exchange
from tests.kit.history import ME, a_history
from tests.kit.jobs import drained
from tests.kit.windows import window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_read: set[str] = set()  # what one role has been shown and axe has read, it need not read again


@pytest.mark.parametrize("role", list(Role))
async def test_the_console_of_every_role(
    base: str, browser: Browser, services: Services, role: Role, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, event_bus=cache.RedisEventBus(redis), pdf_renderer=ScreenPdfRenderer())
    of = await a_busy_service(services)
    async with seat(browser, services, base, role, school=of.school if role is Role.SCHOOL else None) as (
        page,
        _,
    ):
        await page.goto(f"{base}/console/")
        await clean(page, "home")
        here = await page.eval_on_selector_all(".nav a", "all => all.map(one => one.href)")
        batches = [f"{base}/console/issuances/{one.id}" for one in await Issuance.all()]
        within = [f"{batch}/{leaf}" for batch in batches for leaf in ("print", "qr")]
        runs = [f"{base}/console/imports/{one.id}" for one in await ImportRun.all()]
        found = f"{base}/console/people/{of.registrations[0].candidate_id}"
        runs += [f"{base}/console/plans/{of.plan.id}", f"{base}/console/schools/{of.school.id}"]
        bought = [
            f"{base}/console/orders/{one.id}{leaf}" for one in await FeeOrder.all() for leaf in ("", "/pay")
        ]
        came = [f"{base}/console/transfers/{one.id}" for one in await BankTransfer.all()]
        came += [f"{base}/console/bank-refunds/{one.id}" for one in await BankRefund.all()]
        sent = [f"{base}/console/campaigns/{one.id}" for one in await Campaign.all()]
        sent += [f"{base}/console/corrections/{one.id}" for one in await Correction.all()]
        told = [f"{base}/console/deliveries/people/{of.registrations[0].candidate_id}", *sent]
        leaves = (
            "account",
            "nowhere",
            "bank-refunds",
            "campaigns/new",
            "corrections/new",
            "transfers/new",
            *(f"help/{slug}" for slug in JOBS),
            f"transfers/new?school_id={of.school.id}",
        )
        others = [f"{base}/console/{leaf}" for leaf in leaves]
        for one in await PaperRun.all():
            others += [f"{base}/console/paper/{one.id}{leaf}" for leaf in ("", "/slip")]
            others.append(f"{base}/console/paper/new?issuance_id={one.issuance_id}")
        for address in (*here, *batches, *within, *runs, *bought, *came, *told, found, *others):
            answer = await page.request.get(address, headers={"Accept": "text/html"})
            if (form := shape(await answer.text())) in _read:
                continue
            _read.add(form)
            await page.goto(address)
            await clean(page, f"{role.value} {address}")
            for opener in await page.locator("button[data-open]").all():
                if not await opener.is_visible():
                    continue
                await opener.click()
                opened = page.locator("dialog[open]")
                await expect(opened).to_be_visible()
                form = shape("<main>" + await opened.evaluate("dialog => dialog.outerHTML"))
                if form not in _read:  # what is behind it has been read, and nobody reaches it
                    _read.add(form)
                    name = f"{role.value} {address} {await opener.inner_text()}"
                    await clean(page, name, "dialog[open]")
                await page.keyboard.press("Escape")
    await redis.aclose()


async def test_the_console_on_a_phone_and_its_menu(base: str, browser: Browser, services: Services) -> None:
    await a_busy_service(services)
    async with seat(browser, services, base, Role.ADMIN, narrow=True) as (page, _):
        await page.goto(f"{base}/console/issuances")
        menu = page.get_by_role("button", name="导航")
        await expect(menu).to_have_attribute("aria-expanded", "false")
        await expect(page.get_by_role("link", name="首页")).to_be_hidden()
        await clean(page, "closed")
        await menu.press("Enter")
        await expect(menu).to_have_attribute("aria-expanded", "true")
        await expect(page.get_by_role("link", name="首页")).to_be_visible()
        await clean(page, "open")
        await menu.click()
        await expect(page.get_by_role("link", name="首页")).to_be_hidden()
        await page.goto(f"{base}/console/certificates")
        await clean(page, "cards instead of rows")
    async with seat(browser, services, base, Role.ADMIN, narrow=True, js=False) as (page, _):
        await page.goto(f"{base}/console/issuances")
        await expect(page.get_by_role("link", name="首页")).to_be_visible()
        await expect(page.get_by_role("button", name="导航")).to_be_hidden()


async def test_every_stop_of_the_tab_key_can_be_seen(base: str, browser: Browser, services: Services) -> None:
    seen = """() => { const e = document.activeElement, shown = e.closest('.drop') || e;  // .drop draws its input's focus
        const box = shown.getBoundingClientRect();
        const visible = box.width > 8 && box.height > 8 && box.right > 0 && shown.checkVisibility({opacityProperty: true});
        return e === document.body || visible ? '' : e.outerHTML.slice(0, 120) }"""
    async with seat(browser, services, base, Role.ADMIN) as (page, _):
        for path in ("", "imports", "plans", "issuances", "certificates"):
            await page.goto(f"{base}/console/{path}")
            for _turn in range(14):
                await page.keyboard.press("Tab")
                assert await page.evaluate(seen) == "", path


async def test_before_the_console(base: str, browser: Browser, services: Services) -> None:
    async with seat(browser, services, base, None) as (page, _):
        for path in (
            "/",
            "/docs",
            "/console/login",
            "/console/login?next=/console/plans",
            "/console/help/sign-in",
            "/nowhere",
        ):
            await page.goto(base + path)
            await clean(page, path)
    await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", name="李华", actor=SYSTEM
    )
    newcomer = await Staff.get(username="li.hua")
    async with seat(browser, services, base, None) as (page, _):
        cookie: Any = {
            "name": "xcert_console",
            "value": logins.begin(services, newcomer)[0],
            "url": f"{base}/console/",
        }
        await page.context.add_cookies([cookie])
        await page.goto(f"{base}/console/")
        assert page.url.endswith("/console/password")
        await clean(page, "the first password")


async def test_a_candidates_phone(base: str, browser: Browser, services: Services) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer(), image_check=PillowImageCheck())
    async with window(browser, services, base, ME) as tab:
        for path in ("/h5/", "/h5/results", "/h5/certificates", "/h5/bind", "/h5/officer", "/h5/nowhere"):
            await tab.go(path)
            await clean(tab.page, f"a stranger's {path}")
        await tab.page.goto(f"{base}/h5/bind")
        await tab.page.click("button[type=submit]")
        await clean(tab.page, "binding refused")
        made = await a_history(services)
        await services.file_store.put(f"certificates/{made.number}.jpg", b"\xff\xd8\xff")
        for path in (
            "/h5/",
            "/h5/notices",
            "/h5/results",
            "/h5/certificates",
            "/h5/bind",
            f"/h5/certificates/{made.number}",
        ):
            await tab.go(path)
            await clean(tab.page, path)


async def test_an_officers_phone(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity) as tab:
        for path in ("/h5/officer", f"/s/{shown.token}"):
            await tab.go(path)
            await clean(tab.page, path)
        await tab.page.click(".return summary")
        await tab.page.click("#sign button")
        await clean(tab.page, "without a password")
        await scan_tickets.confirm(services, shown.token, issuing.PIN, identity=of.identity)
        await tab.go(f"/s/{shown.token}")
        await clean(tab.page, "signed")
        await tab.go("/s/" + "a" * 32)
        await clean(tab.page, "no such ticket")


async def test_verification(base: str, browser: Browser, services: Services) -> None:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    await Plan.all().update(release_at=services.clock.now())
    one, two, *_ = await Certificate.all().order_by("id")
    await revocation.revoke(services.clock, services.faults, two.number, "考试违纪", actor=make.ADMIN)
    async with seat(browser, services, base, None) as (page, _):
        for path in (
            "/v",
            "/v/file",
            "/v/about",
            f"/v/{one.code}",
            f"/v/{two.code}",
            f"/v/{one.code[:-4]}AAAA",
        ):
            await page.goto(base + path)
            await clean(page, path[:20])
        await page.goto(f"{base}/v")
        await page.click("main button")
        await clean(page, "a form without anything in it")
