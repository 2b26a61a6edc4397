"""证书 after they are made: who may fetch one, what the public is told and revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import freshness, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.beijing import rfc3339
from server.domain.certificates import files
from server.domain.certificates.claims import Line, is_number, tidy_number
from server.domain.certificates.files import sealed_file
from server.domain.certificates.states import EVER_VALID, STEPS, CertificateState, moved_on
from server.domain.certificates.transitions import advance
from server.domain.certificates.visibility import own
from server.domain.exams import plans
from server.domain.fault_points import transaction
from server.domain.levels import Level
from server.domain.paging import Page, cursor_id, limited
from server.domain.people.free_text import clean_reason
from server.domain.people.names import mask_name
from server.domain.people.school_scope import is_school, may_see
from server.domain.ports import CertificatePage, Clock, Services
from server.domain.roles import Verb
from server.errors import FieldError, Gone, Invalid, NotFound
from server.models import Certificate, Issuance

__all__ = [
    "PublicStatus",
    "listing",
    "page_png",
    "page_preview",
    "pdf",
    "public_status",
    "revoke",
]

REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """What anybody may learn of a number. The reason of a revocation is for the holder; the public learns since when."""

    number: str
    state: str  # valid | revoked | superseded
    revoked_at: datetime | None
    revoke_reason_public: str
    superseded_by: str | None
    portal_number: str
    pdf_sha256: str


def not_found() -> NotFound:
    """One refusal for "there is none" and "not yours": nobody can tell which."""
    return NotFound("certificate_not_found", "没有找到这份证书，请核对证书编号。")


async def _find(number: str) -> Certificate:
    number = tidy_number(number)
    if not is_number(number):
        raise not_found()
    found = await Certificate.get_or_none(number=number).prefetch_related("issuance__plan", "issuance__site")
    if found is None:
        raise not_found()
    return found


async def _allowed(
    clock: Clock, number: str, *, candidate_id: int | None, actor: Actor | None, verb: Verb
) -> Certificate:
    """The certificate, if this holder or this member of staff may fetch it now."""
    if actor is not None:
        roles.require(actor, verb)
    certificate = await _find(number)
    if actor is not None:
        site = certificate.issuance.site
        is_theirs = may_see(actor, site.school_id) and (
            not is_school(actor) or plans.is_released(certificate.issuance.plan, clock.now())
        )
    else:
        is_theirs = (
            candidate_id is not None
            and certificate.candidate_id == candidate_id
            and certificate.issuance.issued_at is not None
            and plans.is_released(certificate.issuance.plan, clock.now())
        )
    if not is_theirs or certificate.state not in EVER_VALID:
        raise not_found()
    if actor is None and CertificateState(certificate.state) is not CertificateState.VALID:
        raise Gone(
            "certificate_not_valid", f"这份证书{CertificateState(certificate.state).label}，不能再下载。"
        )
    return certificate


async def pdf(
    s: Services, number: str, *, candidate_id: int | None = None, actor: Actor | None = None
) -> bytes:
    """The sealed PDF, for its holder (once issued and released), its school or the organisation.

    Raises:
        NotFound("certificate_not_found"), also when it is not theirs · Gone("certificate_not_valid"): the holder's,
        revoked or superseded · Forbidden("role_not_allowed") · OutsideFailure.
    """
    certificate = await _allowed(s.clock, number, candidate_id=candidate_id, actor=actor, verb=Verb.DOWNLOAD)
    return await sealed_file(s.file_store, certificate)


async def page_png(
    s: Services, number: str, *, candidate_id: int | None = None, actor: Actor | None = None
) -> bytes:
    """The page as a PNG, as sharp as paper needs; drawn once and kept. Raises as `pdf`."""
    certificate = await _allowed(s.clock, number, candidate_id=candidate_id, actor=actor, verb=Verb.DOWNLOAD)
    return await _picture(s, certificate, ".png", s.pdf_renderer.page_image)


async def page_preview(
    s: Services, number: str, *, candidate_id: int | None = None, actor: Actor | None = None
) -> bytes:
    """The page as a small JPEG for a phone's screen; drawn once and kept. Raises as `pdf`."""
    certificate = await _allowed(s.clock, number, candidate_id=candidate_id, actor=actor, verb=Verb.DOWNLOAD)
    return await _picture(s, certificate, ".jpg", s.pdf_renderer.page_preview)


async def _picture(
    s: Services, certificate: Certificate, ending: str, draw: Callable[[CertificatePage], bytes]
) -> bytes:
    key = certificate.pdf_key.removesuffix(".pdf") + ending
    if await s.file_store.exists(key):
        return await s.file_store.get(key)
    image = await asyncio.to_thread(draw, await files.page(s, certificate))
    await s.file_store.put(key, image)
    return image


