"""The import page in a real Chromium, desk and phone: template, check, names, changes, and a check that is written later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.async_api import Browser, Page, expect

from server import demo_cohort
from server.domain import imports
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Plan, PlanSlot, Score
from tests.kit import importing, make
from tests.kit.cohort import changed
from tests.kit.console_pages import look, seat
from tests.kit.jobs import drained
from tests.kit.workbooks import edited, front

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PEOPLE = [person for person in demo_cohort.people(12) if person.passed]


async def hand_in(page: Page, s: Services, file: Path) -> None:
    await page.set_input_files("#file", file)
    await pdf_renderer(page, s, "检查这份表格")


async def pdf_renderer(page: Page, s: Services, button: str) -> None:
    """Press, and let the worker do what was asked."""
    async with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        await page.get_by_role("button", name=button).click()
    assert (await sent.value).status == 202
    await drained(s)


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_a_table_is_checked_its_names_confirmed_and_written_from_the_record(
    base: str, browser: Browser, services: Services, tmp_path: Path, narrow: bool
) -> None:
    size = "phone" if narrow else "desk"
    await importing.take(services, "candidates", "c.xlsx", demo_cohort.people_book(PEOPLE))
    first = demo_cohort.score_book(PEOPLE[:2])
    await importing.take(services, "scores", "s.xlsx", first)
    rows = [
        changed(PEOPLE[0], 成绩=12),
        *(person.score_row() for person in PEOPLE[1:6]),
        changed(PEOPLE[6], 成绩=101),
    ]
    slip = PEOPLE[5].plan.replace("考试计划", "考试计画")
    rows[5] = changed(PEOPLE[5], 考试计划=slip)
    file = tmp_path / "成绩.xlsx"
    file.write_bytes(demo_cohort.book(demo_cohort.SCORE_HEADER, rows))
    async with seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/imports")
        await page.get_by_text("成绩", exact=True).first.click()
        await page.get_by_text("“成绩”每一列怎样填").click()
        await expect(page.get_by_text("没有成绩时填写缺考、缓考、违纪或作弊；其余可空")).to_be_visible()
        await look(page, f"imports-help-{size}")
        await page.get_by_text("“成绩”每一列怎样填").click()
        async with page.expect_download() as template:
            await page.get_by_role("link", name="下载“成绩”模板").click()
        assert (await template.value).suggested_filename == "成绩模板.xlsx"
        await hand_in(page, services, file)
        await expect(page.locator("#run")).to_contain_text(f"看起来像：{PEOPLE[5].plan}")
        await expect(page.locator(".changes")).to_contain_text("通过 → 未通过")
        await expect(page.locator("#run .table-box").last).to_contain_text("101")
        await look(page, f"imports-checked-{size}")

        await page.reload()
        await expect(page.locator("#run")).to_contain_text(f"看起来像：{PEOPLE[5].plan}")
        for name in await page.locator(".check.name").all():
            if slip not in await name.locator("b").inner_text():
                await name.locator("input").check()
        newest = page.locator("#past tbody a").first
        checked = await newest.get_attribute("href") or ""
        await pdf_renderer(page, services, "确认新建所选名称，并重新检查")
        await expect(page.locator("#run")).to_contain_text("不会写入。其余可以先写入：新增")
        await look(page, f"imports-confirmed-{size}")
        await expect(newest).not_to_have_attribute("href", checked)  # the list is read after the run
        record = await newest.get_attribute("href")

    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, more):
        await page.goto(f"{base}{record}")
        await pdf_renderer(page, services, "只写入没有错误的")
        await expect(page.locator("#run")).to_contain_text("已写入：新增")
        await look(page, f"imports-written-{size}")
        await page.goto(f"{base}{record}")
        await expect(page.locator("#run")).to_contain_text("这次检查已经写入。")
        await expect(page.get_by_role("button", name="写入")).to_have_count(0)
        await page.goto(f"{base}/console/imports")
        await expect(page.locator("#past tbody tr")).to_have_count(3)
        await look(page, f"imports-list-{size}")
        assert trouble + more == []
    assert not await Plan.filter(name=slip).exists()
    assert (await Score.get(registration__admission_number=PEOPLE[0].admission_number)).score == 12


async def test_what_cannot_be_written_offers_no_button(
    base: str, browser: Browser, services: Services, tmp_path: Path
) -> None:
    await importing.take(services, "candidates", "c.xlsx", demo_cohort.people_book(PEOPLE))
    same, bad = tmp_path / "same.xlsx", tmp_path / "bad.xlsx"
    same.write_bytes(demo_cohort.people_book(PEOPLE))
    bad.write_bytes(
        demo_cohort.book(
            demo_cohort.PEOPLE_HEADER, [[*PEOPLE[0].people_row()[:4], "旁听", *PEOPLE[0].people_row()[5:]]]
        )
    )
    async with seat(browser, services, base, Role.OPERATOR) as (page, trouble):
        await page.goto(f"{base}/console/imports")
        for file, said in (
            (same, "没有变化：内容与现有数据完全相同，不需要写入。"),
            (bad, "没有可以写入的行：1 行没有通过，请按下面的提示处理后重新检查。"),
        ):
            await hand_in(page, services, file)
            await expect(page.locator("#run > .note")).to_have_text(said)
            await expect(page.get_by_role("button", name="写入")).to_have_count(0)
        assert trouble == []


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_what_nobody_saw_in_the_table_is_said_first(
    base: str, browser: Browser, services: Services, tmp_path: Path, narrow: bool
) -> None:
    await importing.take(services, "candidates", "c.xlsx", demo_cohort.people_book(PEOPLE))
    table = tmp_path / "hidden.xlsx"

    def hide(made: Workbook) -> None:
        front(made).row_dimensions[3].hidden = True
        front(made).column_dimensions["D"].hidden = True
        made.create_sheet("旧").sheet_state = "hidden"

    rows = [[*person.people_row(), ""] for person in PEOPLE] + [[*[""] * 10, "以下空白"]]
    table.write_bytes(edited(demo_cohort.book([*demo_cohort.PEOPLE_HEADER, "说明"], rows), hide))
    async with seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/imports")
        await hand_in(page, services, table)
        await expect(page.locator("#run .note.wait")).to_have_text(
            [
                re.compile(r"第 \d+ 行只在不读取的列里有内容，没有导入。"),
                re.compile("第 3 行在表格里是隐藏的"),
                re.compile("这些列在表格里是隐藏的，也读取了：手机号。"),
                re.compile("没有读取隐藏的工作表“旧”。"),
            ]
        )
        await expect(page.locator(".figures")).to_contain_text("没有读取")
        await look(page, f"imports-hidden-{'phone' if narrow else 'desk'}")
        assert trouble == []


async def test_who_may_only_look_sees_no_button(base: str, browser: Browser, services: Services) -> None:
    done = await imports.take(
        services,
        "candidates",
        "c.xlsx",
        demo_cohort.people_book(PEOPLE),
        wish=imports.Wish(dry_run=True, creating=imports.Names.of(demo_cohort.names(PEOPLE))),
        actor=make.OPERATOR,
    )
    async with seat(browser, services, base, Role.AUDITOR) as (page, trouble):
        await page.goto(f"{base}/console/imports/{done.id}")
        await expect(page.locator("#run > .note")).to_contain_text("检查通过，没有发现错误，可以写入：新增")
        await expect(page.locator("#run button, #run a")).to_have_count(0)
        assert trouble == []


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "phone"])
async def test_a_published_score_is_changed_by_two_people(
    base: str, browser: Browser, services: Services, narrow: bool
) -> None:
    made = await make.registration(services, on=await make.plan(release_at=services.clock.now()))
    await PlanSlot.create(plan_id=made.plan_id, level=(await made.site).level, subject=make.SUBJECT)
    async with seat(browser, services, base, Role.OPERATOR, narrow=narrow) as (page, trouble):
        await page.goto(f"{base}/console/score-changes")
        await page.get_by_label("准考证号").fill(made.admission_number)
        await page.get_by_label("成绩", exact=True).fill("12")
        await page.get_by_label("变更的依据").fill("2026年11月23日复核，第 7 号复核记录")
        await page.get_by_role("button", name="提出变更").click()
        await expect(page.get_by_role("button", name="撤回第")).to_be_visible()
        await look(page, f"score-changes-{'phone' if narrow else 'desk'}")
    async with seat(browser, services, base, Role.ADMIN, narrow=narrow) as (page, more):
        await page.goto(f"{base}/console/score-changes")
        await page.get_by_role("button", name="批准第", exact=False).first.click()
        await page.get_by_role("button", name="批准", exact=True).click()
        await expect(page.locator("tbody")).to_contain_text("已生效")
        await look(page, f"score-changed-{'phone' if narrow else 'desk'}")
        assert trouble + more == []
    assert (await Score.get(registration_id=made.id)).score == 12
