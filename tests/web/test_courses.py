"""培训 through the console API and its pages."""

from __future__ import annotations

import pytest

from server.domain.payments import waivers
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Course, CourseEnrolment, Fee
from tests.kit import make, paying, training, transferring
from tests.kit.console_desk import code, seated
from tests.kit.h5 import App
from tests.kit.training import PRICE_FEN, TITLE

NEW = {
    "title": TITLE,
    "from_on": "2027-01-18",
    "to_on": "2027-01-22",
    "place": "北京市海淀区",
    "capacity": 30,
    "amount_fen": PRICE_FEN,
}


@pytest.mark.rule("S48")
async def test_a_course_from_its_making_to_what_a_school_owes(app: App, services: Services) -> None:
    school = await make.school("明德职业技术学院")
    desk = await seated(app, services, Role.OPERATOR)
    finance = await seated(app, services, Role.FINANCE)
    mine = await seated(app, services, Role.SCHOOL, school=school)
    made = await desk("POST", "/courses", NEW)
    assert made.status == 201, made.text
    path = f"/courses/{made.json['id']}"
    assert code(await desk("POST", "/courses", NEW)) == (409, "course_known")
    assert code(await finance("POST", "/courses", NEW)) == (403, "role_not_allowed")
    listed = f"{school.name}\t欧阳文静\t19900000001\n没有的学院\t王伟\t19900000002"
    first = await desk("POST", f"{path}/enrolments", {"list": listed})
    assert (first.status, {name: first.json[name] for name in ("done", "unchanged", "refused")}) == (
        201,
        {"done": 1, "unchanged": 0, "refused": 1},
    )
    assert first.json["items"][1] == {
        "row": 2,
        "school": "没有的学院",
        "name": "王伟",
        "is_new": False,
        "code": "school_not_found",
        "detail": "没有这所院校，请与系统里的全称逐字核对。",
    }
    again = (await desk("POST", f"{path}/enrolments", {"list": listed})).json
    assert (again["done"], again["unchanged"], again["refused"]) == (0, 1, 1)
    assert (await desk("POST", f"{path}/prices", {"amount_fen": 1, "from_on": "2026-12-01"})).status == 204
    shown = (await finance("GET", path)).json
    assert shown["course"] == {
        **NEW,
        "id": made.json["id"],
        "is_online": False,
        "is_open": True,
        "enrolled": 1,
        "owed_fen": PRICE_FEN,
        "settled_fen": 0,
        "created_by_name": "王敏",
        "created_at": "2026-11-23T12:00:00+08:00",
    }
    assert [(one["amount_fen"], one["from_on"], one["to_on"]) for one in shown["prices"]] == [
        (1, "2026-12-01", None),
        (PRICE_FEN, None, "2026-11-30"),
    ]
    [person] = (await finance("GET", f"{path}/enrolments")).json["items"]
    assert (person["name"], person["phone"], person["state_label"]) == ("欧***", "199****0001", "待缴")
    [owed] = (await mine("GET", "/fees")).json["items"]
    assert owed == {
        "id": (await Fee.get()).id,
        "plan": None,
        "exam_date": None,
        "level": None,
        "level_label": None,
        "amount_fen": PRICE_FEN,
        "state": "owed",
        "state_label": "待缴",
        "admission_number": None,
        "candidate": "欧***",
        "course": TITLE,
        "course_from_on": "2027-01-18",
        "school": school.name,
        "created_at": "2026-11-23T12:00:00+08:00",
    }
    assert code(await mine("GET", path)) == (403, "role_not_allowed")
    assert (await desk("POST", f"{path}/close")).status == 204
    assert code(await desk("POST", f"{path}/enrolments", {"list": listed})) == (409, "course_closed")
    assert (await desk("POST", f"{path}/reopen")).status == 204
    assert code(await desk("GET", "/courses/987654321")) == (404, "course_unknown")
    assert await Course.all().count() == 1 and await CourseEnrolment.all().count() == 1
    assert {one.action for one in await AuditEntry.filter(subject_kind="course")} == {
        "course.create",
        "course.set_price",
        "course.close",
        "course.reopen",
    }


async def test_what_is_wrong_with_a_course_is_told_by_field(app: App, services: Services) -> None:
    desk = await seated(app, services, Role.OPERATOR)
    wrong = await desk("POST", "/courses", {**NEW, "to_on": "2027-01-01", "place": ""})
    assert code(wrong) == (422, "invalid")
    assert {one["pointer"] for one in wrong.json["errors"]} == {"/to_on", "/place"}


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_open_the_pages(app: App, services: Services, role: Role) -> None:
    course = await training.course(services)
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    may = role in (Role.OPERATOR, Role.FINANCE, Role.AUDITOR, Role.ADMIN)
    for path in ("courses", f"courses/{course.id}"):
        page = await who.page(f"/console/{path}")
        assert page.status == (200 if may else 403)
        if may:
            arranges = role in (Role.OPERATOR, Role.ADMIN)
            assert ('data-open="new-course"' in page.text or 'data-open="enrol"' in page.text) is arranges
    assert ('href="/console/courses"' in (await who.page("/console/")).text) is may


async def test_no_name_and_no_phone_on_any_page(app: App, services: Services) -> None:
    school = await make.school()
    course = await training.course(services)
    await training.enrol(services, course, f"{school.name}\t欧阳文静\t19900000001")
    finance = await seated(app, services, Role.FINANCE)
    mine = await seated(app, services, Role.SCHOOL, school=school)
    fee = await Fee.get()
    transfer = await transferring.recorded(services, fee)
    await waivers.ask(services.clock, fee.id, "特聘讲师，按规定免收", actor=paying.FINANCE)
    of_finance = (
        *("courses", f"courses/{course.id}", "fees", "waivers"),
        *(f"transfers/new?school_id={school.id}", f"transfers/{transfer.id}"),
    )
    for who, path in (*((finance, one) for one in of_finance), (mine, "fees")):
        shown = (await who.page(f"/console/{path}")).text
        assert "欧阳文静" not in shown and "19900000001" not in shown
        assert TITLE in shown
    assert "培训费" in (await mine.page(f"/console/fees?course_id={course.id}")).text
    assert "没有这样的费用" in (await mine.page("/console/fees?course_id=987654321")).text