async def public_status(clock: Clock, number: str) -> PublicStatus | None:
    """What the public is told of a number; None unless it was issued and
    its plan's results are released. Only whoever has the number can ask."""
    # One statement, whether there is such a number or not: the time it takes must not tell.
    found = await Certificate.get_or_none(number=number).select_related("issuance__plan", "superseded_by")
    if found is None or found.state not in EVER_VALID:
        return None
    if CertificateState(found.state) is CertificateState.VALID and found.issuance.issued_at is None:
        return None
    if not plans.is_released(found.issuance.plan, clock.now()):
        return None
    successor = found.superseded_by
    return PublicStatus(
        number=found.number,
        state=found.state,
        revoked_at=found.revoked_at,
        revoke_reason_public="",
        superseded_by=successor.number if successor is not None else None,
        portal_number=found.portal_number,
        pdf_sha256=bytes(found.pdf_sha256 or b"").hex(),
    )


async def revoke(s: Services, number: str, reason: str, *, actor: Actor) -> None:
    """Take a certificate's validity away, with a reason that its holder sees (1–300 characters).

    Raises:
        Forbidden("role_not_allowed") · NotFound("certificate_not_found") · Invalid: reason_missing, reason_too_long ·
        Conflict("already_revoked" or "certificate_moved").
    """
    roles.require(actor, Verb.REVOKE)
    reason = clean_reason(reason)
    if not 0 < len(reason) <= REASON_LENGTH:
        code = "reason_too_long" if reason else "reason_missing"
        raise Invalid(
            errors=[FieldError("/reason", code, f"请写明撤销原因，1至{REASON_LENGTH}字；持证人会看到。")]
        )
    step = STEPS["revoke"]
    async with transaction(s.faults, "certificates.revoke"):
        certificate = await _find(number)
        changes: dict[str, list[Any]] = {"revoked_at": [s.clock.now()], "revoke_reason": [reason]}
        if not await advance("revoke", [certificate.id], changes=changes):
            current = await Certificate.get(id=certificate.id)
            raise moved_on(step, CertificateState(current.state))
        await s.faults.reach("certificates.revoke: the state is written")
        was, became = {"state": step.source.value}, {"state": step.target.value, "reason": reason}
        await audit_log.record(
            s.clock, actor, "certificate.revoke", "certificate", certificate.number, was=was, became=became
        )
        await freshness.changed(s)


def _row(certificate: Certificate) -> dict[str, Any]:
    line, state = Line.from_bytes(bytes(certificate.line)), CertificateState(certificate.state)
    issuance: Issuance = certificate.issuance
    return {
        "number": certificate.number,
        "state": state.value,
        "state_label": state.label,
        "name_masked": mask_name(line.name),
        "level": line.level,
        "level_label": Level(line.level).label,
        "plan": line.plan,
        "school": line.school,
        "issuance_id": certificate.issuance_id,
        "issued_on": issuance.issued_on.isoformat() if issuance.issued_on else None,
        "sealed_at": rfc3339(certificate.sealed_at),
        "pdf_sha256": bytes(certificate.pdf_sha256 or b"").hex(),
        "portal_number": certificate.portal_number,
        "revoked_at": rfc3339(certificate.revoked_at),
        "revoke_reason": certificate.revoke_reason,
        "attempts": certificate.attempts,
        "last_error": certificate.last_error,
    }


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


async def listing(
    clock: Clock,
    wanted: Wanted = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[dict[str, Any]]:
    """Certificates, newest first; a school account has its own school's. Names are masked.

    Raises:
        Forbidden("role_not_allowed") · Invalid: unknown state or cursor.
    """
    roles.require(actor, Verb.SEE_CERTIFICATES)
    found = Certificate.all()
    if "\0" in (wanted.number or "") + (wanted.name or ""):
        return Page()
    if wanted.number:
        found = found.filter(number__startswith=tidy_number(wanted.number))
    if wanted.name:
        found = found.filter(candidate__name=wanted.name.strip())
    if wanted.state:
        found = found.filter(state=_state_of(wanted.state))
    if wanted.issuance_id is not None:
        found = found.filter(issuance_id=wanted.issuance_id)
    found = own(clock, found, actor, through="issuance__")
    if (after := cursor_id(cursor)) is not None:
        found = found.filter(id__lt=after)
    size = limited(limit)
    listed = await found.order_by("-id").limit(size + 1).prefetch_related("issuance")
    more = len(listed) > size
    return Page([_row(one) for one in listed[:size]], str(listed[size - 1].id) if more else None)


def _state_of(text: str) -> str:
    try:
        return CertificateState(text).value
    except ValueError:
        known = "、".join(f"{state.value}（{state.label}）" for state in CertificateState)
        raise Invalid(
            errors=[FieldError("/state", "state_unknown", f"没有这个状态，请从这些里选：{known}。")]
        ) from None
