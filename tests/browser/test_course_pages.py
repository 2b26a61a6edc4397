"""The console's pages of 培训 in Chromium: a course is made, people are enrolled, and their school pays.

With XCERT_SCREENSHOTS=DIR the pictures are kept there, to be looked at.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Course, CoursePrice, Fee
from tests.kit import make, paying, training
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.training import TITLE

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_course_is_made_and_people_are_enrolled(
    base: str, browser: Browser, services: Services
) -> None:
    school = await make.school("明德职业技术学院")
    async with seat(browser, services, base, Role.OPERATOR) as (page, trouble):
        await page.goto(f"{base}/console/courses")
        await page.get_by_role("button", name="建立培训").click()
        send = page.locator("#new-course button[type=submit]")
        await page.fill("#title", TITLE)
        await page.fill("#from", "2027-01-18")
        await page.fill("#to", "2027-01-17")
        await page.fill("#amount", "1,200.50")
        await send.click()
        await expect(page.locator("#to-error")).to_contain_text("不能早于开始日期")
        await expect(page.locator("#place-error")).to_contain_text("线下培训请填写地点")
        await look(page, "course-refused")
        await page.fill("#to", "2027-01-22")
        await page.fill("#place", "北京市海淀区")
        await page.fill("#capacity", "2")
        await send.click()
        await expect(page.locator(".toast")).to_contain_text("培训已建立")
        await page.get_by_role("link", name=TITLE).click()
        await page.get_by_role("button", name="登记学员").click()
        await page.fill(
            "#enrol-text",
            f"院校\t姓名\t手机号\n{school.name}\t欧阳文静\t19900000001\n{school.name}\t王伟\t199\n没有的学院\t李静\t19900000003",
        )
        await look(page, "course-enrol")
        await page.locator("#enrol button[type=submit]").click()
        await expect(page.locator("#enrolled-said")).to_have_text(
            "共 3 行：登记 1 人，0 人以前已登记，2 行没有办理。"
        )
        await look(page, "course-enrolled")
        await page.get_by_role("button", name="知道了").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        fee = await Fee.get()
        assert (fee.amount_fen, fee.school_id) == (120_050, school.id)
        await page.get_by_role("button", name="改价").click()
        await page.fill("#amount", "0")
        await page.fill("#price-from", "2026-12-01")
        await page.locator("#set-price button[type=submit]").click()
        await expect(page.locator(".toast")).to_contain_text("价格已设定")
        assert [one.amount_fen for one in await CoursePrice.all().order_by("id")] == [120_050, 0]
        await page.get_by_role("button", name="停止报名").click()
        await page.click("#sure-yes")
        await expect(page.locator(".toast")).to_contain_text("已停止报名")
        assert not (await Course.get()).is_open
        assert [one for one in trouble if "422" not in one] == []  # what was wrong with the form


@pytest.mark.parametrize("width", [1440, 375])
async def test_every_page_with_courses_fits(
    base: str, browser: Browser, services: Services, width: int
) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    pay = FakePay(services.settings, services.clock)
    school = await make.school("明德职业技术学院")
    course = await training.course(services, capacity=40)
    await training.course(services, title="线上初级师资培训", is_online=True, place="", amount_fen=0)
    taught = [await training.owing(services, course, school, name) for name in ("欧阳文静", "王伟", "李静")]
    sat = await paying.owing(services, await paying.priced(services, kind="school"), school=school)
    order = await paying.paid(services, pay, taught[0], sat)
    seats = {
        Role.OPERATOR: ("courses", f"courses/{course.id}"),
        Role.FINANCE: ("courses", f"courses/{course.id}", "fees", f"orders/{order.id}"),
        Role.SCHOOL: ("fees", f"orders/{order.id}"),
    }
    for role, paths in seats.items():
        own = school if role is Role.SCHOOL else None
        async with seat(browser, services, base, role, school=own) as (page, trouble):
            await page.set_viewport_size({"width": width, "height": 900})
            for path in paths:
                await page.goto(f"{base}/console/{path}")
                await look(page, f"courses-{role.value}-{path.replace('/', '-')}-{width}")
            assert trouble == []
