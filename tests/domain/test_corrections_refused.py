"""更正 (S68), refused: one sentence that says what to do, a stable code, and nothing is lost or half done."""

from __future__ import annotations

from typing import Any

import pytest

from server.demo_cohort import PEOPLE_HEADER
from server.domain.actor import Actor
from server.domain.certificates import revocation
from server.domain.corrections import case_letters, case_views, deciding, number_index, requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.imports import ImportView
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from server.models import Candidate, Certificate, Correction, Issuance, PlanSlot, Registration
from tests.kit import correcting, importing, issuing, make
from tests.kit.correcting import APPROVER, ASKER, LETTER, REASON
from tests.kit.fakes import FakePdfRenderer, MemoryFileStore
from tests.kit.issuing import Cohort

pytestmark = pytest.mark.rule("S68")
AUDITOR = Actor("staff", 4, "审计员", "auditor")
FINANCE = Actor("staff", 5, "财务", "finance")


def letters(s: Services) -> list[str]:
    assert isinstance(s.file_store, MemoryFileStore)
    return [key for key in s.file_store.files if key.startswith("corrections/")]


async def imported(s: Services, of: Cohort, name: str, number: str) -> ImportView:
    """A table of one candidate, checked."""
    row = [name, "居民身份证", number, "", "本校考生", of.school.name, "", "", "", ""]
    return await importing.check(s, importing.book(row, header=PEOPLE_HEADER), "candidates")


@pytest.mark.parametrize(
    ("wish", "pointer", "code"),
    [
        ({"name": "龙文", "about": ""}, "/about", "missing"),
        ({"name": "龙雯"}, "/name", "nothing_changes"),
        ({"name": " 龙 雯 "}, "/name", "nothing_changes"),
        ({"name": "=1+1"}, "/name", "formula"),
        ({"id_number": "99000120000102001"}, "/id_number", "id_length"),
        ({"id_number": make.id_number(5)[:-1] + "A"}, "/id_number", "id_characters"),
        ({"name": "龙文", "reason": "函"}, "/reason", "reason_length"),
        ({"name": "龙文", "reason": "函" * 301}, "/reason", "reason_length"),
        ({"name": "龙文", "letter": b""}, "/file", "missing"),
        ({"name": "龙文", "letter": b"GIF89a"}, "/file", "file_type"),
        ({"name": "龙文", "letter": b"%PDF-" + b"0" * (5 * 1024 * 1024)}, "/file", "file_size"),
        ({"kind": CorrectionKind.PLACEMENT, "level": "doctor"}, "/level", "level_unknown"),
        ({"kind": CorrectionKind.PLACEMENT, "level": "advanced"}, "/level", "place_unknown"),
        ({"kind": CorrectionKind.PLACEMENT, "plan": "没有的计划"}, "/plan", "place_unknown"),
        ({"kind": CorrectionKind.PLACEMENT}, "/level", "nothing_changes"),
        ({"kind": CorrectionKind.PLACEMENT, "about": "", "candidate_id": 1}, "/about", "missing"),
        ({"kind": CorrectionKind.REISSUE}, "/about", "not_revoked"),
        ({"kind": CorrectionKind.SCORE, "status": "scored", "score": "101"}, "/score", "score_range"),
        ({"kind": CorrectionKind.SCORE, "status": "absent", "score": "1"}, "/score", "score_and_status"),
    ],
)
async def test_a_poor_wish(services: Services, wish: dict[str, Any], pointer: str, code: str) -> None:
    of = await issuing.cohort(services, names=("龙雯",))
    if "candidate_id" in wish:
        wish = wish | {"candidate_id": of.registrations[0].candidate_id}
    with pytest.raises(Invalid) as refused:
        await correcting.asked(services, of, **wish)
    assert [(one.pointer, one.code) for one in refused.value.errors] == [(pointer, code)]
    assert not await Correction.all().exists()
    assert letters(services) == []


async def test_both_fields_are_told_at_once(services: Services) -> None:
    of = await issuing.cohort(services, names=("龙雯",))
    with pytest.raises(Invalid) as refused:
        await correcting.asked(services, of, name="@龙", id_number="1")
    assert [one.pointer for one in refused.value.errors] == ["/name", "/id_number"]


async def test_nobody_is_found(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("龙雯",))
    stranger = make.school_account(await make.school())
    about = of.registrations[0].admission_number
    for number, actor in (("404404404", ASKER), (about, stranger)):
        with pytest.raises(NotFound) as refused:
            await correcting.asked(s, of, name="龙文", actor=actor, about=number)
        assert refused.value.code == "candidate_unknown"


