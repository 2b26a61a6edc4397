"""Asking for a correction (S68): by a school's account or by staff, with the formal letter, what was and what will be."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.exceptions import IntegrityError

from server.domain import beijing, roles, score_changes
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.numbers import tidy_number
from server.domain.certificates.states import LIVING, CertificateState
from server.domain.corrections import facts, queries
from server.domain.corrections.case_letters import SHELF, is_named
from server.domain.corrections.contents import Contents, CorrectionKind, sealed
from server.domain.corrections.queries import Place
from server.domain.corrections.states import TAKEN
from server.domain.exams.results import say
from server.domain.fault_points import transaction
from server.domain.levels import Level
from server.domain.people import candidates
from server.domain.people import queries as people_queries
from server.domain.people.candidates import ABOUT_ID, IdentityNumber, clean_name
from server.domain.people.free_text import clean_reason
from server.domain.people.names import clean_title
from server.domain.people.school_scope import is_school, may_see, school_of
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.domain.sealed_files import SealedFile
from server.errors import Conflict, FieldError, Invalid, NotFound, Refused
from server.models import Certificate, Correction
from server.models.database import breaks

SHORTEST_REASON, LONGEST_REASON = 4, 300
_NAMED = frozenset({CorrectionKind.PLACEMENT, CorrectionKind.SCORE, CorrectionKind.REISSUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for.

    Attributes:
        about: an admission number or a certificate's number; empty where `candidate_id` says whom.
        name, id_number: of the person, where they are wrong.
        plan, level: of one registration, where they are wrong; a plan by its name.
        subject, status, score: of one registration; see `score_changes.request`.
        reason: why, for those who decide; numbers of persons in it are masked.
        letter: the formal letter, at most `sealed_files.LARGEST` bytes.
    """

    kind: CorrectionKind
    about: str = ""
    candidate_id: int | None = None
    name: str = ""
    id_number: str = ""
    plan: str = ""
    level: str = ""
    subject: str = ""
    status: str = ""
    score: str = ""
    reason: str
    letter: bytes


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whom a case is about."""

    candidate_id: int
    name: str
    id_number: str
    school_id: int | None
    place: Place | None
    certificate: Certificate | None  # the revoked one that was named
    is_erased: bool


async def request(s: Services, wish: Wish, *, actor: Actor) -> int:
    """Open a case; its number. Nothing changes until somebody else approves.

    Raises:
        Forbidden: role_not_allowed. NotFound: candidate_unknown.
        Invalid: /about, /name, /id_number, /plan, /level, /score, /reason, /file.
        Conflict: taken (of a number, a school hears it from who decides: it must not learn who else is registered), correction_open, candidate_erased, and what the guards of a score change say. OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.ASK_CORRECTION)
    reason = clean_reason(wish.reason)
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        sentence = f"请写明更正的缘由，{SHORTEST_REASON} 到 {LONGEST_REASON} 个字，例如函件的日期和文号。"
        raise Invalid(errors=[FieldError("/reason", "reason_length", sentence)])
    SHELF.kind_of(wish.letter)
    subject = await _subject(s, wish, actor)
    if subject.is_erased:
        raise candidates.erased()
    was, becomes = await _sides(s, wish, subject)
    asks_blindly = is_school(actor) and "id_number" in becomes
    if not asks_blindly and not await facts.is_free(
        s.keys, subject.candidate_id, _registration(wish, subject), becomes
    ):
        raise TAKEN.as_refusal()
    try:
        async with SHELF.kept(s, wish.letter, is_named=is_named) as letter:
            await s.faults.reach("corrections.request: the letter is kept")
            async with transaction(s.faults, "corrections.request"):
                return await _opened(s, wish, subject, (was, becomes), (reason, letter), actor)
    except IntegrityError as error:
        if not breaks(error, "correction_open"):
            raise
        sentence = "这位考生已有一件更正待批准，请先处理那一件。"
        raise Conflict("correction_open", sentence) from error


async def _opened(
    s: Services,
    wish: Wish,
    subject: _Subject,
    sides: tuple[Contents, Contents],
    papers: tuple[str, SealedFile],
    actor: Actor,
) -> int:
    (was, becomes), (reason, letter) = sides, papers
    await candidates.hold(subject.candidate_id)
    change = None
    if wish.kind is CorrectionKind.SCORE and subject.place is not None:
        mark = score_changes.mark_of(wish.status, wish.score)
        change = await score_changes.request_in_case(
            s.clock, subject.place.registration_id, wish.subject or None, mark, reason, actor=actor
        )
        before = say((change.was_status, change.was_score) if change.was_status else None)
        was = {"subject": change.subject, "score": before}
        becomes = {"subject": change.subject, "score": say(mark)}
    number = was.get("id_number")
    case = await Correction.create(
        kind=wish.kind.value,
        candidate_id=subject.candidate_id,
        registration_id=_registration(wish, subject),
        certificate_id=subject.certificate.id if subject.certificate is not None else None,
        school_id=subject.school_id,
        was_sealed=sealed(s.keys, "was", letter.key, was),
        becomes_sealed=sealed(s.keys, "becomes", letter.key, becomes),
        was_index=s.keys.blind(number, about=ABOUT_ID) if number else None,
        score_change_id=change.id if change is not None else None,
        reason=reason,
        letter_key=letter.key,
        letter_kind=letter.kind,
        letter_sha256=letter.sha256,
        requested_by=actor.id,
        requested_by_name=actor.name,
        requested_by_school=is_school(actor),
        requested_at=s.clock.now(),
    )
    became = {"kind": case.kind, "fields": sorted(becomes), "letter_sha256": letter.sha256.hex()}
    await audit_log.record(s.clock, actor, "correction.request", "correction", case.id, became=became)
    return int(case.id)


