"""Training courses (S48): who is enrolled owes once, and a course's fee is lost in no list, order, receipt or waiver."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.payments import (
    fee_overview,
    fee_receipts,
    fees,
    order_detail,
    orders,
    transfers,
    waiver_queries,
    waivers,
)
from server.domain.payments.fee_overview import FeeFilter
from server.domain.payments.fee_receipts import ReceiptDesk
from server.domain.payments.fee_states import FeeState
from server.domain.payments.fee_subjects import FeeSubject
from server.domain.payments.orders import Payer
from server.domain.ports import Services
from server.domain.ports.payments import ReceiptLine
from server.domain.training import courses, enrolments, phone_index, queries
from server.domain.training.enrolments import ABOUT_PHONE
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import AuditEntry, Course, CourseEnrolment, CoursePrice, Fee, School
from server.models.database import rows
from tests.kit import make, paying, training, transferring
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import FakeReceiptPrinter, Killed, KillerFaultInjector
from tests.kit.make import OPERATOR
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.kit.training import PRICE_FEN, TITLE

MONDAY = date(2026, 11, 30)


@pytest.fixture
async def school() -> School:
    return await make.school("明德职业技术学院")


# What is owed


@pytest.mark.rule("S48")
async def test_who_is_enrolled_owes_once_what_the_price_of_the_day_says(
    services: Services, school: School
) -> None:
    s, course = services, await training.course(services)
    first = await training.owing(s, course, school)
    await courses.set_price(s.clock, course.id, 99_000, MONDAY, actor=OPERATOR)
    assert (await training.owing(s, course, school)).amount_fen == PRICE_FEN  # it is not Monday yet
    paying.forward(s, days=7)
    last = await training.owing(s, course, school)
    assert last.amount_fen == 99_000
    again = await Fee.get(id=first.id)
    assert (again.amount_fen, again.state, again.school_id) == (PRICE_FEN, "owed", school.id)
    assert (again.registration_id, again.candidate_id, again.price_id) == (None, None, None)
    old, new = await CoursePrice.all().order_by("id")
    assert (old.to_on, new.from_on, new.to_on) == (MONDAY - timedelta(days=1), MONDAY, None)
    [was] = await rows("SELECT price_id FROM course_enrolment WHERE id = $1", first.enrolment_id)
    assert was["price_id"] == old.id


@pytest.mark.rule("S48")
async def test_the_same_list_again_enrols_nobody_twice_and_nobody_owes_twice(
    services: Services, school: School
) -> None:
    s, course = services, await training.course(services)
    text = f"院校\t姓名\t手机号\n{school.name}\t王伟\t19900000001\n\n{school.name}，李静，+86 199-0000-0002"
    first, second = await training.enrol(s, course, text), await training.enrol(s, course, text)
    assert [(one.row, one.name, one.is_new, one.code) for one in first] == [
        (2, "王伟", True, ""),
        (4, "李静", True, ""),
    ]
    assert [(one.is_new, one.code) for one in second] == [(False, ""), (False, "")]
    assert (await CourseEnrolment.all().count(), await Fee.all().count()) == (2, 2)
    ids = [one.id for one in await CourseEnrolment.all()]
    async with in_transaction():
        await fees.raise_for_enrolments(s.clock, ids)
    assert await Fee.all().count() == 2


async def test_two_lists_at_once_are_one(services: Services, school: School) -> None:
    s, course = services, await training.course(services, capacity=3)
    lists = [
        "\n".join(f"{school.name}\t学员甲\t1990000{serial:04d}" for serial in serials)
        for serials in ((1, 2), (2, 1), (3, 4))
    ]
    answers = await asyncio.gather(*(training.enrol(s, course, text) for text in lists))
    said = [line.is_new for lines in answers for line in lines]
    assert sum(said) == 3
    assert (await CourseEnrolment.all().count(), await Fee.all().count()) == (3, 3)


async def test_every_line_has_its_own_answer_and_none_stops_the_others(
    services: Services, school: School
) -> None:
    s, course = services, await training.course(services, capacity=2)
    other = await make.school("求真职业学院")
    lines = await training.enrol(
        s,
        course,
        f"""{school.name}\t王伟\t19900000001
