"""What an approved case changes: the record at once, and a batch of one for each certificate that has to follow."""

from __future__ import annotations

from tortoise.exceptions import IntegrityError

from server.domain import score_changes
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates import revocation
from server.domain.certificates.states import LIVING, CertificateState
from server.domain.certificates.supersession import is_revoked_since
from server.domain.corrections import facts, queries
from server.domain.corrections.contents import CorrectionKind, word
from server.domain.corrections.facts import OpenCase
from server.domain.corrections.states import TAKEN
from server.domain.exams.results import Result
from server.domain.issuance import replacement
from server.domain.issuance.states import BatchState
from server.domain.people import number_epoch
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services
from server.errors import Conflict
from server.models import Candidate, Certificate, CorrectionCertificate, Issuance
from server.models.database import breaks

LONGEST_WORD = 30  # as the columns have it


async def write_person(s: Services, case: OpenCase, *, actor: Actor) -> None:
    """The candidate's name and number; the number that certificates have on them stays with those.

    The person's WeChat bindings stand: it is the same person.
    """
    columns: dict[str, object] = {}
    if "name" in case.becomes:
        columns["name"] = case.becomes["name"]
    if number := case.becomes.get("id_number"):
        epoch = await number_epoch.hold(s.keys)
        if not await facts.is_free(s.keys, case.candidate.id, None, case.becomes):
            raise TAKEN.as_refusal()
        await queries.keep_printed(case.candidate.id, bytes(case.candidate.id_sealed))
        columns |= {
            "id_sealed": s.keys.encrypt(number, about=ABOUT_ID),
            "id_index": s.keys.blind(number, about=ABOUT_ID, epoch=epoch),
        }
    try:
        await Candidate.filter(id=case.candidate.id).update(**columns, updated_at=s.clock.now())
    except IntegrityError as error:  # somebody else was registered with it between the look and now
        if not breaks(error, "candidate_id_index"):
            raise
        raise TAKEN.as_refusal() from error
    became = {"correction": case.row.id, "fields": sorted(case.becomes)}
    await audit_log.record(s.clock, actor, "candidate.change", "candidate", case.candidate.id, became=became)


async def write_placement(s: Services, case: OpenCase, *, actor: Actor) -> None:
    """The registration at its right plan and level; its scores stay, its fees stay as they were raised."""
    place = await queries.place_of(registration_id=case.row.registration_id)
    assert place is not None  # the case names it, and registrations are never deleted
    plan, level = case.becomes.get("plan", place.plan), case.becomes.get("level", place.level)
    there = await queries.new_place(place.registration_id, plan, level)
    assert there is not None  # the guard has looked
    await queries.move(place.registration_id, there)
    await audit_log.record(
        s.clock,
        actor,
        "registration.move",
        "registration",
        place.registration_id,
        was={"plan_id": place.plan_id, "site_id": place.site_id},
        became={"plan_id": there.plan_id, "site_id": there.site_id, "correction": case.row.id},
    )


async def write_score(s: Services, case: OpenCase, *, actor: Actor) -> list[Certificate]:
    """The score by its own life; a certificate that it no longer bears is revoked.

    Returns: a revoked one that it bears again. A score that bore it before did not cost it its validity, and does not
    give it back: that is for a case of kind reissue.
    """
    row = case.row
    assert row.score_change_id is not None  # `correction_kinds`: a score's case has one
    was, outcome = await score_changes.approve_in_case(s, row.score_change_id, actor=actor)
    of = Certificate.filter(registration_id=row.registration_id).order_by("-id").select_for_update()
    held = await of
    living = [one for one in held if one.state in LIVING]
    if outcome is not Result.PASSED:
        reason = f"成绩更正后未达到合格标准（更正第 {row.id} 件）"
        for one in living:
            if one.state == CertificateState.VALID.value:
                await revocation.take_validity(s.clock, s.faults, one, reason, actor=actor)
        return []
    if living or was is Result.PASSED:
        return []
    return [one for one in held if one.state == CertificateState.REVOKED.value][:1]


async def write(s: Services, case: OpenCase, *, actor: Actor) -> list[Certificate]:
    """Change the record; the certificates in whose place new ones are to be made, locked.

    Raises:
        Conflict: taken, and what the guards of a score change say.
    """
    if case.kind is CorrectionKind.SCORE:
        return await write_score(s, case, actor=actor)
    if case.kind is CorrectionKind.PERSON:
        await write_person(s, case, actor=actor)
    elif case.kind is CorrectionKind.PLACEMENT:
        await write_placement(s, case, actor=actor)
    row = case.row
    query = Certificate.filter(candidate_id=row.candidate_id, state=CertificateState.VALID.value)
    if row.registration_id is not None:
        query = query.filter(registration_id=row.registration_id)
    olds = await query.order_by("id").select_for_update()
    have = {one.registration_id for one in olds}
    revoked = Certificate.filter(id=row.certificate_id, state=CertificateState.REVOKED.value)
    return olds + [one for one in await revoked.select_for_update() if one.registration_id not in have]


async def certificates_follow(s: Services, case: OpenCase, olds: list[Certificate], *, actor: Actor) -> None:
    """Prepare a new certificate in the place of each of these.

    Raises:
        Conflict: batch_stranded. Refused: not_certifiable, the sentence says why.
    """
    for old in olds:
        why = word(case.kind, case.becomes)
        issuance = await _joined(s, old, why) or await replacement.begin(s, old, why, actor=actor)
        await s.faults.reach("effects.certificates_follow: a batch is prepared")
        await CorrectionCertificate.create(
            correction_id=case.row.id, certificate_id=old.id, issuance_id=issuance.id
        )


async def _joined(s: Services, old: Certificate, why: str) -> Issuance | None:
    """A batch of an earlier case that the organisation still has; it says why of this case as well.

    Its list follows today's data by itself. One that lists nobody any more, as its old certificate was revoked
    meanwhile, is not joined: it ends here, before the sweep comes by, and makes room for a batch of this case.
    """
    ended = [BatchState.ISSUED.value, BatchState.VOID.value]
    there = await Issuance.filter(corrects_id=old.id).exclude(state__in=ended).first()
    if there is not None and is_revoked_since(old, there):
        if BatchState(there.state) is not BatchState.PREPARED:
            sentence = f"撤销以前开始换发的第 {there.id} 批被院校退回，还没有了结。请先在“签发批次”里重新准备那一批，再批准。"
            raise Conflict("batch_stranded", sentence)
        await replacement.end(s, there)
        return None
    if there is not None and why not in there.correction_word:
        there.correction_word = f"{there.correction_word}，{why}"[:LONGEST_WORD]
        await there.save(update_fields=["correction_word"])
    return there
