"""A plan's name on 20 characters: what tells plans apart stays readable."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.notices import keywords
from server.domain.notices.short_names import ROOM, short_plan

DAY = date(2023, 9, 22)


@pytest.mark.parametrize(
    ("name", "day", "room", "short"),
    [
        ("2023年第四批全国统考", DAY, 20, "2023年第四批全国统考"),
        ("2023年9月22日社会心理服务证书考试计划", DAY, 20, "2023年9月22日社会心理服务证书考试"),
        ("2023年10月22日社会心理服务证书考试计划", date(2023, 10, 22), 20, "2023.10.22社会心理服务证书考试"),
        ("2023年9月22日社会心理服务证书考试计划", DAY, 15, "社会心理服务证书考试"),
        ("2023年9月23日社会心理服务证书考试计划", DAY, 15, "2023.9.23…务证书考试"),
        ("2023年9月22日社会心理服务职业技能等级证书考试计划", DAY, 20, "社会心理服务职业技能等级证书考试"),
        ("2023年9月22日社会心理服务职业技能等级证书考试计划", None, 20, "2023.9.22社…业技能等级证书考试"),
        ("2023年9月22日", DAY, 9, "2023.9.22"),
    ],
)
def test_a_plan_in_few_characters(name: str, day: date | None, room: int, short: str) -> None:
    assert short_plan(name, day=day, room=room) == short


def test_plans_of_one_batch_do_not_look_alike() -> None:
    names = [
        f"2023年第四批全国统考社会心理服务职业技能等级证书{level}（{part}午场）"
        for level in ("初级", "中级", "高级")
        for part in "上下"
    ]
    assert len({short_plan(name) for name in names}) == len(names)


@given(st.text(alphabet="甲乙丙社会0123456789年月日.- A", min_size=1, max_size=60), st.integers(5, ROOM))
def test_it_always_fits(name: str, room: int) -> None:
    short = short_plan(name, day=DAY, room=room)
    assert len(short) <= room
    assert keywords.check({"thing1": keywords.fit("thing1", short)}) == {}
