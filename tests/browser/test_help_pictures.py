"""The pictures of the help show the pages as they are: each is compared by its shape, and `make pictures` takes them anew."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from server import demo_cohort
from server.domain.exams import release_requests
from server.domain.go_live import checklist
from server.domain.people import staff_changes
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import DoctorRun, Issuance, PaperRun, Plan
from server.web.console.help_jobs import PICTURES
from tests.kit import fake_bill, help_camera, importing, issuing, make, paying
from tests.kit.busy_service import a_busy_service
from tests.kit.console_desk import account
from tests.kit.console_pages import ScreenPdfRenderer, seat
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.help_camera import Picture
from tests.kit.reconciling import compared, one_paid_and_over

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def opening(button: str) -> Callable[[Page], Awaitable[object]]:
    async def opened(page: Page) -> None:
        await page.locator(button).first.click()
        await expect(page.locator("dialog[open]")).to_be_visible()

    return opened


async def keys(page: Page) -> None:
    await page.locator("body").press("?")
    await expect(page.locator("#keys")).to_be_visible()


async def code_is_drawn(page: Page) -> None:
    await expect(page.locator("#qr")).to_be_visible()
    await expect(page.locator("#left")).to_have_text(re.compile("[0-9]:[0-9]{2}"))  # once it counts
    await page.locator("#link-state").evaluate(
        "line => { line.hidden = true; }"
    )  # now and then the line is up


async def checked(page: Page) -> None:
    await expect(page.locator("#run .figures")).to_be_visible()


async def a_slip(page: Page) -> None:
    await expect(page.locator("#transfer-form")).to_be_visible()


async def the_world(s: Services) -> list[Picture]:
    """Everything that the help shows but the reconciliation, and where."""
    exchange(s, pdf_renderer=ScreenPdfRenderer())
    people = [person for person in demo_cohort.people(12) if person.passed]
    await importing.take(s, "candidates", "考生信息.xlsx", demo_cohort.people_book(people))
    await importing.take(s, "scores", "成绩.xlsx", demo_cohort.score_book(people[:6]))
    table = await importing.check(s, demo_cohort.score_book(people[6:9]))
    of = await a_busy_service(s)
    plan = (await make.plan("2026年11月22日考试计划")).id
    sitting = (*issuing.NAMES, "林知夏", "陈一诺", "何安然")
    at = await make.site(of.school)
    for serial, name in enumerate(sitting):
        who = await make.candidate(s, name, at=of.school)
        outcome = "failed" if serial == 6 else "passed"
        await make.registration(
            s, who, on=await Plan.get(id=plan), at=at, outcome=outcome, score=52.0 + 6 * serial
        )
    await release_requests.ask(s.clock, plan, at=None, actor=make.OPERATOR)
    newcomer = await account(Role.FINANCE, username="li.hua.finance")
    await staff_changes.ask(
        s.clock, newcomer.id, WantedChange(act="reset_password", reason="本人当面提出"), actor=make.ADMIN
    )
    seen = [
        {"level": "ok", "title": "数据库", "text": "PostgreSQL 15"},
        {"level": "bad", "title": "Redis", "text": "连接不上，请检查 XCERT_REDIS_URL"},
    ]
    await DoctorRun.create(asked_by_name="", asked_at=s.clock.now(), ended_at=s.clock.now(), findings=seen)
    await checklist.confirm(s.clock, "keys-backup", "存放在第二机房的保险柜", actor=make.ADMIN)
    batch = (await Issuance.filter(state="site_pending").first()).id  # type: ignore[union-attr]
    run = (await PaperRun.all().first()).id  # type: ignore[union-attr]
    person = of.registrations[0].candidate_id
    campaign = 1
    admin = Role.ADMIN
    return [
        Picture("home", admin, "", "section:has(#h-due)"),
        Picture("list-bar", admin, "issuances", "form.filters"),
        Picture("keys", admin, "issuances", "#keys", keys),
        Picture("import", admin, "imports", "section:has(#h-new)"),
        Picture("import-checked", admin, f"imports/{table.id}", "main section.card", checked),
        Picture("release", admin, f"plans/{plan}", "section:has(#h-release)"),
        Picture("score-change", admin, "score-changes", "section:has(#h-request)"),
        Picture("batch-list", admin, "issuances", "section[aria-label=签发批次]"),
        Picture("batch", admin, f"issuances/{batch}", "section[aria-label=进度]"),
        Picture("qr", admin, f"issuances/{batch}/qr", ".qr-page", code_is_drawn),
        Picture("officers", admin, "officers", "#invite", opening("[data-open=invite]")),
        Picture("correction", admin, "corrections/new", "#correction-form"),
        Picture("revoke", admin, "certificates", "#revoke", opening("[data-open=revoke]")),
        Picture("portal", admin, "portal-differences", "section:has(#h-theirs)"),
        Picture("paper", admin, f"paper/{run}", "section:has(#h-sheets-counted)"),
        Picture("person", admin, f"people/{person}", "section:has(#h-person)"),
        Picture("copy", admin, f"people/{person}", "#copy", opening("[data-open=copy]")),
        Picture("erasure", admin, f"people/{person}", "#erasure", opening("[data-open=erasure]")),
        Picture("campaign", admin, f"campaigns/{campaign}", "section:has(#h-facts)"),
        Picture("fees", admin, "fees", "section:has(#h-fees)"),
        Picture("transfer", admin, f"transfers/new?school_id={of.school.id}", "section:has(#h-slip)", a_slip),
        Picture("staff-changes", admin, "account-changes", "section[aria-label=账号变更]"),
        Picture("go-live", admin, "go-live", "section:has(#h-2)"),
        Picture("second-factor", admin, "account", "section:has(#h-otp)"),
    ]


async def taken(
    chromium: Browser, s: Services, base: str, pictures: list[Picture]
) -> dict[str, tuple[bytes, str]]:
    found = {}
    async with seat(chromium, s, base, Role.ADMIN) as (page, _):
        await page.set_viewport_size({"width": help_camera.WIDTH, "height": help_camera.HEIGHT})
        for one in pictures:
            await page.goto(f"{base}/console/{one.path}")
            found[one.name] = await help_camera.taken(page, one)
    return found


async def test_pictures(base: str, browser: Browser, services: Services, db_url: str) -> None:
    found = await taken(browser, services, base, await the_world(services))
    pay = FakePay(services.settings, services.clock)
    exchange(services, pay=pay)
    order, day = await one_paid_and_over(services, pay)
    at = services.clock.now() - timedelta(days=1)
    pay.moved = [fake_bill.flow("提现", -10_000, at)]
    await compared(services, pay, day)
    paying.forward(services, days=1)
    await compared(services, pay, day + timedelta(days=1))
    days = Picture("reconciliation", Role.ADMIN, "reconciliation", "section:has(#h-days)")
    paid = Picture(
        "refund", Role.ADMIN, f"orders/{order.id}", "#ask-refund", opening("[data-open=ask-refund]")
    )
    found |= await taken(browser, services, base, [days, paid])
    assert set(found) == set(PICTURES)
    if os.environ.get("XCERT_PICTURES") == "take":
        help_camera.keep(found)
    kept = help_camera.kept()
    changed = [name for name, (_, shape) in found.items() if kept.get(name, ("", ""))[1] != shape]
    assert changed == [], (
        "these pages look otherwise than their pictures in the help: make pictures, and look at them"
    )
