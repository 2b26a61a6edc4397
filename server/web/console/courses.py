"""培训: courses, their prices and who takes part."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from server.domain.payments.fee_states import FeeState
from server.domain.payments.prices import EARLIEST, HIGHEST_FEN
from server.domain.roles import Verb
from server.domain.training import courses, enrolments, queries
from server.domain.training.queries import CourseView, EnrolmentView
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Paging, Turning, page_of
from server.web.routes import Route
from server.web.schema import Answer, Day, Input, OneOf


class CourseQuery(Turning):
    title: str | None = Field(default=None, max_length=100, description="培训名称或其中几个字")
    sort: Annotated[str | None, OneOf(queries.SORTS)] = None


class NewCourse(Input):
    title: str = Field(min_length=courses.SHORTEST_TITLE, max_length=courses.LONGEST_TITLE)
    from_on: Day = Field(description="开始日期（北京）")
    to_on: Day = Field(description="结束日期（北京）")
    is_online: bool = Field(default=False, description="线上培训")
    place: str | None = Field(
        default=None, max_length=courses.LONGEST_PLACE, description="地点；线上的可不填"
    )
    capacity: int | None = Field(default=None, ge=1, le=courses.LARGEST, description="名额；不填表示不限")
    amount_fen: int = Field(ge=0, le=HIGHEST_FEN, description="每位学员的价格，分；0 表示不收费")


class NewCoursePrice(Input):
    amount_fen: int = Field(ge=0, le=HIGHEST_FEN, description="分；0 表示不收费")
    from_on: Day = Field(description="从哪天登记的起（北京）：今天或以后")


class NewEnrolments(Input):
    list: str = Field(
        min_length=1, max_length=60_000, description="每行一人：院校、姓名、手机号，用制表符或逗号分开"
    )


class Course(Answer):
    id: int
    title: str
    from_on: date
    to_on: date
    is_online: bool
    place: str
    capacity: int | None
    is_open: bool = Field(description="正在报名")
    amount_fen: int = Field(description="今天登记的学员的价格，分")
    enrolled: int
    owed_fen: int = Field(description="待缴的合计，分")
    settled_fen: int = Field(description="已缴的合计，分")
    created_by_name: str
    created_at: datetime


class CoursePrice(Answer):
    amount_fen: int
    from_on: date | None = Field(description="从哪天登记的起；空：不论何时")
    to_on: date | None
    set_by_name: str
    set_at: datetime


class CourseDetail(Answer):
    course: Course
    prices: list[CoursePrice]


class Enrolment(Answer):
    id: int
    name: str = Field(description="已遮住")
    phone: str = Field(description="已遮住")
    school: str
    amount_fen: int | None = Field(description="院校应缴，分；空：不收费")
    state: Annotated[str | None, OneOf(FeeState)]
    state_label: str | None
    enrolled_by_name: str
    enrolled_at: datetime
    is_erased: bool = Field(description="个人信息已按本人要求删除")


class EnrolledLine(Answer):
    """One line of a list: newly enrolled, in the course already, or why not."""

    row: int
    school: str
    name: str
    is_new: bool
    code: str
    detail: str


class EnrolledList(Answer):
    """The lines seen are `done`, `unchanged` and `refused`."""

    items: list[EnrolledLine]
    done: int
    unchanged: int
    refused: int


async def listing(call: Call, query: CourseQuery) -> Page[Course]:
    turn = query.turn(queries.SORTS)
    found = await queries.courses_page(call.s.clock, title=query.title, actor=call.actor, turn=turn)
    return page_of(Course, [_course(one) for one in found.items], found.next_cursor, found.before)


async def create(call: Call, body: NewCourse) -> Id:
    wanted = courses.NewCourse(**{**body.model_dump(), "place": body.place or ""})
    made = await courses.create(call.s.clock, wanted, actor=call.actor)
    return Id(id=made.id)


async def show(call: Call, course_id: int) -> CourseDetail:
    found = await queries.course(call.s.clock, course_id, actor=call.actor)
    prices = [
        CoursePrice(
            amount_fen=one.amount_fen,
            from_on=None if one.from_on == EARLIEST else one.from_on,
            to_on=one.to_on,
            set_by_name=one.set_by_name,
            set_at=one.set_at,
        )
        for one in await queries.prices_of(course_id, actor=call.actor)
    ]
    return CourseDetail(course=_course(found), prices=prices)


async def set_price(call: Call, body: NewCoursePrice, course_id: int) -> None:
    await courses.set_price(call.s.clock, course_id, body.amount_fen, body.from_on, actor=call.actor)


async def close(call: Call, course_id: int) -> None:
    await courses.close(call.s.clock, course_id, actor=call.actor)


async def reopen(call: Call, course_id: int) -> None:
    await courses.reopen(call.s.clock, course_id, actor=call.actor)


async def enrolment_list(call: Call, query: Paging, course_id: int) -> Page[Enrolment]:
    found = await queries.enrolments_page(
        call.s.clock, call.s.keys, course_id, actor=call.actor, after=query.after, size=query.size
    )
    return page_of(Enrolment, [_enrolment(one) for one in found.items], found.next_cursor, found.before)


async def enrol(call: Call, body: NewEnrolments, course_id: int) -> EnrolledList:
    s = call.s
    lines = await enrolments.enrol_all(s.clock, s.keys, s.faults, course_id, body.list, actor=call.actor)
    done, refused = sum(one.is_new for one in lines), sum(bool(one.code) for one in lines)
    items = [EnrolledLine.model_validate(one) for one in lines]
    return EnrolledList(items=items, done=done, unchanged=len(lines) - done - refused, refused=refused)


def _course(one: CourseView) -> Course:
    return Course(
        id=one.id,
        title=one.title,
        from_on=one.from_on,
        to_on=one.to_on,
        is_online=one.is_online,
        place=one.place,
        capacity=one.capacity,
        is_open=one.is_open,
        amount_fen=one.amount_fen,
        enrolled=one.enrolled,
        owed_fen=one.owed_fen,
        settled_fen=one.settled_fen,
        created_by_name=one.created_by_name,
        created_at=one.created_at,
    )


def _enrolment(one: EnrolmentView) -> Enrolment:
    return Enrolment(
        id=one.id,
        name=one.name,
        phone=one.phone,
        school=one.school,
        amount_fen=one.amount_fen,
        state=one.state and one.state.value,
        state_label=one.state and one.state.label,
        enrolled_by_name=one.enrolled_by_name,
        enrolled_at=one.enrolled_at,
        is_erased=one.is_erased,
    )


_ONE = "/courses/<course_id:int>"
ROUTES = [
    Route("GET", "/courses", listing, "培训", takes=CourseQuery, gives=Page[Course], verb=Verb.SEE_COURSES),
    Route("POST", "/courses", create, "建立一期培训，连同价格", takes=NewCourse, gives=Id, status=201, creates=True, verb=Verb.ARRANGE_COURSES),
    Route("GET", _ONE, show, "一期培训和它的价格", gives=CourseDetail, verb=Verb.SEE_COURSES),
    Route("POST", f"{_ONE}/prices", set_price, "从某天起改价；已生成的应缴费用不变", takes=NewCoursePrice, status=204, verb=Verb.ARRANGE_COURSES),
    Route("POST", f"{_ONE}/close", close, "停止报名", status=204, verb=Verb.ARRANGE_COURSES),
    Route("POST", f"{_ONE}/reopen", reopen, "恢复报名", status=204, verb=Verb.ARRANGE_COURSES),
    Route("GET", f"{_ONE}/enrolments", enrolment_list, "这期培训的学员", takes=Paging, gives=Page[Enrolment], verb=Verb.SEE_COURSES),
    Route("POST", f"{_ONE}/enrolments", enrol, "按名单登记学员，逐行给出结果；每位学员生成一项由院校缴的费用",
          takes=NewEnrolments, gives=EnrolledList, status=201, creates=True, verb=Verb.ARRANGE_COURSES),
]  # fmt: skip
