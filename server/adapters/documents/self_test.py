"""One certificate made and verified for nobody: whether sealing works here, before the first real one needs it."""

from __future__ import annotations

from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.domain.ports import CertificatePage, Clock
from server.errors import Refused


def trial_seal(keys: KeyFolder, clock: Clock, *, issuer: str) -> str:
    """Draw, seal and verify one page that is no certificate. "" when all of it works, else why not."""
    page = CertificatePage(
        number="样张",
        name="样张",
        id_masked="",
        certificate_title="样张",
        level="样张",
        standard_version="样张",
        plan_name="样张",
        exam_date="2000年1月1日",
        issued_on="2000年1月1日",
        issuer=issuer,
        school="样张",
        verification_url="https://example.invalid/v/0",
        statement="样张，不是证书",
    )
    try:
        sealed = TypstPdfRenderer(clock, Seal(keys.seal_credentials)).make_now(page)
        [mark] = read_pdf(sealed, keys.public()).marks
    except Refused as refusal:
        return refusal.message
    if not (mark.key_id and mark.is_genuine and mark.is_whole and mark.is_padded_clean):
        return "试盖的印章没有通过核验，请检查印章的密钥与证书"
    return ""
