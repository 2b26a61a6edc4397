"""The files of a certificate: where the sealed PDF is kept, whether it is still the one that was sealed, what its page says."""

from __future__ import annotations

import hashlib

from server.domain.certificates.claims import Claims, code_url, page_of
from server.domain.people import candidates
from server.domain.ports import CertificatePage, FileStore, Services
from server.errors import Damaged, NotFound
from server.models import Candidate, Certificate


def file_key(number: str, claims_sha256: bytes) -> str:
    """Where the sealed file stands: the same for the same number and claims, however often it is tried."""
    return f"certificates/{number[-4:-1]}/{number}-{claims_sha256.hex()[:16]}.pdf"


async def page(s: Services, certificate: Certificate) -> CertificatePage:
    """The page as its stored claims have it."""
    holder = await Candidate.get(id=certificate.candidate_id)
    printed = certificate.printed_id_sealed or holder.id_sealed  # the paper keeps the number that is on it
    return await drawn_up(
        s,
        claims=bytes(certificate.claims or b""),
        code=certificate.code,
        id_sealed=printed,
        photo_key=holder.photo_key,
    )


async def drawn_up(
    s: Services, *, claims: bytes, code: str, id_sealed: bytes, photo_key: str
) -> CertificatePage:
    """The page, for whoever has read certificate and holder already."""
    return page_of(
        Claims.from_bytes(claims),
        id_masked=candidates.mask_id(s.keys.decrypt(bytes(id_sealed), about=candidates.ABOUT_ID)),
        code_url=code_url(s.settings.public_url, code),
        photo=await _photo(s.file_store, photo_key),
    )


async def _photo(file_store: FileStore, key: str) -> bytes | None:
    """The candidate's photo; a certificate does not wait for one (S60)."""
    if not key:
        return None
    try:
        return await file_store.get(key)
    except NotFound:
        return None


async def sealed_file(file_store: FileStore, certificate: Certificate) -> bytes:
    """The sealed file, checked against the digest stored when it was sealed.

    Raises:
        Damaged("certificate_file_missing", "certificate_file_changed"): it is not handed out · OutsideFailure.
    """
    try:
        data = await file_store.get(certificate.pdf_key)
    except NotFound:
        raise _damaged(certificate, "missing", "不在存储里") from None
    if hashlib.sha256(data).digest() != bytes(certificate.pdf_sha256 or b""):
        raise _damaged(certificate, "changed", "与封存时的不一致")
    return data


def _damaged(certificate: Certificate, what: str, how: str) -> Damaged:
    return Damaged(
        f"certificate_file_{what}",
        f"证书 {certificate.number} 的文件{how}，不能下载；证书本身仍可在核验页核验。"
        "系统已记录并提醒运维人员从备份找回，请稍后再试，或联系评价组织。",
        subject=certificate.number,
    )
