"""The pages of 培训: the list, and one course with its prices and who takes part."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.paging import COUNTED
from server.domain.payments.prices import EARLIEST, HIGHEST_FEN
from server.domain.roles import Verb
from server.domain.training import courses, enrolments, queries
from server.web.console import listing, money_words, page_base
from server.web.console.auth import Call
from server.web.console.courses import CourseQuery
from server.web.console.erasure_desk import may_of
from server.web.schema import Input, Whole

bp = Blueprint("console_courses", url_prefix="/console")
PAGE = 50


class CoursesPage(Input):
    cursor: Whole | None = None


async def course_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, CourseQuery, without=("limit",))
    found = await queries.courses_page(
        call.s.clock, title=wanted.title, actor=call.actor, turn=wanted.turn(queries.SORTS)
    )
    count = await queries.courses_count(call.s.clock, title=wanted.title, actor=call.actor)
    return await page_base.render(
        call,
        "courses.html",
        title="培训",
        nav="/console/courses",
        items=found.items,
        of=listing.around(
            "courses",
            wanted,
            found,
            total=listing.about(count, COUNTED, "期培训"),
            words={"title": ("培训名称", None)},
            sorts=queries.SORTS,
        ),
        wanted=wanted,
        today=beijing.day(call.s.clock.now()),
        highest=HIGHEST_FEN,
        largest=courses.LARGEST,
        may_arrange=roles.may(call.actor, Verb.ARRANGE_COURSES),
    )


async def course_page(call: Call, course_id: int) -> HTTPResponse:
    wanted = page_base.read(call, CoursesPage)
    it = await queries.course(call.s.clock, course_id, actor=call.actor)
    found = await queries.enrolments_page(
        call.s.clock, call.s.keys, course_id, actor=call.actor, after=wanted.cursor or 0, size=PAGE
    )
    today = beijing.day(call.s.clock.now())
    may_arrange = roles.may(call.actor, Verb.ARRANGE_COURSES)
    return await page_base.render(
        call,
        "course.html",
        title=it.title,
        nav="/console/courses",
        it=it,
        prices=await queries.prices_of(course_id, actor=call.actor),
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=f"/console/courses/{course_id}?",
        tones=money_words.TONES,
        today=today,
        earliest=EARLIEST,
        highest=HIGHEST_FEN,
        most=enrolments.MOST,
        may_arrange=may_arrange,
        may_enrol=may_arrange and it.is_open and today <= it.to_on,
        may_see_fees=roles.may(call.actor, Verb.SEE_MONEY),
        **may_of(call),
    )


page_base.mount(bp, "/courses", course_list, Verb.SEE_COURSES)
page_base.mount(bp, "/courses/<course_id:int>", course_page, Verb.SEE_COURSES)
