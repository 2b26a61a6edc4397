"""What an approved case changes: the record at once, and a batch of one for each certificate that has to follow."""

from __future__ import annotations

from tortoise.exceptions import IntegrityError

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.states import CertificateState
from server.domain.corrections import queries
from server.domain.corrections.contents import CorrectionKind, word
from server.domain.corrections.facts import OpenCase
from server.domain.corrections.states import Standing, the_new_one_is_free
from server.domain.issuance import replacement
from server.domain.issuance.states import BatchState
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services
from server.models import Candidate, Certificate, CorrectionCertificate, Issuance
from server.models.database import breaks


async def write_person(s: Services, case: OpenCase, *, actor: Actor) -> None:
    """The candidate's name and number; the number that certificates have on them stays with those.

    The person's WeChat bindings stand: it is the same person.
    """
    columns: dict[str, object] = {}
    if "name" in case.becomes:
        columns["name"] = case.becomes["name"]
    if number := case.becomes.get("id_number"):
        await queries.keep_printed(case.candidate.id, bytes(case.candidate.id_sealed))
        columns |= {
            "id_sealed": s.keys.encrypt(number, about=ABOUT_ID),
            "id_index": s.keys.blind(number, about=ABOUT_ID),
        }
    try:
        await Candidate.filter(id=case.candidate.id).update(**columns, updated_at=s.clock.now())
    except IntegrityError as error:  # somebody else was registered with it between the look and now
        if not breaks(error, "candidate_id_index"):
            raise
        reason = the_new_one_is_free(Standing())
        assert reason is not None
        raise reason.as_refusal() from error
    became = {"correction": case.row.id, "fields": sorted(case.becomes)}
    await audit_log.record(
        s.clock, actor, "candidate.change", "candidate", case.candidate.id, became=became
    )


async def certificates_follow(s: Services, case: OpenCase, *, actor: Actor) -> int:
    """Prepare a new certificate in the place of each valid one; how many that are.

    Args:
        case: its record is changed already.

    Raises:
        Refused: not_certifiable, the sentence says why.
    """
    row = case.row
    query = Certificate.filter(candidate_id=row.candidate_id, state=CertificateState.VALID.value)
    if row.registration_id is not None:
        query = query.filter(registration_id=row.registration_id)
    olds = await query.order_by("id").select_for_update()
    if row.certificate_id is not None:
        olds += await Certificate.filter(id=row.certificate_id).select_for_update()
    for old in {one.id: one for one in olds}.values():
        issuance = await _under_way(old) or await replacement.begin(
            s, old, word(case.kind, case.becomes), actor=actor
        )
        await s.faults.reach("effects.certificates_follow: a batch is prepared")
        await CorrectionCertificate.create(
            correction_id=row.id, certificate_id=old.id, issuance_id=issuance.id
        )
    return len(olds)


async def _under_way(old: Certificate) -> Issuance | None:
    """A batch of an earlier case that the organisation still has: its list follows today's data by itself."""
    return await Issuance.filter(corrects_id=old.id).exclude(state=BatchState.ISSUED.value).first()


async def write(s: Services, case: OpenCase, *, actor: Actor) -> None:
    """What the case changes on record."""
    if case.kind is CorrectionKind.PERSON:
        await write_person(s, case, actor=actor)
