"""Enrolments: people put into a course from a pasted list, each with what the school owes for them, once (S48)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import fees
from server.domain.people import pasted_lists
from server.domain.people.candidates import clean_mobile, clean_name
from server.domain.ports import Clock, FaultInjector, Keys
from server.domain.roles import Verb
from server.domain.training import courses
from server.errors import Conflict, FieldError, Invalid, Refused
from server.models import Course, CourseEnrolment, CoursePrice, School

MOST = 500
ABOUT_PHONE = "course_enrolment.phone"


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one line: enrolled, in the course already, or why not. `row` counts the pasted lines from 1."""

    row: int
    school: str
    name: str
    is_new: bool = False
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Room:
    """The course while it is locked: who is in it, by phone index, and how many may still come."""

    course: Course
    price: CoursePrice
    known: dict[bytes, tuple[str, int]]
    left: int | None


async def enrol_all(
    clock: Clock, keys: Keys, faults: FaultInjector, course_id: int, text: str, *, actor: Actor
) -> list[Line]:
    """Enrol everybody on the list; each line has its own answer, and none stops the others.

    The same list again enrols nobody twice, and nobody owes twice: a phone is one person in a course.

    Args:
        text: lines of school, name and mobile number; the school pays.

    Raises:
        Forbidden: role_not_allowed. NotFound: course_unknown. Invalid: list_empty, list_too_long.
        Conflict: course_closed, course_over.
    """
    roles.require(actor, Verb.ARRANGE_COURSES)
    lines = _lines(text)
    schools = {one.name: one.id for one in await School.filter(name__in=[cells[0] for _, cells in lines])}
    async with transaction(faults, "enrolments.enrol_all"):
        room = await _entered(clock, course_id)
        answers, made = [], []
        for row, cells in lines:
            answer, enrolment = _judge(clock, keys, room, schools, row, cells, actor)
            answers.append(answer)
            if enrolment is not None:
                await enrolment.save()
                made.append(enrolment)
        await faults.reach("enrolments.enrol_all: the people are in the course")
        await fees.raise_for_enrolments(clock, [one.id for one in made])
        changes = [(one.id, None, _trail(one, room.price)) for one in made]
        await audit_log.record_many(clock, actor, "course.enrol", "course_enrolment", changes)
    return answers


def _lines(text: str) -> list[tuple[int, list[str]]]:
    lines = pasted_lists.lines(text)
    if not lines:
        detail = "请粘贴名单：每行一人，依次为院校、姓名、手机号。"
        raise Invalid(errors=[FieldError("/list", "list_empty", detail)])
    if len(lines) > MOST:
        detail = f"一次最多登记 {MOST} 人，请分几次粘贴。"
        raise Invalid(errors=[FieldError("/list", "list_too_long", detail)])
    return lines


async def _entered(clock: Clock, course_id: int) -> _Room:
    """The course locked, so that two lists at once wait for one another. Raises as `enrol_all`."""
    course, today = await courses.locked(course_id), beijing.day(clock.now())
    if not course.is_open:
        raise Conflict("course_closed", "这期培训已停止报名；要继续登记，请先恢复报名。")
    if course.to_on < today:
        raise Conflict("course_over", f"这期培训已于{beijing.say_day(course.to_on)}结束，不能再登记学员。")
    price = await CoursePrice.filter(course_id=course.id, from_on__lte=today).order_by("-from_on").first()
    assert price is not None  # the first price is from the beginning of time
    there = await CourseEnrolment.filter(course_id=course.id).only("name", "school_id", "phone_index")
    known = {bytes(one.phone_index): (one.name, one.school_id) for one in there}
    return _Room(course, price, known, None if course.capacity is None else course.capacity - len(there))


def _judge(
    clock: Clock,
    keys: Keys,
    room: _Room,
    schools: Mapping[str, int],
    row: int,
    cells: list[str],
    actor: Actor,
) -> tuple[Line, CourseEnrolment | None]:
    if len(cells) != 3:
        return Line(
            row, cells[0][:100], "", code="columns", detail="这一行应为三列：院校、姓名、手机号。"
        ), None
    school, name = cells[0][:100], cells[1][:100]
    school_id = schools.get(cells[0])
    if school_id is None:
        detail = "没有这所院校，请与系统里的全称逐字核对。"
        return Line(row, school, name, code="school_not_found", detail=detail), None
    try:
        name, phone = clean_name(cells[1]), clean_mobile(cells[2])
    except Refused as refused:
        return Line(row, school, name, code=refused.code, detail=refused.message), None
    blinds = keys.blinds(phone, about=ABOUT_PHONE)
    if (same := next((room.known[one] for one in blinds if one in room.known), None)) is not None:
        if same == (name, school_id):
            return Line(row, school, name), None
        detail = "这个手机号已由另一位学员登记在这期培训里，请核对姓名、院校和手机号。"
        return Line(row, school, name, code="phone_of_another", detail=detail), None
    if room.left == 0:
        detail = f"名额已满（{room.course.capacity} 人），没有登记。"
        return Line(row, school, name, code="course_full", detail=detail), None
    room.known[blinds[0]] = (name, school_id)
    room.left = None if room.left is None else room.left - 1
    enrolment = CourseEnrolment(
        course_id=room.course.id,
        school_id=school_id,
        price_id=room.price.id,
        name=name,
        phone_sealed=keys.encrypt(phone, about=ABOUT_PHONE),
        phone_index=blinds[0],
        enrolled_by=actor.id,
        enrolled_by_name=actor.name,
        enrolled_at=clock.now(),
    )
    return Line(row, school, name, is_new=True), enrolment


def _trail(one: CourseEnrolment, price: CoursePrice) -> dict[str, int]:
    return {"course": one.course_id, "school_id": one.school_id, "amount_fen": price.amount_fen}
