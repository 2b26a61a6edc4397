"""A course, and people of a school who are enrolled in it."""

from __future__ import annotations

from datetime import date
from typing import Any

from server.domain.ports import Services
from server.domain.training import courses, enrolments
from server.domain.training.courses import NewCourse
from server.domain.training.enrolments import Line
from server.models import Course, Fee, School
from tests.kit import make
from tests.kit.make import OPERATOR

PRICE_FEN = 80_000
TITLE = "2027年寒假高级师资培训"


def wanted(**changes: Any) -> NewCourse:
    told: dict[str, Any] = {
        "title": TITLE,
        "from_on": date(2027, 1, 18),
        "to_on": date(2027, 1, 22),
        "place": "北京市海淀区",
        "is_online": False,
        "amount_fen": PRICE_FEN,
    }
    return NewCourse(**{**told, **changes})


async def course(s: Services, **changes: Any) -> Course:
    return await courses.create(s.clock, wanted(**changes), actor=OPERATOR)


async def enrol(s: Services, of: Course, text: str) -> list[Line]:
    return await enrolments.enrol_all(s.clock, s.keys, s.faults, of.id, text, actor=OPERATOR)


async def owing(s: Services, of: Course, school: School, name: str = "欧阳文静") -> Fee:
    """Somebody of the school in the course, and what the school owes for it."""
    [line] = await enrol(s, of, f"{school.name}\t{name}\t{make.mobile()}")
    assert line.is_new, line
    fee = await Fee.filter(enrolment__course_id=of.id).order_by("-id").first()
    assert fee is not None
    return fee
