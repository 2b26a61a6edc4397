"""Certificates as they are looked for: the one with a number, or a page of those that staff may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.claims import Line, is_number, tidy_number
from server.domain.certificates.states import CertificateState
from server.domain.certificates.visibility import own
from server.domain.levels import Level
from server.domain.paging import Page, cursor_id, limited
from server.domain.people.names import mask_name
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound
from server.models import Certificate


def not_found() -> NotFound:
    """One refusal for "there is none" and "not yours": nobody can tell which."""
    return NotFound("certificate_not_found", "没有找到这份证书，请核对证书编号。")


async def by_number(number: str) -> Certificate:
    """The certificate with this number as a person types it, its batch fetched. Raises as `not_found`."""
    number = tidy_number(number)
    if not is_number(number):
        raise not_found()
    certificate = await Certificate.get_or_none(number=number).prefetch_related(
        "issuance__plan", "issuance__site", "superseded_by"
    )
    if certificate is None:
        raise not_found()
    return certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which certificates; None leaves a thing open.

    Args:
        number: the beginning of a number, or a whole one.
        name: a whole name.
    """

    number: str | None = None
    name: str | None = None
    state: str | None = None
    issuance_id: int | None = None


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """A certificate as staff see it, its holder masked. `pdf_sha256` is hexadecimal, empty before it is sealed."""

    number: str
    state: CertificateState
    name_masked: str
    level: Level
    plan: str
    school: str
    issuance_id: int
    issued_on: date | None
    sealed_at: datetime | None
    pdf_sha256: str
    portal_number: str
    revoked_at: datetime | None
    revoke_reason: str
    superseded_by: str | None
    superseded_at: datetime | None
    superseded_word: str
    corrects: str | None  # the certificate in whose place it stands
    attempts: int
    last_error: str


async def listing(
    clock: Clock,
    wanted: Wanted = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[CertificateView]:
    """Certificates, newest first; a school account has its own school's. Names are masked.

    Raises:
        Forbidden("role_not_allowed") · Invalid: unknown state or cursor.
    """
    roles.require(actor, Verb.SEE_CERTIFICATES)
    query = Certificate.all()
    if "\0" in (wanted.number or "") + (wanted.name or ""):
        return Page()
    if wanted.number:
        query = query.filter(number__startswith=tidy_number(wanted.number))
    if wanted.name:
        query = query.filter(candidate__name=wanted.name.strip())
    if wanted.state:
        query = query.filter(state=_state_of(wanted.state))
    if wanted.issuance_id is not None:
        query = query.filter(issuance_id=wanted.issuance_id)
    query = own(clock, query, actor, through="issuance__")
    if (after := cursor_id(cursor)) is not None:
        query = query.filter(id__lt=after)
    size = limited(limit)
    certificates = (
        await query.order_by("-id").limit(size + 1).prefetch_related("issuance", "superseded_by", "corrects")
    )
    more = len(certificates) > size
    return Page([_view(one) for one in certificates[:size]], str(certificates[size - 1].id) if more else None)


def _view(certificate: Certificate) -> CertificateView:
    line = Line.from_bytes(bytes(certificate.line))
    return CertificateView(
        number=certificate.number,
        state=CertificateState(certificate.state),
        name_masked=mask_name(line.name),
        level=Level(line.level),
        plan=line.plan,
        school=line.school,
        issuance_id=certificate.issuance_id,
        issued_on=certificate.issuance.issued_on,
        sealed_at=certificate.sealed_at,
        pdf_sha256=bytes(certificate.pdf_sha256 or b"").hex(),
        portal_number=certificate.portal_number,
        revoked_at=certificate.revoked_at,
        revoke_reason=certificate.revoke_reason,
        superseded_by=certificate.superseded_by.number if certificate.superseded_by else None,
        superseded_at=certificate.superseded_at,
        superseded_word=certificate.superseded_word,
        corrects=certificate.corrects.number if certificate.corrects else None,
        attempts=certificate.attempts,
        last_error=certificate.last_error,
    )


def _state_of(text: str) -> str:
    try:
        return CertificateState(text).value
    except ValueError:
        choices = "、".join(f"{state.value}（{state.label}）" for state in CertificateState)
        raise Invalid(
            errors=[FieldError("/state", "state_unknown", f"没有这个状态，请从这些里选：{choices}。")]
        ) from None
