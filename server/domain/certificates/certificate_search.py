"""Certificates as they are looked for: the one with a number, or a page of those that staff may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.certificates.claims import Line, is_number, tidy_number
from server.domain.certificates.states import CertificateState
from server.domain.certificates.visibility import own
from server.domain.levels import Level
from server.domain.paging import Page, Turn
from server.domain.people import queries
from server.domain.people.names import mask_name, tidy
from server.domain.people.school_scope import school_of
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
        name: a part of a name. school: a part of a school's name.
        issued_from, issued_to: days of issue, both included.
    """

    number: str | None = None
    name: str | None = None
    state: str | None = None
    issuance_id: int | None = None
    plan_id: int | None = None
    level: str | None = None
    school: str | None = None
    issued_from: date | None = None
    issued_to: date | None = None


EVERYTHING = Wanted()
COUNTED = 10_000  # a total beyond is said as more than this
NAMED = 500
SORTS = {"-id": "新的在前", "id": "旧的在前", "number": "按证书编号"}


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
    before: str | None = None,
    limit: int | None = None,
    sort: str = "-id",
    actor: Actor,
) -> Page[CertificateView]:
    """Certificates, newest first unless sorted otherwise; a school account has its own school's. Names are masked.

    Raises:
        Forbidden("role_not_allowed") · Invalid: unknown state or cursor; /name name_common.
    """
    roles.require(actor, Verb.SEE_CERTIFICATES)
    query = (await _query(clock, wanted, actor)).prefetch_related("issuance", "superseded_by", "corrects")
    page = await paging.turn(query, Turn(sort, cursor, before, limit))
    return Page([view_of(one) for one in page.items], page.next_cursor, page.before)


async def seen(clock: Clock, number: str, *, actor: Actor) -> Certificate:
    """The certificate with this number, if this member of staff may see it; its batch and those around it fetched.

    Raises:
        Forbidden("role_not_allowed") · NotFound("certificate_not_found").
    """
    roles.require(actor, Verb.SEE_CERTIFICATES)
    number = tidy_number(number)
    if not is_number(number):
        raise not_found()
    query = own(clock, Certificate.filter(number=number), actor, through="issuance__")
    found = await query.prefetch_related("issuance", "superseded_by", "corrects").first()
    if found is None:
        raise not_found()
    return found


async def total(clock: Clock, wanted: Wanted, *, actor: Actor) -> int:
    """How many there are, no further counted than `COUNTED` + 1. Raises as `listing`."""
    roles.require(actor, Verb.SEE_CERTIFICATES)
    return await paging.counted(await _query(clock, wanted, actor), COUNTED)


async def _query(clock: Clock, wanted: Wanted, actor: Actor) -> QuerySet[Certificate]:
    if "\0" in (wanted.number or "") + (wanted.name or "") + (wanted.school or ""):
        return Certificate.filter(id=0)
    exact: dict[str, object] = {
        "number__startswith": tidy_number(wanted.number) if wanted.number else None,
        "state": _state_of(wanted.state) if wanted.state else None,
        "issuance_id": wanted.issuance_id,
        "issuance__plan_id": wanted.plan_id,
        "issuance__site__level": wanted.level,
        "issuance__site__school__name__contains": (wanted.school or "").strip() or None,
        "issuance__issued_on__gte": wanted.issued_from,
        "issuance__issued_on__lte": wanted.issued_to,
    }
    if wanted.name and (part := "".join(tidy(wanted.name).split())):
        exact["candidate_id__in"] = await _named(part, school_of(actor))
    query = Certificate.filter(**{name: value for name, value in exact.items() if value is not None})
    return own(clock, query, actor, through="issuance__")


async def _named(part: str, school_id: int | None) -> list[int]:
    """The people with this in their name, a school's own alone, if they are not too many to be looked through."""
    found = await queries.named(part, school_id, NAMED + 1)
    if len(found) > NAMED:
        detail = f"姓名里有“{part}”的超过 {NAMED} 人，请多写几个字。"
        raise Invalid(errors=[FieldError("/name", "name_common", detail)])
    return found


def view_of(certificate: Certificate) -> CertificateView:
    """The certificate as staff see it; its batch and those before and after it are fetched."""
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
