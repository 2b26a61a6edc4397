"""A certificate's PDF and pictures of its page, for whoever may fetch them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates import files, wallet_credentials
from server.domain.certificates.certificate_search import by_number, not_found
from server.domain.certificates.files import sealed_file
from server.domain.certificates.states import EVER_VALID, CertificateState
from server.domain.exams.results import is_released
from server.domain.people.school_scope import is_school, may_see
from server.domain.ports import CertificatePage, Clock, FileStore, Services
from server.domain.roles import Verb
from server.errors import Gone
from server.models import Certificate


async def _allowed(
    clock: Clock, number: str, *, candidate_id: int | None, actor: Actor | None, verb: Verb
) -> Certificate:
    """The certificate, if this holder or this member of staff may fetch it now."""
    if actor is not None:
        roles.require(actor, verb)
    certificate = await by_number(number)
    if actor is not None:
        site = certificate.issuance.site
        is_theirs = may_see(actor, site.school_id) and (
            not is_school(actor) or is_released(certificate.issuance.plan, clock.now())
        )
    else:
        is_theirs = (
            candidate_id is not None
            and certificate.candidate_id == candidate_id
            and certificate.issuance.issued_at is not None
            and is_released(certificate.issuance.plan, clock.now())
        )
    if not is_theirs or certificate.state not in EVER_VALID:
        raise not_found()
    if not certificate.pdf_key:  # erased: domain.privacy
        raise _erased()
    if actor is None and CertificateState(certificate.state) is not CertificateState.VALID:
        new = certificate.superseded_by.number if certificate.superseded_by else ""
        instead = f"；请下载新证书 {new}" if new else ""
        raise Gone(
            "certificate_not_valid",
            f"这份证书{CertificateState(certificate.state).label}，不能再下载{instead}。",
        )
    return certificate


def _erased() -> Gone:
    return Gone(
        "certificate_erased",
        "持证人已要求删除个人信息，电子证书的文件不再保存；证书本身仍可在核验页核验。",
    )


async def pdf(
    clock: Clock,
    file_store: FileStore,
    number: str,
    *,
    candidate_id: int | None = None,
    actor: Actor | None = None,
) -> bytes:
    """The sealed PDF, for its holder (once issued and released), its school or the organisation.

    Raises:
        NotFound("certificate_not_found"), also when it is not theirs · Gone("certificate_not_valid"): the holder's,
        revoked or superseded · Forbidden("role_not_allowed") · OutsideFailure.
    """
    certificate = await _allowed(clock, number, candidate_id=candidate_id, actor=actor, verb=Verb.DOWNLOAD)
    return await sealed_file(file_store, certificate)


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


async def wallet_credential(s: Services, number: str, *, candidate_id: int) -> bytes:
    """The certificate as a verifiable credential, for its holder alone. Raises as `pdf`."""
    certificate = await _allowed(s.clock, number, candidate_id=candidate_id, actor=None, verb=Verb.DOWNLOAD)
    return await wallet_credentials.of_holder(s, certificate)


async def _picture(
    s: Services, certificate: Certificate, ending: str, draw: Callable[[CertificatePage], bytes]
) -> bytes:
    key = certificate.pdf_key.removesuffix(".pdf") + ending
    if await s.file_store.exists(key):
        return await s.file_store.get(key)
    image = await asyncio.to_thread(draw, await files.page(s, certificate))
    await s.file_store.put(key, image)
    await s.faults.reach("downloads.picture: it is kept")
    if not await Certificate.filter(id=certificate.id, pdf_key=certificate.pdf_key).exists():
        await s.file_store.delete(
            key
        )  # erased meanwhile, and its files were deleted before this one was there
        raise _erased()
    return image
