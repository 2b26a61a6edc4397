"""One candidate, one page: found by any number or a part of the name, masked, scoped, and who looked is on it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.domain.actor import Actor
from server.domain.dossiers import candidate_dossier, candidate_finding, uncovering
from server.domain.dossiers.candidate_dossier import CandidateDossier
from server.domain.dossiers.uncovering import MOST_AN_HOUR, Covered
from server.domain.exams.results import Result
from server.domain.people import candidate_phones
from server.domain.people.candidates import ABOUT_MOBILE
from server.domain.ports import Services
from server.models import AuditEntry, Binding, Candidate, Certificate, Plan, Registration
from tests.kit import correcting, issuing, make
from tests.kit.fakes import FakeClock
from tests.kit.history import ME
from tests.kit.jobs import drained
from tests.kit.refusals import code_of

FINANCE = Actor("staff", 5, "财务", role="finance")
MOBILE = "19912340987"


async def with_phone(s: Services, who: Candidate, number: str = MOBILE) -> None:
    await Candidate.filter(id=who.id).update(mobile_sealed=s.keys.encrypt(number, about=ABOUT_MOBILE))


async def hits(s: Services, text: str, actor: Actor = make.OPERATOR) -> list[tuple[int, str]]:
    return [(one.id, one.how) for one in (await candidate_finding.find(s, text, actor=actor)).items]


async def test_a_candidate_is_found_by_whatever_the_caller_can_say(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    await issuing.generating(s, of)
    await drained(s)
    first = await of.registrations[0].candidate
    await with_phone(s, first)
    await Binding.create(account=ME.account, openid=ME.openid, candidate=first, bound_at=s.clock.now())
    await candidate_phones.sweep(s)
    number = s.keys.decrypt(bytes(first.id_sealed), about="candidate.id_number")
    certificate = await Certificate.get(registration_id=of.registrations[0].id)
    for text, how in (
        ("子涵", "姓名"),
        (" 崔 ", "姓名"),
        (number, "证件号码"),
        (number.lower(), "证件号码"),
        (f"+86 {MOBILE[:3]} {MOBILE[3:7]} {MOBILE[7:]}", "手机号"),
        (of.registrations[0].admission_number, "准考证号"),
        (certificate.number.lower(), "证书编号"),
        (ME.openid, "微信 openid"),
    ):
        assert await hits(s, text) == [(first.id, how)], text
    assert await hits(s, "涵子") == []  # the characters in their order
    assert await hits(s, "%") == []
    found = await candidate_finding.find(s, number, actor=make.OPERATOR)
    assert number not in str(found) and found.items[0].is_bound and found.items[0].plan == of.plan.name
    for poor in ("", "　", "崔" * 65):
        assert await code_of(candidate_finding.find(s, poor, actor=make.OPERATOR)) == "search_form"
    assert await code_of(candidate_finding.find(s, "崔", actor=FINANCE)) == "role_not_allowed"


async def test_of_many_of_one_name_fifty_are_told(services: Services) -> None:
    at = await make.school()
    for _ in range(candidate_finding.MOST + 1):
        await make.candidate(services, "张伟", at=at)
    found = await candidate_finding.find(services, "张", actor=make.OPERATOR)
    assert (len(found.items), found.is_more) == (candidate_finding.MOST, True)
    assert found.items[0].id > found.items[-1].id


async def test_a_corrected_number_still_finds_its_person(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    who = await of.registrations[0].candidate
    old = s.keys.decrypt(bytes(who.id_sealed), about="candidate.id_number")
    await correcting.approved(s, of, id_number=make.id_number(4321))
    assert await hits(s, old) == [(who.id, "更正前的证件号码")]
    assert await hits(s, make.id_number(4321)) == [(who.id, "证件号码")]


async def test_a_phone_is_indexed_whoever_writes_it_and_no_old_one_finds(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    await with_phone(s, who)
    assert await hits(s, MOBILE) == []  # within a minute
    assert await candidate_phones.sweep(s) == 1
    assert await candidate_phones.sweep(s) == 0
    assert await hits(s, MOBILE) == [(who.id, "手机号")]
    await with_phone(s, who, "19912340988")  # by a program that knows no index
    assert (await Candidate.get(id=who.id)).mobile_index is None
    assert await hits(s, MOBILE) == []
    await candidate_phones.sweep(s)
    assert await hits(s, "19912340988") == [(who.id, "手机号")]


async def test_a_new_key_of_indexes_is_taken_up(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    await with_phone(s, who)
    await candidate_phones.sweep(s)
    right = (await Candidate.get(id=who.id)).mobile_index
    await Candidate.filter(id=who.id).update(mobile_index=b"of another key")
    assert await candidate_phones.reindex(s.keys) == 1
    assert (await Candidate.get(id=who.id)).mobile_index == right
    assert await candidate_phones.reindex(s.keys) == 0


async def opened(s: Services, who: int, actor: Actor = make.OPERATOR) -> CandidateDossier:
    return await candidate_dossier.opened(s, who, actor=actor)


async def test_the_page_has_everything_masked_and_says_who_looked(
    services: Services, clock: FakeClock
) -> None:
    s = services
    of = await issuing.cohort(s)
    await issuing.generating(s, of)
    await drained(s)
    first = await of.registrations[0].candidate
    await with_phone(s, first)
    await Binding.create(account=ME.account, openid=ME.openid, candidate=first, bound_at=clock.now())
    it = await opened(s, first.id)
    number = s.keys.decrypt(bytes(first.id_sealed), about="candidate.id_number")
    assert number not in str(it) and MOBILE not in str(it) and ME.openid not in str(it)
    assert (it.name, it.mobile_masked, it.is_bound) == ("崔子涵", "199****0987", True)
    [place] = it.registrations
    assert (place.outcome, place.marks) == (Result.PASSED, ((make.SUBJECT, "78.5"),))
    [certificate] = it.certificates
    assert certificate.number == (await Certificate.get(registration_id=of.registrations[0].id)).number
    assert it.messages is not None
    assert [(one.who, one.what) for one in it.looks] == [("考务员", None)]
    clock.forward(minutes=9)
    assert len((await opened(s, first.id)).looks) == 1  # the same look
    clock.forward(minutes=2)
    assert len((await opened(s, first.id)).looks) == 2
    assert [one.who for one in (await opened(s, first.id, make.ADMIN)).looks] == [
        "管理员",
        "考务员",
        "考务员",
    ]


async def test_a_school_opens_its_own_and_reads_what_is_released(
    services: Services, clock: FakeClock
) -> None:
    s = services
    of = await issuing.cohort(s)
    await issuing.generating(s, of)
    await drained(s)
    first = await of.registrations[0].candidate
    own, foreign = make.school_account(of.school), make.school_account(await make.school())
    assert await hits(s, "崔", foreign) == []
    assert await hits(s, of.registrations[0].admission_number, foreign) == []
    assert await code_of(opened(s, first.id, foreign)) == "candidate_not_found"
    assert await code_of(opened(s, 987_654, foreign)) == "candidate_not_found"
    assert await AuditEntry.filter(action="candidate.view").count() == 0
    await opened(s, first.id)
    it = await opened(s, first.id, own)
    assert len(it.certificates) == 1 and it.messages is None
    assert it.looks == ()  # the organisation's are not theirs; their own are of accounts on record
    await Plan.filter(id=of.plan.id).update(release_at=clock.now() + timedelta(days=1))
    it = await opened(s, first.id, own)
    assert (it.registrations[0].outcome, it.registrations[0].marks, it.certificates) == (None, None, ())
    elsewhere = await make.site()
    await Registration.filter(id=of.registrations[0].id).update(site_id=elsewhere.id)
    assert (await opened(s, first.id, own)).registrations == ()


async def test_a_number_is_uncovered_for_a_reason_that_stays(services: Services) -> None:
    s = services
    who = await make.candidate(s, number=make.id_number(4055))
    assert await uncovering.uncover(
        s, who.id, Covered.ID_NUMBER, " 来电核对 ", actor=make.OPERATOR
    ) == make.id_number(4055)
    entry = await AuditEntry.get(action="candidate.uncover")
    assert (entry.subject_id, entry.became) == (str(who.id), {"what": "id_number", "reason": "来电核对"})
    assert [(one.what, one.reason) for one in (await opened(s, who.id)).looks] == [
        (None, None),
        ("id_number", "来电核对"),
    ]
    for reason, what, actor, code in (
        (" ", Covered.ID_NUMBER, make.OPERATOR, "reason_form"),
        ("核对", Covered.MOBILE, make.OPERATOR, "number_missing"),
        ("核对", Covered.ID_NUMBER, make.ISSUER_STAFF, "role_not_allowed"),
        ("核对", Covered.ID_NUMBER, make.school_account(await make.school()), "role_not_allowed"),
    ):
        assert await code_of(uncovering.uncover(s, who.id, what, reason, actor=actor)) == code
    assert await AuditEntry.filter(action="candidate.uncover").count() == 1


async def test_nobody_copies_the_register_number_by_number(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    for _ in range(MOST_AN_HOUR):
        await uncovering.uncover(s, who.id, Covered.ID_NUMBER, "核对", actor=make.OPERATOR)
    again = uncovering.uncover(s, who.id, Covered.ID_NUMBER, "核对", actor=make.OPERATOR)
    assert await code_of(again) == "uncover_often"


@pytest.mark.parametrize("gone", [False, True])
async def test_a_binding_that_ended_stays_on_the_page(services: Services, gone: bool) -> None:
    s = services
    who = await make.candidate(s)
    openid = "oSomebodyElse"
    bound = await Binding.create(account="oa", openid=openid, candidate=who, bound_at=s.clock.now())
    if gone:
        await Binding.filter(id=bound.id).update(unbound_at=s.clock.now())
    it = await opened(s, who.id)
    assert (it.is_bound, [one.openid for one in it.bindings]) == (not gone, ["oSom…Else"])
    assert await hits(s, openid) == ([] if gone else [(who.id, "微信 openid")])
