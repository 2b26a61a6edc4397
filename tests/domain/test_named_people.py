"""Names in the trail: whoever writes a candidate's name into a reason, it is not kept for ever."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain.audit import audit_log, named_people
from server.domain.certificates import revocation
from server.domain.ports import Services
from server.models import (
    AuditEntry,
    Certificate,
    Correction,
    FeeRefund,
    FeeWaiver,
    PortalDifference,
    ScoreChange,
)
from tests.kit import make
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
