"""Officers of many schools invited from a pasted list: one answer for each line."""

from __future__ import annotations

from typing import Any

from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Officer
from tests.kit import make
from tests.kit.console_desk import code, seated

App = Sanic[Any, Any]


async def test_each_line_has_its_own_answer(app: App, services: Services) -> None:
    one, two = await make.school("甲学院"), await make.school("乙学院")
    who = await seated(app, services, Role.OPERATOR)
    text = "\n".join(
        (
            "院校\t姓名\t手机号",
            "甲学院\t王一\t13800000001",
            "",
            "乙学院，李二，13800000002",
            "丙学院,赵三,13800000003",
            "甲学院,钱四,12345",
            "甲学院,孙五,13800000001",
            "乙学院,周六",
        )
    )
    answer = await who("POST", "/officers/invitations", {"list": text})
    assert (answer.status, answer.json["done"], answer.json["refused"]) == (201, 2, 4)
    items = answer.json["items"]
    assert [(i["row"], i["school"], i["name"], bool(i["url"])) for i in items] == [
        (2, "甲学院", "王一", True),
        (4, "乙学院", "李二", True),
        (5, "丙学院", "赵三", False),
        (6, "甲学院", "钱四", False),
        (7, "甲学院", "孙五", False),
        (8, "乙学院", "", False),
    ]
    assert [i["code"] for i in items[2:]] == [
        "school_not_found",
        items[3]["code"],
        "officer_known",
        "columns",
    ]
    assert all(i["detail"].endswith("。") for i in items[2:])
    assert "13800000001" not in answer.text
    made = await Officer.all().order_by("id").values_list("school_id", "name", "state")
    assert made == [(one.id, "王一", "invited"), (two.id, "李二", "invited")]


async def test_a_school_invites_its_own_and_nobody_elses(app: App, services: Services) -> None:
    mine, other = await make.school("甲学院"), await make.school("乙学院")
    who = await seated(app, services, Role.SCHOOL, school=mine)
    answer = await who("POST", "/officers/invitations", {"list": "王一,13800000001\n乙学院,李二,13800000002"})
    assert [(i["name"], i["code"]) for i in answer.json["items"]] == [
        ("王一", ""),
        ("李二", "school_not_found"),
    ]
    assert await Officer.filter(school_id=other.id).count() == 0
    for poor in ("\n\n", "甲学院,王,13800000001\n" * 501):
        assert (await who("POST", "/officers/invitations", {"list": poor})).status == 422
    auditor = await seated(app, services, Role.AUDITOR)
    assert code(await auditor("POST", "/officers/invitations", {"list": "甲,乙,丙"})) == (
        403,
        "role_not_allowed",
    )
