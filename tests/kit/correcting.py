"""What the tests of corrections share: issued certificates, a letter, cases in any state, and the way to the end."""

from __future__ import annotations

from typing import Any

from server.domain.actor import Actor
from server.domain.corrections import deciding, requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.issuance import organisation, scan_tickets
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services
from server.models import Binding, Candidate, Certificate, Correction, Issuance
from tests.kit import issuing, make
from tests.kit.issuing import PIN, Cohort
from tests.kit.jobs import drained

LETTER = b"%PDF-1.7 formal letter with a seal"
REASON = "院校函〔2026〕第 12 号"
ASKER, APPROVER = make.OPERATOR, make.ADMIN
HOLDER = "oHolderOfCertificate0000001"
# The fault points of approving a case, and of issuing what it makes anew, in their order.
APPROVING = (
    "corrections.approve: the case is approved",
    "corrections.approve: the record is corrected",
    "replacement.begin: the batch is begun",
    "numbering.refresh: the old lines are void",
    "numbering.refresh: the numbers are taken",
    "numbering.refresh: the new lines are reserved",
    "numbering.refresh: the digest is stored",
    "effects.certificates_follow: a batch is prepared",
    "corrections.approve: before the commit",
    "corrections.approve: after the commit",
)
ISSUING = (
    "generation.draw: the claims are stored",
    "generation.draw: before the commit",
    "generation.draw: after the commit",
    "generation.seal: drawn and sealed",
    "generation.seal: the file is kept",
    "generation.seal: its digest is stored",
    "generation.seal: before the commit",
    "generation.seal: after the commit",
    "generation.generate: the slice is made",
    "generation.generate: the end is put",
    "life.complete: the state is written",
    "generation.finish: before the jobs",
    "supersession.supersede: the old one is superseded",
    "generation.finish: the announcement is put",
    "generation.finish: before the commit",
    "generation.finish: after the commit",
    "corrections.complete: the case is done",
    "corrections.complete: before the commit",
    "corrections.complete: after the commit",
)


async def issued(s: Services, *, names: tuple[str, ...] = ("龙雯", "崔子涵")) -> Cohort:
    """A batch whose certificates are issued; the first holder is bound in the official account."""
    of = await issuing.cohort(s, names=names)
    await issuing.generating(s, of)
    await drained(s)
    await bound(s, of.registrations[0].candidate_id)
    return of


async def bound(s: Services, candidate_id: int, openid: str = HOLDER) -> None:
    await Binding.create(account="oa", openid=openid, candidate_id=candidate_id, bound_at=s.clock.now())


async def certificate(of: Cohort, at: int = 0, **more: Any) -> Certificate:
    return await Certificate.get(registration_id=of.registrations[at].id, **more)


async def asked(s: Services, of: Cohort, *, at: int = 0, actor: Actor = ASKER, **wish: Any) -> Correction:
    """A case about one of the cohort; without a wish the name is wrong."""
    about = of.registrations[at].admission_number
    defaults: dict[str, Any] = {
        "kind": CorrectionKind.PERSON,
        "about": about,
        "reason": REASON,
        "letter": LETTER,
    }
    if not wish:
        wish = {"name": "龙文"}
    case_id = await requesting.request(s, Wish(**defaults | wish), actor=actor)
    return await Correction.get(id=case_id)


async def approved(s: Services, of: Cohort, **wish: Any) -> Correction:
    case = await asked(s, of, **wish)
    await deciding.approve(s, case.id, id_number=wish.get("id_number", ""), actor=APPROVER)
    return await Correction.get(id=case.id)


async def reissued(s: Services, of: Cohort, case: Correction) -> None:
    """The batches of a case go the whole way: signed by both, handed over, made, and the case ended."""
    batches = Issuance.filter(correction_certificates__correction_id=case.id).order_by("id")
    for batch in await batches:
        await signed(s, of, batch)
    await drained(s)


async def signed(s: Services, of: Cohort, batch: Issuance, *, hand_over: bool = True) -> None:
    """Both sign a batch and, if so wished, it is handed over."""
    await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    ticket = await scan_tickets.show(s, batch.id, actor=make.ISSUER_STAFF)
    await scan_tickets.confirm(s, ticket.token, PIN, identity=of.identity)
    if hand_over:
        await organisation.hand_over(s, batch.id, actor=make.ISSUER_STAFF)


async def number_of(s: Services, of: Cohort, at: int = 0) -> str:
    """The identity number on record."""
    candidate = await Candidate.get(id=of.registrations[at].candidate_id)
    return s.keys.decrypt(bytes(candidate.id_sealed), about=ABOUT_ID)
