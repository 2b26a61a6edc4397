"""One certificate on one page: how it stands, what happened to it, where the public log says so, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tortoise.expressions import Q

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.certificates import certificate_search, downloads
from server.domain.certificates.certificate_search import CertificateView
from server.domain.certificates.claims import Line, code_url
from server.domain.certificates.states import EVER_VALID
from server.domain.issuance import history
from server.domain.ports import Services
from server.domain.public_log import log_entry
from server.domain.public_log import queries as log_queries
from server.domain.roles import Verb
from server.models import AuditEntry, Certificate

DOWNLOAD = "certificate.download"
MOST = 200


@dataclass(frozen=True, slots=True)
class Happening:
    """One step of the certificate's life, or of its batch's. `action` as in the trail, such as `certificate.revoke`."""

    at: datetime
    who: str
    action: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class LogPlace:
    """An event of the certificate in the public log: which line, counted from 0, and what it says."""

    index: int
    event: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDossier:
    """A certificate with its life, its holder masked.

    Attributes:
        candidate_id: None for who may not see people. has_file: whether there is one that this actor may fetch.
        is_erased: its holder asked for that; the certificate is still verified. verify_url: with the code of its QR,
            for who may fetch the file, since it shows what the file shows.
    """

    it: CertificateView
    certificate: str
    exam_date: date
    standard: str
    plan_id: int
    candidate_id: int | None
    has_file: bool
    is_erased: bool
    verify_url: str | None
    happenings: tuple[Happening, ...]
    log: tuple[LogPlace, ...]


async def view(s: Services, number: str, *, actor: Actor) -> CertificateDossier:
    """Raises Forbidden("role_not_allowed") · NotFound("certificate_not_found"), also when it is another school's."""
    found = await certificate_search.seen(s.clock, number, actor=actor)
    line = Line.from_bytes(bytes(found.line))
    was_made = found.state in EVER_VALID
    has_file = was_made and bool(found.pdf_key) and roles.may(actor, Verb.DOWNLOAD)
    return CertificateDossier(
        it=certificate_search.view_of(found),
        certificate=line.certificate,
        exam_date=date.fromisoformat(line.exam_date),
        standard=line.standard,
        plan_id=found.issuance.plan_id,
        candidate_id=found.candidate_id if roles.may(actor, Verb.SEE_PEOPLE) else None,
        has_file=has_file,
        is_erased=was_made and not found.pdf_key,
        verify_url=code_url(s.settings.public_url, found.code) if has_file and found.code else None,
        happenings=await _happenings(found),
        log=await _places(found.code) if found.code else (),
    )


async def _happenings(of: Certificate) -> tuple[Happening, ...]:
    """Of the certificate and of its batch, the oldest first."""
    batch = Q(subject_kind="issuance", subject_id=str(of.issuance_id), action__in=history.ACTIONS)
    own = Q(subject_kind="certificate", subject_id=of.number, action__startswith="certificate.")
    entries = AuditEntry.filter(batch | own).exclude(action=DOWNLOAD).order_by("id").limit(MOST)
    return tuple([_happening(one) for one in await entries])


def _happening(entry: AuditEntry) -> Happening:
    became: dict[str, Any] = entry.became or {}
    return Happening(entry.at, entry.actor_name, entry.action, became.get("reason"))


async def _places(code: str) -> tuple[LogPlace, ...]:
    found = [
        (one.index, log_entry.read_entry(one.entry))
        for one in await log_queries.places(log_entry.certificate_hash(code))
    ]
    return tuple(LogPlace(index, entry.event, entry.at) for index, entry in found)


async def file(s: Services, number: str, *, actor: Actor) -> bytes:
    """The sealed PDF for a member of staff; each time on record. Raises as `downloads.pdf`."""
    roles.require(actor, Verb.DOWNLOAD)
    data = await downloads.pdf(s.clock, s.file_store, number, actor=actor)
    subject = (await certificate_search.by_number(number)).number
    await audit_log.record(s.clock, actor, DOWNLOAD, "certificate", subject)
    return data


async def picture(s: Services, number: str, *, actor: Actor) -> bytes:
    """Its page as a small JPEG for a member of staff; on record once an hour. Raises as `downloads.pdf`."""
    roles.require(actor, Verb.DOWNLOAD)
    image = await downloads.page_preview(s, number, actor=actor)
    subject = (await certificate_search.by_number(number)).number
    await incidents.viewed(s, actor, "certificate_picture", "certificate", subject)
    return image