没有这所学院\t王伟\t19900000009
{school.name}\t李静
{school.name}\t李静2\t19900000002
{school.name}\t李静\t1990000
{other.name}\t王伟\t19900000001
{school.name}\t赵敏\t19900000001
{school.name}\t李静\t19900000002
{school.name}\t孙强\t19900000003
{school.name}\t王伟\t19900000001""",
    )
    assert [one.code for one in lines] == [
        "",
        "school_not_found",
        "columns",
        "name_characters",
        "mobile_invalid",
        "phone_of_another",
        "phone_of_another",
        "",
        "course_full",
        "",
    ]
    assert [one.row for one in lines if one.is_new] == [1, 8]
    assert all(one.detail.endswith("。") for one in lines if one.code)
    assert {fee.amount_fen for fee in await Fee.all()} == {PRICE_FEN} and await Fee.all().count() == 2


async def test_a_course_that_costs_nothing_makes_no_fee(services: Services, school: School) -> None:
    s, course = services, await training.course(services, amount_fen=0, is_online=True, place="")
    await training.enrol(s, course, f"{school.name}\t王伟\t19900000001")
    assert await Fee.all().count() == 0
    [shown] = (await queries.enrolments_page(s.clock, s.keys, course.id, actor=OPERATOR)).items
    assert (shown.amount_fen, shown.state, shown.name, shown.phone) == (None, None, "王*", "199****0001")


@pytest.mark.parametrize("place", ["the people are in the course", "before the commit"])
async def test_who_dies_in_the_middle_has_enrolled_nobody(
    services: Services, school: School, place: str
) -> None:
    s, course = services, await training.course(services)
    text = f"{school.name}\t王伟\t19900000001"
    faults = KillerFaultInjector(f"enrolments.enrol_all: {place}")
    with pytest.raises(Killed):
        await enrolments.enrol_all(s.clock, s.keys, faults, course.id, text, actor=OPERATOR)
    assert (await CourseEnrolment.all().count(), await Fee.all().count()) == (0, 0)
    assert (await training.enrol(s, course, text))[0].is_new


async def test_a_closed_course_and_one_that_is_over_take_nobody(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    text = f"{school.name}\t王伟\t19900000001"
    await courses.close(s.clock, course.id, actor=OPERATOR)
    await courses.close(s.clock, course.id, actor=OPERATOR)
    with pytest.raises(Conflict) as refused:
        await training.enrol(s, course, text)
    assert refused.value.code == "course_closed"
    await courses.reopen(s.clock, course.id, actor=OPERATOR)
    assert (await training.enrol(s, course, text))[0].is_new
    paying.forward(s, days=61)
    with pytest.raises(Conflict) as refused:
        await training.enrol(s, course, text)
    assert (refused.value.code, refused.value.message) == (
        "course_over",
        "这期培训已于2027年1月22日结束，不能再登记学员。",
    )
    actions = [one.action for one in await AuditEntry.filter(subject_kind="course").order_by("id")]
    assert actions == ["course.create", "course.close", "course.reopen"]


# The course


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": "训"}, "/title"),
        ({"from_on": date(2126, 1, 18), "to_on": date(2126, 1, 19)}, "/from_on"),
        ({"to_on": date(2027, 1, 17)}, "/to_on"),
        ({"place": " "}, "/place"),
        ({"capacity": 0}, "/capacity"),
        ({"amount_fen": 1_000_001}, "/amount_fen"),
        ({"amount_fen": -1}, "/amount_fen"),
    ],
)
async def test_what_is_wrong_with_a_course_is_said_at_its_field(
    services: Services, changes: dict[str, object], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await training.course(services, **changes)
    assert [one.pointer for one in refused.value.errors] == [pointer]
    assert await Course.all().count() == 0


async def test_a_course_is_made_once_and_priced_from_today_on(services: Services) -> None:
    s, course = services, await training.course(services)
    with pytest.raises(Conflict) as known:
        await training.course(s)
    assert known.value.code == "course_known"
    today = date(2026, 11, 23)
    with pytest.raises(Invalid):
        await courses.set_price(s.clock, course.id, 1, today - timedelta(days=1), actor=OPERATOR)
    await courses.set_price(s.clock, course.id, 1, today, actor=OPERATOR)
    with pytest.raises(Invalid) as refused:
        await courses.set_price(s.clock, course.id, 2, today, actor=OPERATOR)
    assert [one.code for one in refused.value.errors] == ["price_not_later"]
    [shown] = (await queries.courses_page(s.clock, actor=OPERATOR)).items
    assert (shown.amount_fen, shown.enrolled, shown.owed_fen, shown.is_open) == (1, 0, 0, True)
    with pytest.raises(NotFound):
        await courses.close(s.clock, course.id + 1, actor=OPERATOR)


async def test_who_may(services: Services, school: School) -> None:
    """考务 arranges, finance and auditors look on, a school sees what it owes and nothing else."""
    s, course = services, await training.course(services)
    auditor = replace(FINANCE, role="auditor")
    for who in (FINANCE, auditor):
        assert len((await queries.courses_page(s.clock, actor=who)).items) == 1
    for who in (FINANCE, auditor, make.ISSUER_STAFF, make.school_account(school)):
        for wish in (
            courses.create(s.clock, training.wanted(title="另一期培训"), actor=who),
            courses.set_price(s.clock, course.id, 1, MONDAY, actor=who),
            courses.close(s.clock, course.id, actor=who),
            courses.reopen(s.clock, course.id, actor=who),
            enrolments.enrol_all(s.clock, s.keys, s.faults, course.id, "甲,乙,丙", actor=who),
        ):
            with pytest.raises(Forbidden):
                await wish
    for who in (make.ISSUER_STAFF, make.school_account(school)):
        for look in (
            queries.courses_page(s.clock, actor=who),
            queries.course(s.clock, course.id, actor=who),
            queries.prices_of(course.id, actor=who),
            queries.enrolments_page(s.clock, s.keys, course.id, actor=who),
        ):
            with pytest.raises(Forbidden):
                await look
    assert (await Course.get()).is_open and await CoursePrice.all().count() == 1


async def test_no_phone_and_no_name_is_left_in_the_clear(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    await training.enrol(s, course, f"{school.name}\t欧阳文静\t19900000001")
    kept = await CourseEnrolment.get()
    assert s.keys.decrypt(bytes(kept.phone_sealed), about=ABOUT_PHONE) == "19900000001"
    assert b"19900000001" not in bytes(kept.phone_sealed) + bytes(kept.phone_index)
    trail = await AuditEntry.get(action="course.enrol")
    assert trail.became == {"course": course.id, "school_id": school.id, "amount_fen": PRICE_FEN}
    assert trail.subject_id == str(kept.id)


# Paying: together with the school's examinations


@pytest.mark.rule("S48")
async def test_a_school_pays_courses_and_examinations_in_one_order(
    services: Services, pay: FakePay, school: School
) -> None:
    s, course = services, await training.course(services)
    taught = await training.owing(s, course, school)
    plan = await paying.priced(s, kind="school")
    sat = await paying.owing(s, plan, school=school)
    order = await paying.paid(s, pay, taught, sat)
    assert (order.state, order.total_fen) == ("paid", PRICE_FEN + paying.PRICE_FEN)
    assert order.description == "社会心理服务证书考试费和培训费（2 项）"
    assert [fee.state for fee in await Fee.all()] == ["settled", "settled"]
    shown = {line.subject.title: line for line in (await order_detail.detail(order.id, actor=FINANCE)).lines}
    assert shown[TITLE].subject == FeeSubject(None, None, None, None, TITLE, date(2027, 1, 18), "欧***")
    assert (shown[TITLE].amount_fen, shown[TITLE].is_settled_here) == (PRICE_FEN, True)
    assert shown[plan.name].subject.what == "初级考试费" and shown[TITLE].subject.what == "培训费"
    await fee_receipts.for_staff(
        ReceiptDesk(s.clock, s.faults, s.receipt_printer, s.settings.issuer), order.id, actor=FINANCE
    )
    assert isinstance(s.receipt_printer, FakeReceiptPrinter)
    assert s.receipt_printer.pages[-1].lines == (
        ReceiptLine(f"{plan.name}　初级考试费", 1, "¥120.50"),
        ReceiptLine(f"{TITLE}　培训费", 1, "¥800.00"),
    )
    [seen] = (await queries.courses_page(s.clock, actor=FINANCE)).items
    assert (seen.enrolled, seen.owed_fen, seen.settled_fen) == (1, 0, PRICE_FEN)
    await paying.check_books()


async def test_an_order_says_what_it_is_for(services: Services, pay: FakePay, school: School) -> None:
    s, course = services, await training.course(services)
    fees_of = [await training.owing(s, course, school) for _ in range(2)]
    alone = await paying.ordered(s, pay, fees_of[0])
    both = await paying.ordered(s, pay, *fees_of)
    assert [alone.description, both.description] == [
        "社会心理服务证书培训费",
        "社会心理服务证书培训费（2 人）",
    ]


async def test_the_list_and_its_sums_lose_no_course(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    other = await training.course(s, title="线上初级师资培训", is_online=True, place="")
    plan = await paying.priced(s, kind="school")
    taught = await training.owing(s, course, school)
    elsewhere = await training.owing(s, other, await make.school())
    sat = await paying.owing(s, plan, school=school)
    own = make.school_account(school)

    async def ids(only: FeeFilter, *, actor: Actor = FINANCE, state: str | None = None) -> list[int]:
        found = await fee_overview.fees_page(only, actor=actor, state=state)
        totals = await fee_overview.totals(only, actor=actor)
        if state is None:
            assert sum(one.fen for one in totals) == sum(one.amount_fen for one in found.items)
            assert sum(one.fees for one in totals) == len(found.items)
        return [one.id for one in found.items]

    every = FeeFilter()
    assert await ids(every) == [taught.id, elsewhere.id, sat.id]
    assert (
        await ids(every, state="owed") == [taught.id, elsewhere.id, sat.id]
        and await ids(every, state="settled") == []
    )
    assert await ids(every, actor=own) == [taught.id, sat.id]
    assert await ids(FeeFilter(course_id=course.id)) == [taught.id] and await ids(
        FeeFilter(plan_id=plan.id)
    ) == [sat.id]
    assert await ids(FeeFilter(course_id=other.id), actor=own) == []
    assert await ids(FeeFilter(school=school.name)) == [taught.id, sat.id]
    assert [one.id for one in await fee_overview.courses_with_fees(actor=FINANCE)] == [other.id, course.id]
    assert [one.name for one in await fee_overview.courses_with_fees(actor=own)] == [TITLE]
    assert [one.id for one in await fee_overview.plans_with_fees(actor=own)] == [plan.id]


async def test_a_transfer_pays_it_and_two_people_waive_it(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    paid, waived = await training.owing(s, course, school), await training.owing(s, course, school)
    made = await transferring.recorded(s, paid)
    order = await transfers.approve(paying.box(s), made.id, actor=OTHER_FINANCE)
    assert order.description == "社会心理服务证书培训费"
    wish = await waivers.ask(s.clock, waived.id, "特聘讲师，按规定免收", actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, wish.id, actor=OTHER_FINANCE)
    [shown] = (await waiver_queries.waivers_page(actor=FINANCE)).items
    assert (shown.subject.title, shown.subject.person, shown.amount_fen) == (TITLE, "欧***", PRICE_FEN)
    assert [fee.state for fee in await Fee.all().order_by("id")] == ["settled", "waived"]
    states = [
        one.state for one in (await queries.enrolments_page(s.clock, s.keys, course.id, actor=FINANCE)).items
    ]
    assert states == [FeeState.SETTLED, FeeState.WAIVED]
    await paying.check_books()


async def test_another_school_and_a_candidate_cannot_pay_it(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    fee = await training.owing(s, course, school)
    someone = await make.candidate(s)
    for payer in (
        Payer(school_id=(await make.school()).id),
        Payer(candidate_id=someone.id, account="mp", openid="o"),
        Payer(candidate_id=None, account="mp", openid="o"),
    ):
        with pytest.raises(NotFound):
            await orders.create(s.clock, [fee.id], payer, actor=make.ADMIN)


# The database


@pytest.mark.parametrize(
    "change",
    [
        "enrolment_id = NULL",
        "school_id = NULL",
        "candidate_id = (SELECT min(id) FROM candidate)",
        "registration_id = (SELECT min(id) FROM registration), enrolment_id = NULL",
    ],
)
async def test_a_fee_is_for_exactly_one_thing(services: Services, school: School, change: str) -> None:
    s = services
    await make.registration(s, on=await make.plan(), outcome="pending")
    fee = await training.owing(s, await training.course(s), school)
    with pytest.raises(IntegrityError, match="fee_subject"):
        await rows(f"UPDATE fee SET {change} WHERE id = $1", fee.id)


async def test_a_phone_stays_one_person_under_a_new_index(services: Services, school: School) -> None:
    s, course = services, await training.course(services)
    await training.enrol(s, course, f"{school.name}\t王伟\t19900000001")
    assert await phone_index.reindex(s.keys) == 0
    await CourseEnrolment.all().update(phone_index=b"of an older key".ljust(32))
    assert await phone_index.reindex(s.keys) == 1
    assert not (await training.enrol(s, course, f"{school.name}\t王伟\t19900000001"))[0].is_new