async def test_a_place_at_another_school_is_not_a_schools_to_name(services: Services) -> None:
    """A person may be registered at two schools; each of them knows its own registration alone."""
    s = services
    theirs, ours = await correcting.issued(s), await issuing.cohort(s, names=())
    shared = await Candidate.get(id=theirs.registrations[0].candidate_id)
    own = await make.registration(s, shared, on=ours.plan, at=ours.site)
    for of in (theirs, ours):
        await PlanSlot.create(plan=of.plan, level=of.site.level, subject=make.SUBJECT)
    certificate, teacher = await correcting.certificate(theirs), make.school_account(ours.school)
    await revocation.revoke(s.clock, s.faults, certificate.number, "误操作", actor=make.ISSUER_STAFF)
    score: dict[str, Any] = {"kind": CorrectionKind.SCORE, "status": "scored", "score": "12"}
    wishes: tuple[dict[str, Any], ...] = (
        score,
        {"kind": CorrectionKind.PLACEMENT, "level": "advanced"},
        {"kind": CorrectionKind.REISSUE},
        {"kind": CorrectionKind.PERSON, "name": "龙文"},
    )
    for wish in wishes:
        for about in (theirs.registrations[0].admission_number, certificate.number):
            with pytest.raises(NotFound) as refused:
                await correcting.asked(s, theirs, actor=teacher, about=about, **wish)
            assert refused.value.code == "candidate_unknown"
    assert not await Correction.all().exists()
    case = await correcting.asked(s, theirs, actor=teacher, about=own.admission_number, **score)
    assert (case.registration_id, case.school_id) == (own.id, ours.school.id)


async def test_a_person_of_another_school_is_not_a_schools_to_name(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("龙雯",))
    whom: dict[str, Any] = {"about": "", "candidate_id": of.registrations[0].candidate_id, "name": "龙文"}
    with pytest.raises(NotFound) as refused:
        await correcting.asked(s, of, actor=make.school_account(await make.school()), **whom)
    assert refused.value.code == "candidate_unknown"
    assert await correcting.asked(s, of, actor=make.school_account(of.school), **whom)


