"""核验一份文件 that a stranger gives at the door: what it is by its signatures, and how its certificate stands now.

Nothing of it is kept. A PDF is read apart (port `PdfReader`); everything else is small JSON.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from server.domain.certificates import verification
from server.domain.certificates.verification import Finding
from server.domain.issuance import offline
from server.domain.issuance.offline import Report
from server.domain.ports import SealedPdf, Services
from server.errors import FieldError, Invalid, Refused

LARGEST = 5_000_000  # bytes; a certificate of ours has a tenth, with its photo
LARGEST_JSON = 256_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in the file, and on record; `standing` is None where no genuine certificate is named."""

    report: Report
    standing: Finding | None

    @property
    def is_good(self) -> bool:
        """Genuine and whole; and, where it is a certificate, valid now."""
        return self.report.is_genuine and (self.standing is None or self.standing.is_valid)


async def judge(s: Services, data: bytes, *, address: str) -> Judged:
    """Judge a certificate's PDF, a verifiable credential or a signing receipt.

    Raises:
        Invalid: file_missing, file_too_large · TooMany("verification_paused") · OutsideFailure: too many at once.
    """
    if not data:
        raise _unfit("file_missing", "请选择要核验的文件：证书 PDF、签发凭据或可验证凭证。")
    is_pdf = b"%PDF-" in data[:1024] and not offline.is_json(data)
    if len(data) > (LARGEST if is_pdf else LARGEST_JSON):
        raise _unfit("file_too_large", "文件太大，不是本机构签发的证书或凭据。")
    await verification.pace_files(s.rate_limiter, address)
    pdf: SealedPdf | Refused | None = None
    if is_pdf:
        try:
            pdf = await s.pdf_reader.read(data)
        except Refused as refused:
            pdf = refused

    def read(_: bytes) -> SealedPdf:
        assert pdf is not None
        if isinstance(pdf, Refused):
            raise pdf
        return pdf

    report = offline.verify_file(data, s.keys, read)
    standing = await verification.standing_of(s, report.codes[0]) if report.codes else None
    if is_pdf and standing is not None:
        _compare_with_record(report, data, standing.pdf_sha256)
    return Judged(report, standing)


def _compare_with_record(report: Report, data: bytes, recorded: str) -> None:
    """One file was issued, and its digest is on record: another one, however well sealed, was not issued by anybody."""
    if not (report.is_genuine or report.is_open) or not recorded:
        return
    if hashlib.sha256(data).hexdigest() != recorded:
        report.wrong("与发放时存档的电子文件不是同一份（SHA-256 不同）。")


def _unfit(code: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors=[FieldError("/file", code, sentence)], code=code)
