"""What an upload may not decide by itself: results that are out, names that nobody knows, and what a check did not show."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from server import demo_cohort
from server.demo_cohort import PEOPLE_HEADER
from server.domain import imports
from server.domain.actor import Actor
from server.domain.imports.new_names import likely
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Refused
from server.models import (
    AuditEntry,
    Candidate,
    Issuance,
    Plan,
    PracticeRecord,
    Registration,
    School,
    Score,
    Site,
)
from tests.kit import importing, make
from tests.kit.cohort import changed
from tests.kit.columns import column
from tests.kit.import_rules import HOURS, ONE, PEOPLE, TWO, codes, person_row, scores, take
from tests.kit.importing import book, check
from tests.kit.jobs import drained

AUDITOR = Actor("staff", 4, "审计员", "auditor")


@pytest.fixture
async def known(services: Services) -> Services:
    """Two candidates and their schools are on record."""
    await take(services, "candidates", PEOPLE_HEADER, ONE.people_row(), TWO.people_row())
    return services


@pytest.fixture
async def released(known: Services) -> Services:
    """The plan of the first is out."""
    await scores(known, ONE.score_row())
    await Plan.filter(name=ONE.plan).update(release_at=known.clock.now())
    return known


# results that are out


async def test_a_published_score_is_not_changed_by_an_upload(released: Services) -> None:
    ended = await scores(released, changed(ONE, 成绩=12))
    assert codes(ended) == [(2, "成绩", "plan_released")]
    assert "成绩变更" in ended.errors[0]["detail"]
    assert (await Score.get()).score == Decimal(str(ONE.score))
    assert (await Registration.get()).outcome == "passed"
    same = await scores(released, ONE.score_row())
    assert (same.rows_unchanged, codes(same)) == (1, [])


async def test_nobody_is_added_to_a_published_plan(released: Services) -> None:
    late = changed(TWO, 考试计划=ONE.plan, 考试日期=ONE.exam_date.isoformat())
    ended = await scores(released, late)
    assert codes(ended) == [(2, "成绩", "plan_released")]
    assert "请用新的考试计划导入" in ended.errors[0]["detail"]
    assert await Registration.all().count() == 1


async def test_a_release_to_come_binds_from_its_minute_on(known: Services) -> None:
    await scores(known, ONE.score_row())
    await Plan.all().update(release_at=known.clock.now() + timedelta(minutes=1))
    assert codes(await scores(known, changed(ONE, 成绩=61))) == []
    known.clock.forward(minutes=1)  # type: ignore[attr-defined]
    assert codes(await scores(known, changed(ONE, 成绩=62))) == [(2, "成绩", "plan_released")]
    assert (await Score.get()).score == Decimal(61)


@pytest.mark.parametrize("cells", [{"院校": TWO.school}, {"考生类型": "社会考生", **dict.fromkeys(
    ("专业代码", "专业名称", "专业版本号", "专业层次"), "")}], ids=["school", "kind"])  # fmt: skip
async def test_whose_results_are_out_keeps_school_and_kind(released: Services, cells: Any) -> None:
    before = await Candidate.get(name=ONE.name).values()
    ended = await take(released, "candidates", PEOPLE_HEADER, person_row(ONE, **cells))
    assert codes(ended) == [(2, next(iter(cells)), "candidate_settled")]
    assert "请凭函件在“更正”页提出" in ended.errors[0]["detail"]
    assert await Candidate.get(name=ONE.name).values() == before
    mobile = await take(released, "candidates", PEOPLE_HEADER, person_row(ONE, 手机号="19900000000"))
    assert (mobile.rows_changed, codes(mobile)) == (1, [])


@pytest.mark.rule("S13")
@pytest.mark.parametrize(
    ("state", "code"), [("prepared", None), ("site_pending", "batch_at_school"), ("issued", "batch_signed")]
)
async def test_hours_that_a_list_stands_on_are_not_taken_away(
    services: Services, state: str, code: str | None
) -> None:
    from server.domain.issuance import preparing

    site = await make.site(level=Level.INTERMEDIATE)
    plan = await make.plan(requires_practice=True, release_at=services.clock.now())
    who = await make.candidate(services, number=ONE.id_number)
    await make.registration(services, who, on=plan, at=site)
    await PracticeRecord.create(candidate=who, level="intermediate", supervision_hours=50, practice_hours=125)
    await preparing.prepare(services, plan.id, actor=make.ADMIN)
    await Issuance.all().update(state=state)
    lower = [who.name, ONE.id_number, "中级", 49, 125]
    assert codes(await take(services, "practice", HOURS, lower)) == (
        [] if code is None else [(2, "证书等级", code)]
    )
    higher = [who.name, ONE.id_number, "中级", 51, 126]
    assert codes(await take(services, "practice", HOURS, higher)) == []


# new, changed and the same apart


async def test_a_check_tells_new_changed_and_same_apart(known: Services) -> None:
    await scores(known, changed(ONE, 成绩=67.9), TWO.score_row())
    third = PEOPLE[4]
    await take(known, "candidates", PEOPLE_HEADER, third.people_row())
    data = book(changed(ONE, 成绩=12), TWO.score_row(), third.score_row())
    run = await check(known, data, creating=importing.names_in(data))
    assert (run.rows_total, run.rows_taken, run.rows_new, run.rows_changed) == (3, 2, 1, 1)
    assert (run.rows_unchanged, run.rows_refused, run.rows_skipped) == (1, 0, 0)
    assert run.differences == [
        {
            "row": 2,
            "who": f"{ONE.name} 99************{ONE.id_number[-4:]}",
            "changes": [
                {"what": demo_cohort.SUBJECT, "was": "67.9", "became": "12.0"},
                {"what": "考证结果", "was": "通过", "became": "未通过"},
            ],
            "is_grave": True,
        }
    ]
    assert "第 2 行的考生现在是“通过”，写入后不再通过，请逐一核对。" in run.notes
    sheet = load_workbook(BytesIO(await imports.report(known, run.id, actor=make.OPERATOR)))["改动"]
    told = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert told == [
        [2, f"{ONE.name} 99************{ONE.id_number[-4:]}", demo_cohort.SUBJECT, "67.9", "12.0"],
        [2, f"{ONE.name} 99************{ONE.id_number[-4:]}", "考证结果", "通过", "未通过"],
    ]
    assert (await Score.get(registration__admission_number=ONE.admission_number)).score == Decimal("67.9")


# names that nobody knows


async def test_a_slip_in_a_plans_name_makes_no_plan(known: Services) -> None:
    await scores(known, ONE.score_row())
    slip = ONE.plan.replace("考试计划", "考试计画")
    ended = await imports.take(
        known, "scores", "a.xlsx", book(changed(ONE, 考试计划=slip, 准考证号="1")), actor=make.OPERATOR
    )
    assert codes(ended) == [(2, "考试计划", "plan_unknown")]
    assert ended.asked == {
        "plans": [{"name": slip, "rows": 1, "first_row": 2, "like": [ONE.plan]}],
    }
    assert await column(Plan.all(), "name") == [ONE.plan]


async def test_a_school_that_only_looks_the_same_makes_no_school(services: Services) -> None:
    await make.school("文山职业大学")
    for other in ("⽂山职业⼤学", "文山职业 大学", "文山职业大学校"):
        ended = await imports.take(
            services,
            "candidates",
            "a.xlsx",
            book(person_row(ONE, 院校=other), header=PEOPLE_HEADER),
            actor=make.OPERATOR,
        )
        if ended.rows_unchanged == ended.rows_refused == 0:  # read as the known name, which is as good
            assert (await Candidate.get().prefetch_related("school")).school.name == "文山职业大学"  # type: ignore[union-attr]
            await Candidate.all().delete()
            continue
        assert codes(ended) == [(2, "院校", "school_unknown")]
        assert [one["like"] for one in ended.asked["schools"]] == [["文山职业大学"]]
    assert await School.all().count() == 1


def test_likeness() -> None:
    known = ["2023年9月22日社会心理服务证书考试计划", "京华职业技术学院", "江岸卫生职业学院"]
    assert likely("2023年9月22日社会心理服务证书考试计划（补考）", known) == []
    assert likely("2023年9月22曰社会心理服务证书考试计划", known) == [known[0]]
    assert likely("京华职业技术学校", known) == [known[1]]
    assert likely("京华 职业技术学院", known) == [known[1]]
    assert likely("北京大学", known) == []
    assert likely("2023年9月23日社会心理服务证书考试计划", known) == []


async def test_names_are_made_when_exactly_they_are_confirmed(known: Services) -> None:
    data = book(ONE.score_row(), TWO.score_row())
    first = await check(known, data)
    assert (first.rows_taken, first.rows_refused, first.can_take) == (0, 2, False)
    assert {kind: [one["name"] for one in names] for kind, names in first.asked.items()} == {
        "plans": [ONE.plan, TWO.plan],
        "sites": [ONE.site, TWO.site],
    }
    with pytest.raises(Refused) as refused:
        await imports.check_again(
            known.clock, known.queue, first.id, imports.Names.of({"plans": ["别的计划"]}), actor=make.OPERATOR
        )
    assert refused.value.code == "name_not_asked"
    half = imports.Names.of({"plans": [ONE.plan], "sites": [ONE.site]})
    again = await imports.check_again(known.clock, known.queue, first.id, half, actor=make.OPERATOR)
    await drained(known)
    second = await imports.view(again, actor=make.OPERATOR)
    assert (second.rows_new, second.rows_refused, second.can_take) == (1, 1, True)
    taken = await imports.take_in(known.clock, known.queue, second.id, actor=make.OPERATOR)
    await drained(known)
    assert await column(Plan.all(), "name") == [ONE.plan]
    assert await column(Site.all(), "name") == [ONE.site]
    entry = await AuditEntry.get(action="import.take", subject_id=str(taken))
    assert entry.became is not None
    assert entry.became["created"] == {"plans": [ONE.plan], "sites": [ONE.site]}
    submitted = await AuditEntry.get(action="import.submit", subject_id=str(again))
    assert submitted.became is not None and submitted.became["confirmed"] == sorted([ONE.plan, ONE.site])


async def test_many_rows_of_one_unknown_name_are_counted_and_not_listed_each(services: Services) -> None:
    listed = [p.people_row() for p in demo_cohort.people(60, schools=1)]
    ended = await imports.take(
        services, "candidates", "a.xlsx", book(*listed, header=PEOPLE_HEADER), actor=make.OPERATOR
    )
    assert (ended.rows_taken, ended.rows_refused, len(ended.errors)) == (0, 60, 20)
    assert [(one["rows"], one["first_row"]) for one in ended.asked["schools"]] == [(60, 2)]
    assert not await School.all().exists()


async def test_a_confirmed_name_that_no_row_has_is_said(known: Services) -> None:
    names = imports.Names.whatever([ONE.plan, ONE.site, "没有的计划"])
    ended = await imports.take(
        known,
        "scores",
        "a.xlsx",
        book(ONE.score_row()),
        wish=imports.Wish(creating=names),
        actor=make.OPERATOR,
    )
    assert ended.rows_new == 1
    assert "确认新建的名称在表格里没有出现：没有的计划。" in ended.notes
