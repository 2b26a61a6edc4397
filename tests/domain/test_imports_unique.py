"""What only one may have is judged over the whole file: whoever shares it is refused on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.ports import Services
from server.models import Plan, Registration
from tests.kit.cohort import changed
from tests.kit.import_rules import ONE, TWO, codes, scores


@pytest.mark.parametrize("rightful_first", [True, False])
async def test_two_people_of_one_file_with_one_admission_number_are_both_refused(
    known: Services, rightful_first: bool
) -> None:
    """Whoever stands above in the file would else take the number, and its owner would be refused."""
    listed = [ONE.score_row(), changed(TWO, 准考证号=ONE.admission_number)]
    ended = await scores(known, *(listed if rightful_first else reversed(listed)))
    assert codes(ended) == [(row, "准考证号", "admission_other_person") for row in (2, 3)]
    assert ended.errors[0]["detail"] == (
        "第 2、3 行是不同的考生，却用了同一个准考证号；这些行都没有写入，请核对后只保留正确的。"
    )
    assert not await Registration.all().exists()


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"准考证号": "9"}, "准考证号", "registered_twice"),
        ({"考试计划": "另一计划"}, "准考证号", "admission_other_plan"),
        ({"成绩": 1}, "准考证号", "admission_twice"),
        ({"考试日期": "2023-10-01"}, "考试日期", "plan_date_differs"),
    ],
)
async def test_rows_of_one_file_that_contradict_each_other_are_all_refused(
    known: Services, cells: Any, column: str, code: str
) -> None:
    ended = await scores(known, ONE.score_row(), changed(ONE, **cells))
    assert {(2, column, code), (3, column, code)} <= set(codes(ended))
    assert (ended.rows_taken, ended.rows_refused) == (0, 2)
    assert not await Registration.all().exists()


async def test_a_row_with_another_fault_still_contradicts(known: Services) -> None:
    """A bad score does not make a shared admission number right."""
    ended = await scores(known, ONE.score_row(), changed(TWO, 准考证号=ONE.admission_number, 成绩=101))
    assert codes(ended)[0] == (2, "准考证号", "admission_other_person")
    assert ended.rows_taken == 0


async def test_a_plan_has_one_date(known: Services) -> None:
    ended = await scores(known, ONE.score_row(), changed(TWO, 考试计划=ONE.plan, 考试日期="2023-10-01"))
    assert codes(ended) == [(row, "考试日期", "plan_date_differs") for row in (2, 3)]
    await scores(known, ONE.score_row())
    again = await scores(known, changed(ONE, 考试日期="2023-10-01"), TWO.score_row())
    assert codes(again) == [(2, "考试日期", "plan_date_differs")]
    assert again.errors[0]["detail"] == (
        f"“{ONE.plan}”登记的考试日期是 {ONE.exam_date}，表格里是 2023-10-01，不能用导入更改；请核对日期或考试计划名称。"
    )


@pytest.mark.parametrize(
    ("day", "code"), [("2026-11-24", "exam_date_future"), ("2021-04-01", "exam_date_early")]
)
async def test_a_new_plans_date_makes_sense(known: Services, day: str, code: str) -> None:
    """Neither after today (2026-11-23 here), for there are scores, nor before the certificate's first standard."""
    ended = await scores(known, changed(ONE, 考试日期=day))
    assert codes(ended) == [(2, "考试日期", code)]
    assert not await Plan.all().exists()