def _registration(wish: Wish, subject: _Subject) -> int | None:
    return subject.place.registration_id if wish.kind in _NAMED and subject.place is not None else None


async def _subject(s: Services, wish: Wish, actor: Actor) -> _Subject:
    """Raises Invalid: /about; NotFound: candidate_unknown, also for another school's."""
    number = tidy_number(wish.about)
    place = await queries.place_of(number=number) if number else None
    candidate_id = place.candidate_id if place is not None else None if number else wish.candidate_id
    if candidate_id is None and not number:
        raise _wrong("/about", "missing", "请填写考生的准考证号，或证书编号。")
    if wish.kind in _NAMED and candidate_id is not None and place is None:
        raise _wrong("/about", "missing", "请填写要更正的那一次考试的准考证号，或证书编号。")
    person = None
    if candidate_id is not None and await _may_name(candidate_id, place, actor):
        person = await queries.person(candidate_id, actor.school_id if is_school(actor) else None)
    if person is None:
        raise NotFound("candidate_unknown", "没有找到这位考生，请核对准考证号或证书编号。")
    revoked = Certificate.filter(number=number, state=CertificateState.REVOKED.value)
    return _Subject(
        person["id"],
        person["name"],
        s.keys.decrypt(bytes(person["id_sealed"]), about=ABOUT_ID),
        person["school_id"],
        place,
        await revoked.first() if number else None,
        person["erased_at"] is not None,
    )


async def _may_name(candidate_id: int, place: Place | None, actor: Actor) -> bool:
    """Whether this account may ask about them. A school that a person is registered at knows nothing of their others."""
    if place is not None and not may_see(actor, place.school_id):
        return False
    return await people_queries.is_seen(candidate_id, school_of(actor))


async def _sides(s: Services, wish: Wish, subject: _Subject) -> tuple[Contents, Contents]:
    """What was and what becomes of it: only what changes. Raises Invalid."""
    if wish.kind is CorrectionKind.PERSON:
        was = {"name": subject.name, "id_number": subject.id_number}
        wanted = _person(s, wish)
    elif wish.kind is CorrectionKind.PLACEMENT and subject.place is not None:
        was = {"plan": subject.place.plan, "level": subject.place.level}
        wanted = await _placement(s.clock, wish, subject.place)
    elif wish.kind is CorrectionKind.SCORE:
        score_changes.mark_of(wish.status, wish.score)
        return {}, {}  # its own life says what was and will be
    else:
        return await _reissue(subject)
    becomes = {name: value for name, value in wanted.items() if value and value != was[name]}
    if not becomes:
        pointer = "/name" if wish.kind is CorrectionKind.PERSON else "/level"
        raise _wrong(pointer, "nothing_changes", "填写的与现在的记录相同，没有要更正的内容，请核对。")
    return {name: was[name] for name in becomes}, becomes


def _person(s: Services, wish: Wish) -> dict[str, str]:
    wanted, wrong = {}, []
    try:
        wanted["name"] = clean_name(wish.name) if wish.name.strip() else ""
    except Refused as refused:
        wrong.append(FieldError("/name", refused.code, refused.message))
    try:
        today = beijing.day(s.clock.now())
        wanted["id_number"] = (
            IdentityNumber.parse(wish.id_number, today=today).text if wish.id_number.strip() else ""
        )
    except Refused as refused:
        wrong.append(FieldError("/id_number", refused.code, refused.message))
    if wrong:
        raise Invalid(errors=wrong)
    return wanted


async def _placement(clock: Clock, wish: Wish, place: Place) -> dict[str, str]:
    wanted = {"plan": clean_title(wish.plan), "level": wish.level}
    now = clock.now()
    if wish.level and wish.level not in {level.value for level in Level}:
        raise _wrong("/level", "level_unknown", "没有这个等级。")
    plan, level = wanted["plan"] or place.plan, wanted["level"] or place.level
    there = await queries.new_place(place.registration_id, plan, level)
    if there is None:
        sentence = "没有这个考试计划，或这所院校没有这个等级的考核站点；请先导入，再提出更正。"
        raise _wrong("/plan" if wanted["plan"] else "/level", "place_unknown", sentence)
    if there.release_at is None or there.release_at > now:
        sentence = "那个考试计划的成绩还没有公布，请等公布以后再提出。"
        raise _wrong("/plan", "plan_not_released", sentence)
    if not there.keeps_passed:
        sentence = "按那个考试计划、等级的科目，现有成绩不是“通过”；请先更正成绩，再更正考试计划或等级。"
        raise _wrong("/plan" if wanted["plan"] else "/level", "place_not_passed", sentence)
    return wanted


async def _reissue(subject: _Subject) -> tuple[Contents, Contents]:
    if subject.certificate is None:
        sentence = "重新发证只用于已撤销的证书，请填写那份证书的编号。"
        raise _wrong("/about", "not_revoked", sentence)
    living = Certificate.filter(registration_id=subject.certificate.registration_id, state__in=LIVING)
    if await living.exists():
        sentence = "这次考试已另有一份有效或正在办理的证书，不用重新发证。"
        raise _wrong("/about", "has_certificate", sentence)
    return {"certificate": subject.certificate.number}, {"certificate": "重新发证"}


def _wrong(pointer: str, code: str, sentence: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, code, sentence)])
