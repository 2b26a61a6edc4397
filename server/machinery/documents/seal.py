"""Seals a PDF: the picture of the seal and the PAdES signature in one act.

The visible signature field *is* the picture, so nobody can have one without the other. PAdES B-B, ECDSA P-256 with
SHA-256, certifying: no change of any kind is allowed afterwards (DocMDP 1). pyHanko lays out the file; `cms.py` signs
with a key that is loaded once (pyHanko's own SimpleSigner parses it again for every signature).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfResources, RawContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.stamp import StaticStampStyle

from server.machinery.documents import seal_picture
from server.machinery.documents.cms import CmsSigner, Credentials

FIELD = "Seal"
REASON = "颁发职业技能等级证书"
_RESERVED = 8192  # hexadecimal digits for the CMS object; a chain of three P-256 certificates takes half
_POINTS = 72 / 25.4


@dataclass(frozen=True, slots=True)
class Place:
    """Where the seal goes: its middle from the lower left corner of the page, and its size, in mm."""

    x: float
    y: float
    size: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """In whole points, as pyHanko takes it."""
        half = self.size / 2
        left, bottom = round((self.x - half) * _POINTS), round((self.y - half) * _POINTS)
        return left, bottom, left + self.points, bottom + self.points

    @property
    def points(self) -> int:
        return round(self.size * _POINTS)


class Seal:
    """The organisation's electronic seal."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @cached_property
    def _cms(self) -> CmsSigner:
        return CmsSigner(self._credentials)

    @cached_property
    def _named(self) -> Signer:
        """Tells pyHanko who signs; the signing itself is `_cms`."""
        certificate = asn1_x509.Certificate.load(self._credentials.certificate.public_bytes(Encoding.DER))
        return Signer(signing_cert=certificate)

    def put(self, pdf: bytes, *, issuer: str, place: Place, moment: datetime) -> bytes:
        """The PDF with seal and signature appended; the first part stays byte for byte.

        Args:
            pdf: an unsealed PDF.
            issuer: the name on the seal (S8).
            place: where on the first page.
            moment: the signing time.
        """
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=FIELD,
                md_algorithm="sha256",
                subfilter=SigSeedSubFilter.PADES,
                name=issuer,
                reason=REASON,
                certify=True,
                docmdp_permissions=MDPPerm.NO_CHANGES,
            ),
            signer=self._named,
            stamp_style=_appearance(issuer, place),
            new_field_spec=SigFieldSpec(
                FIELD, box=place.box, on_page=0, readable_field_name="电子证书专用章"
            ),
        )
        session = signer.init_signing_session(writer)
        session.system_time = moment
        document = session.prepare_tbs_document(
            validation_info=None, bytes_reserved=_RESERVED, appearance_text_params=None
        )
        out = io.BytesIO()
        prepared, _ = document.digest_tbs_document(output=out)
        prepared.fill_with_cms(out, self._cms.sign(prepared.document_digest))
        return out.getvalue()


def _appearance(issuer: str, place: Place) -> StaticStampStyle:
    """The seal's picture, laid over the page as ink is: what is printed below stays readable."""
    blend = {generic.pdf_name("/BM"): generic.pdf_name("/Multiply")}
    resources = PdfResources()  # type: ignore[no-untyped-call]
    resources.ext_g_state[generic.pdf_name("/Ink")] = generic.DictionaryObject(blend)  # type: ignore[no-untyped-call]
    picture = b"/Ink gs\n" + seal_picture.as_pdf(issuer, place.points)
    return StaticStampStyle(
        border_width=0,
        background=RawContent(picture, resources, BoxConstraints(width=place.points, height=place.points)),
        background_layout=SimpleBoxLayoutRule(
            x_align=AxisAlignment.ALIGN_MID,
            y_align=AxisAlignment.ALIGN_MID,
            margins=Margins.uniform(0),  # type: ignore[no-untyped-call]
        ),
    )