async def test_a_certificate_in_whose_place_another_stands_is_not_made_anew(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    await revocation.revoke(s.clock, s.faults, old.number, "误操作", actor=make.ISSUER_STAFF)
    first = await correcting.approved(s, of, about=old.number, kind=CorrectionKind.REISSUE)
    for is_issued in (False, True):
        if is_issued:
            await correcting.reissued(s, of, first)
        with pytest.raises(Invalid) as refused:
            await correcting.asked(s, of, about=old.number, kind=CorrectionKind.REISSUE)
        assert [(one.pointer, one.code) for one in refused.value.errors] == [("/about", "has_certificate")]


async def test_a_number_that_another_candidate_has(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    theirs = await correcting.number_of(s, of, at=1)
    with pytest.raises(Conflict) as refused:
        await correcting.asked(s, of, id_number=theirs)
    assert refused.value.code == "taken" and "另一位考生" in refused.value.message
    # and when it is registered between the two people
    right = make.id_number(4321)
    case = await correcting.asked(s, of, id_number=right)
    await make.candidate(s, "别人", right)
    with pytest.raises(Conflict) as later:
        await deciding.approve(s, case.id, id_number=right, actor=APPROVER)
    assert later.value.code == "taken"
    assert (await Correction.get(id=case.id)).state == "requested"


async def test_a_school_cannot_try_who_else_is_registered(services: Services) -> None:
    """A number of somebody at another school and a number of nobody get the same answer; who decides is told."""
    s = services
    of = await issuing.cohort(s)
    elsewhere = make.id_number(8765)
    await make.candidate(s, "别校的人", elsewhere)
    teacher = make.school_account(of.school)
    case = await correcting.asked(s, of, actor=teacher, id_number=elsewhere)
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, id_number=elsewhere, actor=APPROVER)
    assert refused.value.code == "taken"


async def test_the_approver_reads_the_number_in_the_letter(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    right, before = make.id_number(4321), await correcting.number_of(s, of)
    case = await correcting.asked(s, of, id_number=right)
    for typed in ("", "1", before, make.id_number(4322)):
        with pytest.raises(Invalid) as refused:
            await deciding.approve(s, case.id, id_number=typed, actor=APPROVER)
        assert [(one.pointer, one.code) for one in refused.value.errors] == [
            ("/id_number", "id_not_the_same")
        ]
    assert await correcting.number_of(s, of) == before
    await deciding.approve(s, case.id, id_number=f" {right} ", actor=APPROVER)
    assert await correcting.number_of(s, of) == right


async def test_one_open_case_for_each_person(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    first = await correcting.asked(s, of, name="崔子寒")
    with pytest.raises(Conflict) as refused:
        await correcting.asked(s, of, name="崔子翰")
    assert refused.value.code == "correction_open"
    assert letters(s) == [first.letter_key]  # the second letter is not kept
    await deciding.withdraw(s, first.id, actor=ASKER)
    await correcting.asked(s, of, name="崔子翰")


async def test_a_record_that_moved_meanwhile(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    case = await correcting.asked(s, of, name="崔子寒")
    await Candidate.filter(id=case.candidate_id).update(name="崔子翰")
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "record_moved"
    assert await deciding.refuse(s, case.id, "记录已变化", actor=APPROVER)
    assert (await Candidate.get(id=case.candidate_id)).name == "崔子翰"


async def test_who_may_what(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    case = await correcting.asked(s, of, name="崔子寒")
    for act in (
        requesting.request(s, Wish(kind=CorrectionKind.PERSON, reason=REASON, letter=LETTER), actor=AUDITOR),
        deciding.approve(s, case.id, actor=AUDITOR),
        deciding.refuse(s, case.id, "不对", actor=AUDITOR),
        deciding.withdraw(s, case.id, actor=AUDITOR),
        case_views.listing(s.keys, actor=FINANCE),
        case_views.view(s.keys, case.id, actor=FINANCE),
        case_letters.letter(s, case.id, actor=FINANCE),
    ):
        with pytest.raises(Forbidden) as refused:
            await act
        assert refused.value.code == "role_not_allowed"
    stranger = make.school_account(await make.school())
    for act in (
        case_views.view(s.keys, case.id, actor=stranger),
        case_letters.letter(s, case.id, actor=stranger),
        deciding.withdraw(s, case.id, actor=stranger),
    ):
        with pytest.raises(NotFound) as unknown:
            await act
        assert unknown.value.code == "correction_unknown"


async def test_after_the_end_nothing_is_decided(services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    case = await correcting.approved(s, of, name="崔子寒")
    for act in (
        deciding.approve(s, case.id, actor=APPROVER),
        deciding.refuse(s, case.id, "不对", actor=APPROVER),
        deciding.withdraw(s, case.id, actor=ASKER),
    ):
        with pytest.raises(Conflict) as refused:
            await act
        assert refused.value.code == "correction_moved"
    with pytest.raises(NotFound):
        await deciding.approve(s, case.id + 99, actor=APPROVER)
    with pytest.raises(Invalid) as unsaid:
        await deciding.refuse(s, case.id, " ", actor=APPROVER)
    assert [(one.pointer, one.code) for one in unsaid.value.errors] == [("/note", "missing")]


async def test_a_refused_score_ends_both(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    await PlanSlot.create(plan=of.plan, level=of.site.level, subject=make.SUBJECT)
    for end in ("refuse", "withdraw"):
        case = await correcting.asked(s, of, kind=CorrectionKind.SCORE, status="scored", score="12")
        if end == "refuse":
            await deciding.refuse(s, case.id, "复核无误", actor=APPROVER)
        else:
            await deciding.withdraw(s, case.id, actor=ASKER)
    assert (await Registration.get(id=of.registrations[0].id)).outcome == "passed"
    assert await Certificate.filter(state="valid").count() == 2


async def test_a_certificate_that_is_made_anew_is_not_moved_as_well(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    await make.site(of.school, Level.INTERMEDIATE)
    for level in ("primary", "intermediate"):
        await PlanSlot.create(plan=of.plan, level=level, subject=make.SUBJECT)
    await correcting.approved(s, of)
    case = await correcting.asked(s, of, kind=CorrectionKind.PLACEMENT, level="intermediate")
    with pytest.raises(Conflict) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "under_way"


async def test_a_place_where_the_scores_do_not_pass(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    await make.site(of.school, Level.INTERMEDIATE)
    await PlanSlot.create(plan=of.plan, level="intermediate", subject="实操")
    with pytest.raises(Invalid) as refused:
        await correcting.asked(s, of, kind=CorrectionKind.PLACEMENT, level="intermediate")
    assert [one.code for one in refused.value.errors] == ["place_not_passed"]
    await make.plan("尚未公布的计划")
    with pytest.raises(Invalid) as unreleased:
        await correcting.asked(s, of, kind=CorrectionKind.PLACEMENT, plan="尚未公布的计划")
    assert [one.code for one in unreleased.value.errors] == ["plan_not_released"]


async def test_a_name_that_cannot_be_printed_is_not_approved(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    case = await correcting.asked(s, of, name="龙文𫞩")
    assert isinstance(s.pdf_renderer, FakePdfRenderer)
    s.pdf_renderer.unprintable += "𫞩"
    with pytest.raises(Refused) as refused:
        await deciding.approve(s, case.id, actor=APPROVER)
    assert refused.value.code == "not_certifiable" and "字体" in refused.value.message
    assert (await Candidate.get(id=case.candidate_id)).name == "龙雯"
    assert not await Issuance.filter(corrects_id__not_isnull=True).exists()


async def test_a_number_that_was_corrected_away_is_not_imported_again(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("龙雯",))
    before = await correcting.number_of(s, of)
    await correcting.approved(s, of, id_number=make.id_number(4321))
    run = await imported(s, of, "龙雯", before)
    [error] = run.errors
    assert (error["column"], error["code"]) == ("证件号码", "number_corrected")
    # the same under a new key of the index
    assert await number_index.reindex(s.keys) == 0
    await Correction.all().update(was_index=b"of an older key".ljust(32))
    assert await number_index.reindex(s.keys) == 1
    [again] = (await imported(s, of, "龙雯", before)).errors
    assert again["code"] == "number_corrected"
    assert await Candidate.filter(name="龙雯").count() == 1


async def test_the_import_names_the_page(services: Services) -> None:
    s = services
    of = await issuing.cohort(s, names=("龙雯",))
    run = await imported(s, of, "龙文", await correcting.number_of(s, of))
    [error] = run.errors
    assert error["code"] == "name_differs" and "“更正”页" in error["detail"]
