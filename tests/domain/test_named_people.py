"""Names in the trail: whoever writes a candidate's name into a reason, it is not kept for ever."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, named_people
from server.domain.certificates import revocation
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.privacy import other_people
from server.domain.privacy.subjects import Subject
from server.models import (
    AuditEntry,
    Certificate,
    Correction,
    CourseEnrolment,
    Erasure,
    FeeRefund,
    FeeWaiver,
    PortalDifference,
    ScoreChange,
    Staff,
)
from tests.kit import issuing, make, training
from tests.kit.make import OPERATOR as ASKER
from tests.kit.whole_person import NAME, whole_person


async def test_a_name_that_somebody_writes_does_not_get_into_the_trail(services: Services) -> None:
    """Whatever the entry is about: it is known whose it is, and what is not known stays as it was written."""
    s = services
    who = await whole_person(s)
    valid = await Certificate.get(candidate_id=who.id, state="valid")
    subjects = {
        "candidate": who.id,
        "registration": valid.registration_id,
        "certificate": valid.number,
        "correction": (await Correction.get()).id,
        "score_change": (await ScoreChange.get()).id,
        "fee_waiver": (await FeeWaiver.get()).id,
        "fee_refund": (await FeeRefund.get()).id,
        "portal_difference": (await PortalDifference.get()).id,
    }
    assert set(subjects) == set(named_people._WHOSE)
    said = {"reason": f"{NAME}（现名龙文）申请，小龙来电", "state": NAME}
    for kind, number in subjects.items():
        async with in_transaction():
            await audit_log.record(s.clock, ASKER, "test", kind, number, became=said)
        entry = await AuditEntry.filter(action="test", subject_kind=kind).get()
        assert entry.became == {"reason": "（姓名）（现名（姓名））申请，小龙来电", "state": NAME}
    async with in_transaction():
        await audit_log.record(s.clock, ASKER, "test", "plan", 1, became=said)
    assert (await AuditEntry.filter(action="test", subject_kind="plan").get()).became == said
    await revocation.revoke(s.clock, s.faults, valid.number, f"{NAME}的照片有误", actor=make.ISSUER_STAFF)
    entry = await AuditEntry.filter(action="certificate.revoke").get()
    assert (entry.became or {})["reason"] == "（姓名）的照片有误"


async def test_nor_does_the_name_of_others_and_of_a_holder_in_a_print_run(services: Services) -> None:
    s = services
    school = await make.school("明德职业技术学院")
    of = await issuing.cohort(s, names=("崔子涵",))
    await training.enrol(s, await training.course(s), f"{school.name}\t王伟\t19912345678")
    await staff.create(s.clock, s.password_hasher, "lin.wei", "finance", name="林薇", actor=SYSTEM)
    account = await Staff.get(username="lin.wei")
    enrolled = await CourseEnrolment.get(name="王伟")
    for who, name in (
        (Subject("officer", of.officer.id), of.officer.name),
        (Subject("staff", account.id), account.name),
        (Subject("enrolment", enrolled.id), enrolled.name),
    ):
        async with in_transaction():
            await audit_log.record(
                s.clock, ASKER, "test", who.of.table, who.id, became={"reason": f"{name}当面提交申请"}
            )
        entry = await AuditEntry.filter(action="test", subject_kind=who.of.table).get()
        assert entry.became == {"reason": "（姓名）当面提交申请"}
        case = Erasure(
            asked_on=s.clock.now().date(), reason=f"{name}当面提交申请", requested_by=1, requested_by_name="甲",
            requested_at=s.clock.now(),
        )  # fmt: skip
        setattr(case, who.column, who.id)
        await case.save()
        async with in_transaction():
            await other_people.wipe(s.keys, who, s.clock.now())
        assert (await Erasure.get(id=case.id)).reason == "（姓名）当面提交申请"
    # A refund that the trail names by WeChat's number has no row to look up.
    assert await named_people.names_of("fee_refund", "50300000042026112812345") == []
    assert await named_people.names_of("fee_refund", "R26-0001") == []
