"""更正 (S68) of one registration: its score, its plan or level, and a certificate in the place of a revoked one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from server.domain import score_changes
from server.domain.certificates import revocation, verification
from server.domain.corrections import completion, deciding
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.states import CorrectionState
from server.domain.issuance import organisation, preparing, replacement, roster, scan_tickets
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Conflict, Forbidden
from server.models import (
    AuditEntry,
    Certificate,
    Correction,
    Delivery,
    Issuance,
    PlanSlot,
    Registration,
    Score,
    ScoreChange,
)
from tests.kit import correcting, issuing, make
from tests.kit.correcting import APPROVER, ASKER
from tests.kit.fakes import FakeClock
from tests.kit.issuing import Cohort
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S68")


async def test_a_score_is_corrected_after_issuing_and_the_certificate_falls(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    await PlanSlot.create(plan=of.plan, level=of.site.level, subject=make.SUBJECT)
    case = await correcting.asked(s, of, kind=CorrectionKind.SCORE, status="scored", score="12")
    change = await ScoreChange.get(id=case.score_change_id)
    with pytest.raises(Forbidden):
        await deciding.approve(s, case.id, actor=ASKER)
    with pytest.raises(Conflict) as alone:
        await score_changes.approve(s, change.id, actor=APPROVER)
    assert alone.value.code == "case_decides"
    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.DONE
    registration = await Registration.get(id=of.registrations[0].id)
    assert registration.outcome == "failed"
    assert (await Score.get(registration_id=registration.id)).score == Decimal("12.0")
    assert (await ScoreChange.get(id=change.id)).state == "approved"
    old = await correcting.certificate(of)
    assert (old.state, old.revoke_reason) == ("revoked", f"成绩更正后未达到合格标准（更正第 {case.id} 件）")
    [notice] = await Delivery.filter(candidate_id=case.candidate_id, topic="results_released")
    assert notice.fields_shown["thing1"].startswith("成绩更正：")
    # and back again: a wrong correction is corrected by another, and the person is certified again
    case = await correcting.approved(s, of, kind=CorrectionKind.SCORE, status="scored", score="78.5")
    assert case.state == "under_way"
    await correcting.reissued(s, of, case)
    old = await Certificate.get(id=old.id)
    new = await correcting.certificate(of, state="valid")
    assert (old.state, old.superseded_by_id, new.corrects_id) == ("revoked", new.id, old.id)


async def test_a_score_that_passed_before_brings_no_revoked_certificate_back(services: Services) -> None:
    """Revoked for another reason: that is for a case of its own kind, with its own two people."""
    s = services
    of = await correcting.issued(s)
    await PlanSlot.create(plan=of.plan, level=of.site.level, subject=make.SUBJECT)
    old = await correcting.certificate(of)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    case = await correcting.approved(s, of, kind=CorrectionKind.SCORE, status="scored", score="91")
    assert case.state == "done"
    assert not await Issuance.filter(corrects_id=old.id).exists()


async def test_a_score_that_passes_after_all_is_in_the_next_list(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    await PlanSlot.create(plan=of.plan, level=of.site.level, subject=make.SUBJECT)
    failed = await Registration.get(plan_id=of.plan.id, outcome="failed")
    case = await correcting.approved(
        s, of, about=failed.admission_number, kind=CorrectionKind.SCORE, status="scored", score="61"
    )
    assert case.state == "done"
    await preparing.prepare(s, of.plan.id, actor=make.ISSUER_STAFF)
    batch = await Issuance.get(state="prepared", corrects_id=None)
    assert (await Certificate.get(issuance_id=batch.id)).registration_id == failed.id


async def test_a_wrong_level_moves_the_registration_and_this_certificate_alone(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    other = await make.site(of.school, Level.INTERMEDIATE)
    for level in (of.site.level, other.level):
        await PlanSlot.create(plan=of.plan, level=level, subject=make.SUBJECT)
    old = await correcting.certificate(of)
    case = await correcting.approved(
        s, of, about=old.number, kind=CorrectionKind.PLACEMENT, level="intermediate"
    )
    assert (await Registration.get(id=old.registration_id)).site_id == other.id
    batch = await Issuance.get(corrects_id=old.id)
    assert (batch.site_id, batch.correction_word) == (other.id, "等级更正")
    await correcting.reissued(s, of, case)
    new = await correcting.certificate(of, state="valid")
    assert b'"level":"intermediate"' in bytes(new.line)
    assert await Certificate.filter(issuance__corrects_id=None, state="superseded").count() == 1


async def test_a_wrong_plan_has_another_day(services: Services, clock: FakeClock) -> None:
    s = services
    of = await correcting.issued(s)
    day = of.plan.exam_date + timedelta(days=1)
    plan = await make.plan("2023年9月23日社会心理服务证书考试", release_at=clock.now())
    await type(plan).filter(id=plan.id).update(exam_date=day)
    for one in (of.plan, plan):
        await PlanSlot.create(plan=one, level=of.site.level, subject=make.SUBJECT)
    case = await correcting.approved(s, of, kind=CorrectionKind.PLACEMENT, plan=plan.name)
    await correcting.reissued(s, of, case)
    new = await correcting.certificate(of, state="valid")
    assert f'"exam_date":"{day.isoformat()}"'.encode() in bytes(new.line)


async def test_who_was_revoked_can_be_certified_again(services: Services, clock: FakeClock) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await revocation.revoke(s.clock, s.faults, old.number, "误操作", actor=make.ISSUER_STAFF)
    clock.forward(days=1)
    case = await correcting.approved(s, of, about=old.number, kind=CorrectionKind.REISSUE)
    await correcting.reissued(s, of, case)
    old, new = await Certificate.get(id=old.id), await correcting.certificate(of, state="valid")
    assert (old.state, old.superseded_by_id) == ("revoked", new.id)
    status = await verification.public_status(s.clock, old.number)
    assert status is not None and (status.state, status.superseded_by) == ("revoked", new.number)


async def test_a_revoked_certificate_follows_its_persons_correction(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await revocation.revoke(s.clock, s.faults, old.number, "姓名有误", actor=make.ISSUER_STAFF)
    case = await correcting.approved(s, of, about=old.number, name="龙文")
    await correcting.reissued(s, of, case)
    new = await correcting.certificate(of, state="valid")
    assert "龙文".encode() in bytes(new.line) and new.corrects_id == old.id


async def test_what_is_revoked_while_it_is_made_anew_does_not_come_back(
    services: Services, clock: FakeClock
) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await correcting.approved(s, of)
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    batch = await Issuance.get(corrects_id=old.id)
    with pytest.raises(Conflict):
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    with pytest.raises(Conflict) as empty:
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    assert empty.value.code == "list_empty"
    _, entries, _ = await roster.drawn_up(s.settings, s.keys, s.pdf_renderer, await Issuance.get(id=batch.id))
    assert entries == []


async def test_a_case_whose_certificate_is_revoked_meanwhile_ends(
    services: Services, clock: FakeClock
) -> None:
    """The record is corrected; the batch is void; the certificate can be asked for again."""
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    case = await correcting.approved(s, of)
    await completion.sweep(s)
    batch = await Issuance.get(corrects_id=old.id)
    assert (batch.state, (await Correction.get(id=case.id)).state) == ("prepared", "under_way")
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    for _ in range(2):
        await completion.sweep(s)
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.count, (await Correction.get(id=case.id)).state) == ("void", 0, "done")
    assert [one.state for one in await Certificate.filter(issuance_id=batch.id)] == ["void"]
    assert await AuditEntry.filter(action="issuance.void", actor_kind="system").count() == 1
    told = await Delivery.get(topic="correction_done")
    assert "考生信息已更正" in str(told.fields_shown)
    with pytest.raises(Conflict) as moved:
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    assert moved.value.code == "already_moved"
    clock.forward(minutes=1)
    again = await correcting.approved(s, of, about=old.number, kind=CorrectionKind.REISSUE)
    await correcting.reissued(s, of, again)
    new = await correcting.certificate(of, state="valid")
    assert (new.corrects_id, (await Correction.get(id=again.id)).state) == (old.id, "done")


async def revoked_and_asked_again(
    s: Services, clock: FakeClock, *, is_returned: bool = False
) -> tuple[Cohort, Certificate, Correction, Correction]:
    """A case whose certificate is revoked, and within the minute before the sweep another case of the same person."""
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    first = await correcting.approved(s, of)
    if is_returned:
        batch = await Issuance.get(corrects_id=old.id)
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
        ticket = await scan_tickets.show(s, batch.id, actor=make.ISSUER_STAFF)
        await scan_tickets.return_batch(s, ticket.token, issuing.PIN, "姓名有误", identity=of.identity)
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    clock.forward(seconds=5)
    return of, old, first, await correcting.asked(s, of, about=old.number, name="龙雯雯")


async def test_a_case_does_not_join_a_batch_that_is_about_to_be_void(
    services: Services, clock: FakeClock
) -> None:
    s = services
    of, old, first, case = await revoked_and_asked_again(s, clock)
    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.UNDER_WAY
    batches = await Issuance.filter(corrects_id=old.id).order_by("id")
    assert [(one.state, one.count) for one in batches] == [("void", 0), ("prepared", 1)]
    await completion.sweep(s)
    assert (await Correction.get(id=first.id)).state == "done"
    await correcting.reissued(s, of, case)
    new = await correcting.certificate(of, state="valid")
    assert (new.corrects_id, (await Correction.get(id=case.id)).state) == (old.id, "done")


async def test_one_that_the_school_returned_is_settled_by_a_person_first(
    services: Services, clock: FakeClock
) -> None:
    s = services
    _, old, _, case = await revoked_and_asked_again(s, clock, is_returned=True)
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "batch_stranded" and "重新准备" in refused.value.message
    assert (await Correction.get(id=case.id)).state == "requested"
    batch = await Issuance.get(corrects_id=old.id)
    await organisation.revise(s, batch.id, actor=make.ISSUER_STAFF)
    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.UNDER_WAY


async def test_a_batch_that_the_school_has_is_withdrawn_by_a_person_before_it_is_void(
    services: Services, clock: FakeClock
) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    case = await correcting.approved(s, of)
    batch = await Issuance.get(corrects_id=old.id)
    await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    await completion.sweep(s)
    await replacement.void(s, batch.id)
    assert (await Issuance.get(id=batch.id)).state == "site_pending"
    await organisation.withdraw(s, batch.id, actor=make.ISSUER_STAFF)
    await completion.sweep(s)
    assert (await Issuance.get(id=batch.id)).state == "void"
    assert (await Correction.get(id=case.id)).state == "done"


@pytest.mark.parametrize("is_handed_over", [False, True])
async def test_what_is_revoked_after_both_signed_takes_the_new_one_with_it(
    services: Services, clock: FakeClock, is_handed_over: bool
) -> None:
    """The list is read for the last time when the school signs; the new one is revoked when it would begin to hold."""
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    case = await correcting.approved(s, of)
    batch = await Issuance.get(corrects_id=old.id)
    await correcting.signed(s, of, batch, hand_over=is_handed_over)
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    if not is_handed_over:
        await organisation.hand_over(s, batch.id, actor=make.ISSUER_STAFF)
    await drained(s)
    new, old = await Certificate.get(issuance_id=batch.id), await Certificate.get(id=old.id)
    assert (new.state, old.state, old.superseded_by_id) == ("revoked", "revoked", None)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    assert (await Correction.get(id=case.id)).state == "done"
    [told] = await Delivery.filter(candidate_id=case.candidate_id, topic="correction_done")
    assert "换发" not in str(told.fields_shown)
