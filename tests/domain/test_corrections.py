"""更正 (S68): one asks with the letter, another approves; record and certificates follow, and nothing is overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.domain.certificates import downloads, verification
from server.domain.corrections import case_letters, case_views, completion, deciding
from server.domain.corrections.contents import compared, opened
from server.domain.corrections.states import CorrectionState
from server.domain.issuance import organisation, scan_tickets
from server.domain.levels import Level
from server.domain.people import candidates
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Gone, Unverified
from server.models import (
    AuditEntry,
    Binding,
    Candidate,
    Certificate,
    Correction,
    CorrectionCertificate,
    Delivery,
    Issuance,
    LogOutboxEntry,
    LookupChange,
)
from tests.kit import correcting, issuing, make
from tests.kit.correcting import APPROVER, ASKER, LETTER
from tests.kit.fakes import MemoryFileStore
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S68")


async def test_a_wrong_name_is_corrected_and_the_certificate_follows(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    case = await correcting.asked(s, of)
    assert (await Candidate.get(id=case.candidate_id)).name == "龙雯"
    told = await LookupChange.all().count()
    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.UNDER_WAY
    assert await LookupChange.all().count() == told + 1
    assert (await Candidate.get(id=case.candidate_id)).name == "龙文"
    batch = await Issuance.get(corrects_id=old.id)
    assert (batch.state, batch.count, batch.correction_word) == ("prepared", 1, "姓名更正")
    assert (await Certificate.get(id=old.id)).state == "valid"  # until the new one is there
    status = await verification.public_status(s.clock, old.number)
    assert status is not None and status.state == "valid"

    await correcting.reissued(s, of, case)
    old, new = await Certificate.get(id=old.id), await Certificate.get(issuance_id=batch.id)
    assert (old.state, old.superseded_by_id, old.superseded_word) == ("superseded", new.id, "姓名更正")
    assert (new.state, new.corrects_id) == ("valid", old.id)
    assert new.number != old.number
    assert (await Correction.get(id=case.id)).state == "done"
    [notice] = await Delivery.filter(candidate_id=case.candidate_id, topic="correction_done")
    assert notice.fields_shown == {
        "thing1": "姓名更正",
        "thing2": "已换发新证书 1 份",
        "time3": "2026年11月23日 12:00",
    }
    assert not await Delivery.filter(dedup=f"certificate:{new.id}").exists()  # told once, of both together
    view = await case_views.view(s.keys, case.id, actor=make.ADMIN)
    assert [(one.label, one.was, one.becomes) for one in view.changes] == [("姓名", "龙雯", "龙文")]
    [anew] = view.certificates
    assert (anew.old_number, anew.new_number) == (old.number, new.number)
    trail = await AuditEntry.filter(subject_kind="correction").order_by("id")
    assert [(one.action, one.actor_id) for one in trail] == [
        ("correction.request", ASKER.id),
        ("correction.approve", APPROVER.id),
        ("correction.complete", None),
    ]
    logged = await LogOutboxEntry.filter(event="superseded")  # and the public log tells it, by what
    assert len(logged) == 1 and b"successor" in bytes(logged[0].entry)
    superseded = await AuditEntry.get(action="certificate.supersede")
    assert (superseded.subject_id, superseded.was, superseded.became) == (
        old.number,
        {"state": "valid"},
        {"state": "superseded", "superseded_by": new.number, "reason": "姓名更正"},
    )


async def test_a_wrong_identity_number_changes_with_its_index_and_the_binding_stays(
    services: Services,
) -> None:
    s = services
    of = await correcting.issued(s)
    old, before = await correcting.certificate(of), await correcting.number_of(s, of)
    right = make.id_number(7777)
    case = await correcting.approved(s, of, id_number=right)
    assert await correcting.number_of(s, of) == right
    found = await candidates.find_by_id_number(s.keys, right)
    assert found is not None and found.id == case.candidate_id
    assert await candidates.find_by_id_number(s.keys, before) is None
    assert await Binding.filter(candidate_id=case.candidate_id, unbound_at=None).exists()
    # the old paper has the old number on it, and what is said of it says so
    finding = await verification.read_code(s, old.code, address="127.0.0.1")
    assert finding.is_valid and finding.id_masked == candidates.mask_id(before)
    await correcting.reissued(s, of, case)
    finding = await verification.read_code(s, old.code, address="127.0.0.1")
    assert (finding.standing.value, finding.superseded_word) == ("superseded", "证件号码更正")
    assert finding.id_masked == candidates.mask_id(before)
    new = await Certificate.get(number=finding.superseded_by)
    finding = await verification.read_code(s, new.code, address="127.0.0.1")
    assert finding.is_valid and finding.id_masked == candidates.mask_id(right)
    # what was is readable in the case, its middle masked but for what differs; and nowhere in the trail
    [change] = (await case_views.view(s.keys, case.id, actor=make.ADMIN)).changes
    assert (change.was, change.becomes) == compared(before, right)
    for entry in await AuditEntry.all():
        assert before not in f"{entry.was}{entry.became}" and right not in f"{entry.was}{entry.became}"


def test_an_identity_number_shows_its_ends_and_what_differs() -> None:
    assert compared("990001200001020014", "990001200001030012") == (
        "99***********20014",
        "99***********30012",
    )


async def test_a_number_made_up_uncovers_nothing_of_the_one_on_record(services: Services) -> None:
    """Every digit differs, so "what differs" would be the whole number; only who decides has to see it."""
    s = services
    of = await correcting.issued(s)
    before, made_up = await correcting.number_of(s, of), make.id_number(7777)
    teacher = make.school_account(of.school)
    case = await correcting.asked(s, of, actor=teacher, id_number=made_up)
    auditor = replace(ASKER, id=77, role="auditor")
    for actor in (teacher, auditor):
        [change] = (await case_views.view(s.keys, case.id, actor=actor)).changes
        assert (change.was, change.becomes) == (candidates.mask_id(before), candidates.mask_id(made_up))
    [change] = (await case_views.view(s.keys, case.id, actor=ASKER)).changes
    assert (change.was, change.becomes) == compared(before, made_up)
    await deciding.withdraw(s, case.id, actor=teacher)
    case = await correcting.asked(s, of, id_number=made_up)
    [change] = (await case_views.view(s.keys, case.id, actor=ASKER)).changes  # may approve, but not this one
    assert change.was == candidates.mask_id(before)


async def test_every_valid_certificate_of_the_person_follows(services: Services) -> None:
    s = services
    of = await correcting.issued(s, names=("龙雯",))
    higher = await issuing.cohort(s, names=(), level=Level.INTERMEDIATE)
    who = await Candidate.get(id=of.registrations[0].candidate_id)
    higher.registrations.append(await make.registration(s, who, on=higher.plan, at=higher.site))
    await issuing.generating(s, higher)
    await drained(s)
    case = await correcting.approved(s, of)
    batches = await Issuance.filter(corrects_id__not_isnull=True).order_by("id")
    assert [(one.plan_id, one.site_id, one.count) for one in batches] == [
        (of.plan.id, of.site.id, 1),
        (higher.plan.id, higher.site.id, 1),
    ]
    theirs = await case_views.view(s.keys, case.id, actor=make.school_account(of.school))
    old, other = await Certificate.filter(candidate_id=who.id, state="valid").order_by("id")
    assert [one.old_number for one in theirs.certificates] == [old.number]  # of this school, and no other's
    staffs = await case_views.view(s.keys, case.id, actor=APPROVER)
    assert [one.old_number for one in staffs.certificates] == [old.number, other.number]
    await correcting.signed(s, of, batches[0])
    await drained(s)
    assert (await Correction.get(id=case.id)).state == "under_way"  # the other one is not issued yet
    await correcting.signed(s, higher, batches[1])
    await drained(s)
    assert (await Correction.get(id=case.id)).state == "done"
    states = [one.state for one in await Certificate.filter(candidate_id=who.id).order_by("id")]
    assert states == ["superseded", "superseded", "valid", "valid"]
    [notice] = await Delivery.filter(topic="correction_done")
    assert notice.fields_shown["thing2"] == "已换发新证书 2 份"


async def test_before_any_batch_the_record_alone_changes(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("龙雯",))
    await correcting.bound(s, of.registrations[0].candidate_id)
    case = await correcting.approved(s, of)
    assert (case.state, await Issuance.all().count()) == ("done", 0)
    [notice] = await Delivery.filter(topic="correction_done")
    assert notice.fields_shown["thing2"] == "考生信息已更正"
    batch = await issuing.prepared(s, of)
    line = await Certificate.get(issuance_id=batch.id)
    assert "龙文".encode() in bytes(line.line)


async def test_a_prepared_list_follows_before_it_is_signed(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    batch = await issuing.prepared(s, of)
    case = await correcting.approved(s, of, name="崔子寒")
    assert case.state == "done"
    with pytest.raises(Conflict) as unseen:
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    assert unseen.value.code == "list_refreshed"
    after = await Issuance.get(id=batch.id)
    assert bytes(after.list_sha256 or b"") != bytes(batch.list_sha256 or b"")
    await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)


async def test_a_batch_at_the_school_holds_the_case_until_it_comes_back(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    ticket = await issuing.shown_ticket(s, of)
    case = await correcting.asked(s, of, name="崔子寒")
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "batch_at_school"
    assert "撤回" in refused.value.message
    assert (await Correction.get(id=case.id)).state == "requested"
    batch = await Issuance.get(plan_id=of.plan.id)
    await scan_tickets.return_batch(s, ticket.token, issuing.PIN, "第 1 位考生姓名有误", identity=of.identity)
    before = bytes((await Issuance.get(id=batch.id)).list_sha256 or b"")
    await deciding.approve(s, case.id, actor=APPROVER)
    await organisation.revise(s, batch.id, actor=make.ISSUER_STAFF)
    again = await Issuance.get(id=batch.id)
    assert bytes(again.list_sha256 or b"") != before
    with pytest.raises(Conflict):  # the open QR is dead
        await scan_tickets.confirm(s, ticket.token, issuing.PIN, identity=of.identity)
    await correcting.signed(s, of, again)
    await drained(s)
    assert "崔子寒".encode() in bytes((await correcting.certificate(of, state="valid")).line)


async def test_signed_and_not_issued_waits(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    batch = await issuing.school_signed(s, of)
    case = await correcting.asked(s, of, name="崔子寒")
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "batch_being_made"
    await organisation.hand_over(s, batch.id, actor=make.ISSUER_STAFF)
    await drained(s)
    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.UNDER_WAY


async def test_a_wrong_correction_is_corrected_by_another(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    first = await correcting.approved(s, of)
    second = await correcting.approved(s, of, name="龙玟")  # while the first is under way
    [batch] = await Issuance.filter(corrects_id__not_isnull=True)
    links = await CorrectionCertificate.all().order_by("id")
    assert [(one.correction_id, one.issuance_id) for one in links] == [
        (first.id, batch.id),
        (second.id, batch.id),
    ]
    with pytest.raises(Conflict) as unseen:  # its list follows
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    assert unseen.value.code == "list_refreshed"
    await correcting.reissued(s, of, second)
    new = await correcting.certificate(of, state="valid")
    assert "龙玟".encode() in bytes(new.line)
    assert {one.state for one in await Correction.all()} == {"done"}
    third = await correcting.approved(s, of, name="龙雯")  # and after the end
    await correcting.reissued(s, of, third)
    history = (
        await Certificate.filter(registration_id=of.registrations[0].id).exclude(state="void").order_by("id")
    )
    assert [one.state for one in history] == ["superseded", "superseded", "valid"]
    assert [one.superseded_by_id for one in history] == [history[1].id, history[2].id, None]
    views = [await case_views.view(s.keys, one.id, actor=make.ADMIN) for one in (first, second, third)]
    assert [(v.changes[0].was, v.changes[0].becomes) for v in views] == [
        ("龙雯", "龙文"),
        ("龙文", "龙玟"),
        ("龙玟", "龙雯"),
    ]


async def test_a_batch_that_two_cases_share_says_why_of_both(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await correcting.approved(s, of)
    await correcting.approved(s, of, name="龙玟")  # for the same reason: said once
    second = await correcting.approved(s, of, id_number=make.id_number(7777))
    batch = await Issuance.get(corrects_id=old.id)
    with pytest.raises(Conflict) as unseen:  # its list follows, and is shown again before it is signed
        await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    assert unseen.value.code == "list_refreshed"
    await correcting.reissued(s, of, second)
    assert (await Certificate.get(id=old.id)).superseded_word == "姓名更正，证件号码更正"


async def test_a_school_asks_and_staff_decide(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    teacher = make.school_account(of.school)
    case = await correcting.asked(s, of, actor=teacher)
    assert (case.requested_by_school, case.school_id) == (True, of.school.id)
    with pytest.raises(Forbidden):
        await deciding.approve(s, case.id, actor=teacher)
    [listed] = (await case_views.listing(s.keys, actor=teacher)).items
    assert (listed.id, listed.may_decide, listed.may_withdraw) == (case.id, False, True)
    stranger = make.school_account(await make.school())
    assert (await case_views.listing(s.keys, actor=stranger)).items == []
    assert await deciding.approve(s, case.id, actor=ASKER) is CorrectionState.UNDER_WAY


async def test_the_letter_is_sealed_and_every_look_is_kept(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    case = await correcting.asked(s, of)
    assert isinstance(s.file_store, MemoryFileStore)
    assert LETTER not in s.file_store.files[case.letter_key]
    for looks in (1, 2):
        letter = await case_letters.letter(s, case.id, actor=APPROVER)
        assert (letter.data, letter.kind) == (LETTER, "pdf")
        assert await AuditEntry.filter(action="correction.letter", subject_id=str(case.id)).count() == looks


async def test_the_holder_may_not_take_the_old_one_home(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await correcting.reissued(s, of, await correcting.approved(s, of))
    new = await correcting.certificate(of, state="valid")
    with pytest.raises(Gone) as refused:
        await downloads.pdf(s.clock, s.file_store, old.number, candidate_id=old.candidate_id)
    assert new.number in refused.value.message
    assert await downloads.pdf(s.clock, s.file_store, new.number, candidate_id=new.candidate_id)


async def test_a_lost_job_is_found_by_the_sweep(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    case = await correcting.approved(s, of)
    await Issuance.filter(corrects_id__not_isnull=True).update(state="issued")
    await completion.sweep(s)
    await completion.sweep(s)
    assert (await Correction.get(id=case.id)).state == "done"
    assert await Delivery.filter(topic="correction_done").count() == 1


async def test_a_side_of_one_case_does_not_open_in_another(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    case = await correcting.asked(s, of)
    assert opened(s.keys, "was", case.letter_key, bytes(case.was_sealed)) == {"name": "龙雯"}
    for side, place in (("becomes", case.letter_key), ("was", "corrections/another")):
        with pytest.raises(Unverified):
            opened(s.keys, side, place, bytes(case.was_sealed))
