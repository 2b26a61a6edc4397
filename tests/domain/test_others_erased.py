"""Officers, accounts and participants of courses: a copy of what is held, and an erasure by two; what they did in office stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from server.domain.actor import SYSTEM, Actor
from server.domain.people import officers, staff
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_register, erasure_views, personal_copy, redoing
from server.domain.privacy.states import ErasureState
from server.domain.privacy.subjects import Subject
from server.models import (
    AuditEntry,
    Campaign,
    CampaignListed,
    ConsoleSession,
    CourseEnrolment,
    Delivery,
    Erasure,
    FeeOrder,
    Issuance,
    Officer,
    Receipt,
    ScanTicket,
    Staff,
)
from server.models.database import rows
from tests.kit import issuing, make, training
from tests.kit.jobs import drained
from tests.kit.refusals import code_of
from tests.kit.whole_database import everything
from tests.kit.whole_person import ASKED

ASKER, APPROVER = make.OPERATOR, make.ADMIN
SECOND = Actor("staff", 91, "另一位管理员", role="admin")
PHONE = "19912345678"


async def erased(s: Services, who: Subject) -> Erasure:
    case = await erasing.ask(s, who, ASKED, actor=ASKER)
    await erasing.approve(s, case, actor=APPROVER)
    await drained(s)
    return await Erasure.get(id=case)


def told(of: personal_copy.PersonalCopy) -> dict[str, list[dict[str, Any]]]:
    return {one.table: list(one.rows) for one in of.sections}


async def places(*words: str) -> dict[str, set[str]]:
    """In which tables each of these words stands."""
    dumped = await everything()
    return {word: {table for table, dump in dumped.items() if word in dump} for word in words}


async def test_an_officer(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    await issuing.school_signed(s, of)
    who, openid = Subject("officer", of.officer.id), of.identity.openid
    await Delivery.create(
        dedup="d", topic="signing_reminder", openid=openid, officer=of.officer, fields_shown={"school": "京华"},
        state="delivered", channel="template", account="oa", settled_at=s.clock.now(),
    )  # fmt: skip
    found = told(await personal_copy.take(s, who, ASKED, actor=ASKER))
    [row] = found["officer"]
    assert (row["name"], row["oa_openid"], len(row["mobile_sealed"])) == ("王签发", openid, 11)
    assert {table for table, held in found.items() if not held} == set()
    assert await code_of(erasing.ask(s, who, ASKED, actor=ASKER)) == "in_office"
    await officers.suspend(s.clock, s.event_bus, of.officer.id, actor=make.OPERATOR)
    case = await erased(s, who)
    assert case.state == ErasureState.DONE.value
    after = await Officer.get(id=of.officer.id)
    assert (after.name, after.mobile_sealed, after.oa_openid, after.pin_hash) == ("（已删除）", None, "", "")
    left = await places(openid, row["mobile_sealed"], "王签发")
    assert left[row["mobile_sealed"]] == set()
    assert left[openid] <= {"audit_entry"}, "where the test has it for an address"
    assert left["王签发"] <= {"receipt", "audit_entry"}, "what was signed stays signed"
    assert await Receipt.filter(officer_id=of.officer.id).count() == 1
    assert (
        await code_of(officers.resume(s.clock, s.queue, of.officer.id, actor=make.OPERATOR))
        == "officer_erased"
    )
    with pytest.raises(IntegrityError):
        await Officer.filter(id=of.officer.id).update(name="王签发")


async def test_an_account_that_is_closed(services: Services) -> None:
    s = services
    await staff.create(s.clock, s.password_hasher, "lin.wei", "finance", name="林薇", actor=SYSTEM)
    account = await Staff.get(username="lin.wei")
    who, own = Subject("staff", account.id), Actor("staff", account.id, "林薇", role="admin")
    await ConsoleSession.create(
        id="a" * 32, staff=account, epoch=1, way="password", address="203.0.113.9", device="Windows 上的 Edge",
        began_at=s.clock.now(), last_used_at=s.clock.now(), expires_at=s.clock.now(),
    )  # fmt: skip
    for work in (erasing.ask, personal_copy.take):
        assert await code_of(work(s, who, ASKED, actor=ASKER)) == "role_not_allowed", (
            "who manages no accounts"
        )
    found = told(await personal_copy.take(s, who, ASKED, actor=APPROVER))
    assert [row["username"] for row in found["staff"]] == ["lin.wei"]
    assert [row["address"] for row in found["console_session"]] == ["203.0.113.9"]
    assert await code_of(erasing.ask(s, who, ASKED, actor=APPROVER)) == "in_office"
    await staff.set_active(s.clock, account.id, False, actor=make.ADMIN)
    case = await erasing.ask(s, who, ASKED, actor=APPROVER)
    assert await code_of(erasing.ask(s, who, ASKED, actor=APPROVER)) == "erasure_open"
    assert await code_of(erasing.approve(s, case, actor=own)) == "same_person"
    listed = (await erasure_views.listing(s, actor=SECOND)).items
    assert [(one.kind_label, one.subject_id, one.name) for one in listed] == [("账号", account.id, "林薇")]
    assert (await erasure_views.waiting(SECOND), await erasure_views.count(actor=SECOND)) == (1, 1)
    # Who manages no accounts decides about none, and sees none: an erasure unties the WeChat by which two are one.
    assert (await erasure_views.waiting(ASKER), await erasure_views.count(actor=ASKER)) == (0, 0)
    assert (await erasure_views.listing(s, actor=ASKER)).items == []
    for decided in (
        erasing.approve(s, case, actor=ASKER),
        erasing.refuse(s, case, "不批准", actor=ASKER),
        erasing.withdraw(s, case, actor=ASKER),
    ):
        assert await code_of(decided) == "role_not_allowed"
    await erasing.approve(s, case, actor=SECOND)
    after = await Staff.get(id=account.id)
    assert (after.name, after.username, after.is_active) == ("（已删除）", f"已删除-{account.id}", False)
    left = await places("lin.wei", "203.0.113.9", "林薇")
    assert left["203.0.113.9"] == set() and "staff" not in left["林薇"] | left["lin.wei"]
    assert await code_of(staff.set_active(s.clock, account.id, True, actor=make.ADMIN)) == "staff_erased"
    assert (await AuditEntry.filter(action="erasure.approve").get()).subject_kind == "staff"
    assert await code_of(erasing.ask(s, who, ASKED, actor=APPROVER)) == "erased"


async def test_a_participant_in_every_course(services: Services) -> None:
    s = services
    school = await make.school("明德职业技术学院")
    first, second = await training.course(s), await training.course(s, title="督导师研修")
    for course in (first, second):
        await training.enrol(s, course, f"{school.name}\t王伟\t{PHONE}\n{school.name}\t李娜\t19900000002")
    one, *_ = await CourseEnrolment.filter(name="王伟").order_by("id")
    found = told(await personal_copy.take(s, Subject("enrolment", one.id), ASKED, actor=ASKER))
    assert [row["phone_sealed"] for row in found["course_enrolment"]] == [PHONE, PHONE]
    assert len(found["fee"]) == 2
    await erased(s, Subject("enrolment", one.id))
    assert sorted([one.name for one in await CourseEnrolment.all()]) == ["李娜"] * 2 + ["（已删除）"] * 2
    index = bytes(one.phone_index).hex()
    assert (await places(index, "王伟"))[index] == set()
    assert (await training.enrol(s, first, f"{school.name}\t王伟\t{PHONE}"))[0].is_new


async def test_a_phone_that_two_people_gave_is_not_one_person(services: Services) -> None:
    s = services
    school = await make.school("明德职业技术学院")
    first, second = await training.course(s), await training.course(s, title="督导师研修")
    await training.enrol(s, first, f"{school.name}\t王伟\t{PHONE}")
    await training.enrol(s, second, f"{school.name}\t李娜\t{PHONE}")
    one = await CourseEnrolment.get(name="王伟")
    found = told(await personal_copy.take(s, Subject("enrolment", one.id), ASKED, actor=ASKER))
    assert ([row["name"] for row in found["course_enrolment"]], len(found["fee"])) == (["王伟"], 1)
    await erased(s, Subject("enrolment", one.id))
    assert sorted([one.name for one in await CourseEnrolment.all()]) == ["李娜", "（已删除）"]


@pytest.mark.parametrize(("state", "after"), [("active", "suspended"), ("invited", "withdrawn")])
async def test_who_is_in_office_in_the_backup_is_closed(services: Services, state: str, after: str) -> None:
    s = services
    of = await issuing.cohort(s)
    ticket = await issuing.shown_ticket(s, of)
    await staff.create(s.clock, s.password_hasher, "lin.wei", "finance", name="林薇", actor=SYSTEM)
    account = await Staff.get(username="lin.wei")
    await Officer.filter(id=of.officer.id).update(state=state)
    for who in (Subject("officer", of.officer.id), Subject("staff", account.id)):
        at = s.clock.now()
        created = of.officer.created_at if who.kind == "officer" else account.created_at
        entry = erasure_register.Entry(
            kind=who.kind, row=who.id, created_at=created, asked_on=ASKED.on, requested_by=1, requested_at=at,
            decided_by=2, decided_at=at,
        )  # fmt: skip
        done = await redoing.redo(s, entry)
        assert done is not None and "没有停用" in done.open[0]
    officer, account = await Officer.get(id=of.officer.id), await Staff.get(id=account.id)
    assert (officer.state, officer.name, account.is_active, account.name) == (
        after, "（已删除）", False, "（已删除）",
    )  # fmt: skip
    dead = await ScanTicket.get(issuance_id=(await Issuance.get(plan_id=of.plan.id)).id)
    assert (dead.replaced_at is not None) == (state == "active") and ticket.token
    actions = {f"officer.{'suspend' if state == 'active' else 'withdraw'}", "staff.deactivate"}
    assert await AuditEntry.filter(action__in=actions, actor_kind="system").count() == 2


async def test_they_are_erased_again_after_a_restore(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    await officers.suspend(s.clock, s.event_bus, of.officer.id, actor=make.OPERATOR)
    who = Subject("officer", of.officer.id)
    await erased(s, who)
    [entry] = await erasure_register.approved()
    assert (entry.of, entry.created_at) == (who, of.officer.created_at)
    await Erasure.all().delete()
    await rows("ALTER TABLE officer DISABLE TRIGGER officer_erased_stays")
    await Officer.filter(id=who.id).update(name="王签发", oa_openid="oBack", erased_at=None, state="active")
    await rows("ALTER TABLE officer ENABLE TRIGGER officer_erased_stays")
    [done] = await redoing.bring_up(s)
    assert (done.who, done.open) == (who, ("账号（签发负责人）没有停用（已停用）",))
    assert (await Officer.get(id=who.id)).name == "（已删除）"


async def test_who_has_the_number_of_an_account_by_now_is_not_named(services: Services) -> None:
    """The account that approved is of after the backup; somebody else has its number after the restore."""
    s = services
    names = dict[str, Staff]()
    for username, name in (("lin.wei", "林薇"), ("wang.min", "王敏")):
        await staff.create(s.clock, s.password_hasher, username, "admin", name=name, actor=SYSTEM)
        names[name] = await Staff.get(username=username)
    who = await make.candidate(s)
    asked_at = s.clock.now()
    await Staff.filter(id=names["林薇"].id).update(created_at=asked_at - timedelta(days=1))
    await Staff.filter(id=names["王敏"].id).update(created_at=asked_at + timedelta(seconds=1))
    entry = erasure_register.Entry(
        kind="candidate", row=who.id, created_at=who.created_at, asked_on=ASKED.on, requested_by=names["林薇"].id,
        requested_at=asked_at, decided_by=names["王敏"].id, decided_at=asked_at,
    )  # fmt: skip
    assert len(await redoing.bring_up(s, [entry])) == 1
    row = await Erasure.get()
    assert (row.requested_by_name, row.decided_by_name, row.decided_by) == ("林薇", "", names["王敏"].id)


async def test_every_row_of_a_participant_is_on_the_register(services: Services) -> None:
    """The backup may know a course only that the case does not name."""
    s = services
    school = await make.school("明德职业技术学院")
    first, second = await training.course(s), await training.course(s, title="督导师研修")
    for course in (first, second):
        await training.enrol(s, course, f"{school.name}\t王伟\t{PHONE}")
    old, new = await CourseEnrolment.all().order_by("id")
    await erased(s, Subject("enrolment", new.id))
    listed = await erasure_register.approved()
    assert {(one.row, one.created_at) for one in listed} == {(one.id, one.enrolled_at) for one in (old, new)}
    # The backup was made between the two.
    await Erasure.all().delete()
    await rows("ALTER TABLE course_enrolment DISABLE TRIGGER enrolment_erased_stays")
    await rows("DELETE FROM fee WHERE enrolment_id = $1", new.id)
    await CourseEnrolment.filter(id=new.id).delete()
    await CourseEnrolment.filter(id=old.id).update(
        name=old.name, phone_sealed=old.phone_sealed, phone_index=old.phone_index, erased_at=None
    )
    await rows("ALTER TABLE course_enrolment ENABLE TRIGGER enrolment_erased_stays")
    [done] = await redoing.bring_up(s)
    assert done.who == Subject("enrolment", old.id)
    assert (await CourseEnrolment.get(id=old.id)).name == "（已删除）"


@pytest.mark.parametrize("kind", ["officer", "staff", "enrolment"])
async def test_nobody_there(services: Services, kind: str) -> None:
    for work in (erasing.ask, personal_copy.take):
        refused = work(services, Subject(kind, 987654), ASKED, actor=APPROVER)
        assert (await code_of(refused)).endswith("_not_found")
        finance = Actor("staff", 5, "财务", role="finance")
        assert await code_of(work(services, Subject(kind, 1), ASKED, actor=finance)) == "role_not_allowed"


async def test_nothing_new_is_written_for_who_is_erased(services: Services) -> None:
    """Delivery, fee, order and list: each has its trigger behind the statements that leave the erased out."""
    s = services
    who = await make.candidate(s)
    await erased(s, Subject("candidate", who.id))
    now = s.clock.now()
    with pytest.raises(IntegrityError, match="已删除"):
        await Delivery.create(
            dedup="x",
            topic="results_released",
            openid="",
            account="",
            channel="none",
            candidate=who,
            state="no_way",
        )
    with pytest.raises(IntegrityError, match="已删除"):
        await FeeOrder.create(
            number="xc1", candidate=who, account="oa", way="jsapi", description="考试费", total_fen=1, expires_at=now,
            created_at=now,
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="已删除"):
        campaign = await Campaign.create(
            name="x", kind="other", ways=[], audience={}, state="draft", not_after=now, author_id=1, author_name="王敏",
            per_second=1, per_day=1, created_at=now,
        )  # fmt: skip
        await CampaignListed.create(campaign=campaign, candidate=who)
    triggers = await rows(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname LIKE '%_of_erased'"
    )
    assert {row["name"] for row in triggers} >= {"delivery", "fee", "fee_order", "campaign_listed"}
