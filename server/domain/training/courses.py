"""Courses: made with their price, priced anew from a day on, closed and opened again (S48)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments.prices import EARLIEST, HIGHEST_FEN
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Course, CoursePrice
from server.models.database import breaks

SHORTEST_TITLE, LONGEST_TITLE, LONGEST_PLACE = 2, 100, 100
LARGEST = 10_000
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCourse:
    """What is offered.

    Attributes:
        from_on, to_on: the first and the last day, in Beijing.
        place: where; of an online course how one gets there, or nothing.
        capacity: how many may take part; None: no limit.
        amount_fen: what it costs each participant; zero for nothing.
    """

    title: str
    from_on: date
    to_on: date
    place: str
    is_online: bool
    amount_fen: int
    capacity: int | None = None


async def create(clock: Clock, wanted: NewCourse, *, actor: Actor) -> Course:
    """Make a course that takes people at once.

    Raises:
        Forbidden: role_not_allowed. Invalid: /title, /from_on, /to_on, /place, /capacity, /amount_fen.
        Conflict: course_known — one of this title begins on this day.
    """
    roles.require(actor, Verb.ARRANGE_COURSES)
    title, place = clean_reason(wanted.title), clean_reason(wanted.place)
    _check(wanted, title, place, today=beijing.day(clock.now()))
    try:
        async with in_transaction():
            course = await Course.create(
                title=title,
                from_on=wanted.from_on,
                to_on=wanted.to_on,
                place=place,
                is_online=wanted.is_online,
                capacity=wanted.capacity,
                created_by=actor.id,
                created_by_name=actor.name,
                created_at=clock.now(),
            )
            await _priced(clock, course.id, wanted.amount_fen, EARLIEST, actor)
            became = {"title": title, "from_on": wanted.from_on.isoformat(), "amount_fen": wanted.amount_fen}
            await audit_log.record(clock, actor, "course.create", "course", course.id, became=became)
    except IntegrityError as error:
        if not breaks(error, "course_one"):
            raise
        message = "这一天开始的同名培训已经有了，请改一个名称，或在列表里打开它。"
        raise Conflict("course_known", message) from error
    return course


async def set_price(clock: Clock, course_id: int, amount_fen: int, from_on: date, *, actor: Actor) -> None:
    """Set a price from a day on; the one before ends the day before. Fees that are made already stay as they are.

    Args:
        from_on: the first day of enrolment to which it applies, in Beijing; today, or later.

    Raises:
        Forbidden: role_not_allowed. NotFound: course_unknown. Invalid: /amount_fen, /from_on.
    """
    roles.require(actor, Verb.ARRANGE_COURSES)
    if (wrong := _wrong_amount(amount_fen)) is not None:
        raise Invalid(errors=[wrong])
    today = beijing.day(clock.now())
    if not today <= from_on <= today + 2 * LONGEST:
        raise _invalid("/from_on", "date_range", "新价格请从今天或以后的一天起算，不超过两年。")
    async with in_transaction():
        course = await locked(course_id)
        last = await CoursePrice.get(course_id=course.id, to_on=None)
        if last.from_on >= from_on:
            message = f"最近一次设定的价格从{beijing.say_day(last.from_on)}起算，新价格请填更晚的日期。"
            raise _invalid("/from_on", "price_not_later", message)
        last.to_on = from_on - timedelta(days=1)
        await last.save(update_fields=["to_on"])
        await _priced(clock, course.id, amount_fen, from_on, actor)
        became = {"amount_fen": amount_fen, "from_on": from_on.isoformat()}
        was = {"amount_fen": last.amount_fen}
        await audit_log.record(clock, actor, "course.set_price", "course", course.id, was=was, became=became)


async def close(clock: Clock, course_id: int, *, actor: Actor) -> None:
    """Nobody else is enrolled; whoever is, stays and owes. Again changes nothing. Raises Forbidden; NotFound."""
    await _turn(clock, course_id, actor, to_open=False)


async def reopen(clock: Clock, course_id: int, *, actor: Actor) -> None:
    """It takes people again. Again changes nothing. Raises Forbidden: role_not_allowed; NotFound: course_unknown."""
    await _turn(clock, course_id, actor, to_open=True)


async def _turn(clock: Clock, course_id: int, actor: Actor, *, to_open: bool) -> None:
    roles.require(actor, Verb.ARRANGE_COURSES)
    async with in_transaction():
        course = await locked(course_id)
        if course.is_open is to_open:
            return
        course.is_open = to_open
        await course.save(update_fields=["is_open"])
        action = "course.reopen" if to_open else "course.close"
        await audit_log.record(clock, actor, action, "course", course.id)


async def locked(course_id: int) -> Course:
    """The course, locked until the caller commits. Raises NotFound: course_unknown."""
    course = await Course.filter(id=course_id).select_for_update().first()
    if course is None:
        raise unknown()
    return course


def unknown() -> NotFound:
    return NotFound("course_unknown", "没有这期培训，请刷新后重试。")


async def _priced(clock: Clock, course_id: int, amount_fen: int, from_on: date, actor: Actor) -> None:
    await CoursePrice.create(
        course_id=course_id,
        amount_fen=amount_fen,
        from_on=from_on,
        set_by=actor.id,
        set_by_name=actor.name,
        set_at=clock.now(),
    )


def _check(wanted: NewCourse, title: str, place: str, *, today: date) -> None:
    wrong: list[FieldError] = []
    if not SHORTEST_TITLE <= len(title) <= LONGEST_TITLE:
        message = f"培训名称须有 {SHORTEST_TITLE} 到 {LONGEST_TITLE} 个字。"
        wrong.append(FieldError("/title", "title_length", message))
    if not today - LONGEST <= wanted.from_on <= today + 2 * LONGEST:
        wrong.append(FieldError("/from_on", "date_range", "开始日期不合理，请核对年份。"))
    if not wanted.from_on <= wanted.to_on <= wanted.from_on + LONGEST:
        message = "结束日期不能早于开始日期，也不能晚于它一年以上，请核对。"
        wrong.append(FieldError("/to_on", "date_range", message))
    if not wanted.is_online and not place:
        wrong.append(FieldError("/place", "place_missing", "线下培训请填写地点。"))
    if len(place) > LONGEST_PLACE:
        wrong.append(FieldError("/place", "place_length", f"地点不超过 {LONGEST_PLACE} 个字。"))
    if wanted.capacity is not None and not 0 < wanted.capacity <= LARGEST:
        wrong.append(
            FieldError("/capacity", "capacity_range", f"名额须在 1 到 {LARGEST:,} 之间；不限请不填。")
        )
    if (amount := _wrong_amount(wanted.amount_fen)) is not None:
        wrong.append(amount)
    if wrong:
        raise Invalid(errors=wrong)


def _wrong_amount(amount_fen: int) -> FieldError | None:
    if 0 <= amount_fen <= HIGHEST_FEN:
        return None
    return FieldError("/amount_fen", "price_range", f"价格须在 0 到 {HIGHEST_FEN // 100:,} 元之间。")


def _invalid(pointer: str, code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, code, message)])
