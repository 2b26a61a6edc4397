"""Seals a PDF: the picture of the seal and the PAdES signature in one act.

The visible signature field *is* the picture, so nobody can have one without the other. PAdES B-B, ECDSA or RSA with
SHA-256, certifying: no change of any kind is allowed afterwards (DocMDP 1). pyHanko lays out the file; `cms.py` signs
with a key that is loaded once (pyHanko's own SimpleSigner parses it again for every signature).

Whether the certificates may seal at this moment is asked before each seal; how much room the signature needs is
measured from key and chain, for chains of authorities differ by kilobytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfResources, RawContent
from pyhanko.pdf_utils.extensions import DeveloperExtension
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.stamp import StaticStampStyle

from server.adapters import seal_certificates
from server.adapters.documents import seal_picture
from server.adapters.documents.cms import CmsSigner
from server.adapters.seal_certificates import SealCredentials
from server.errors import Refused

FIELD = "Seal"
REASON = "颁发职业技能等级证书"
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


@dataclass(frozen=True, slots=True)
class _Ready:
    """One set of credentials, with what signing needs of them, made once."""

    credentials: SealCredentials
    cms: CmsSigner
    named: Signer  # tells pyHanko who signs; the signing itself is `cms`
    fault: str  # of the certificates' shape

    @classmethod
    def make(cls, credentials: SealCredentials) -> _Ready:
        certificate = asn1_x509.Certificate.load(credentials.certificate.public_bytes(Encoding.DER))
        fault = seal_certificates.shape_problem(credentials)
        return cls(credentials, CmsSigner(credentials), Signer(signing_cert=certificate), fault)


class _Update(IncrementalPdfFileWriter):
    """The appended part. It stays a PDF 1.7 file, as PDF/A-3 demands: pyHanko would declare 2.0 for PAdES, of which only
    the developer extension of 1.7 (ETSI EN 319 142-1, 5.6) is needed, and that is written."""

    def ensure_output_version(self, version: tuple[int, int]) -> None:
        return None

    def register_extension(self, ext: DeveloperExtension) -> None:
        if ext.base_version == "/1.7":
            super().register_extension(ext)

    def _update_meta(self) -> None:
        """The page's own particulars stand: pyHanko would add its name and version, and this machine's clock and zone."""


class Seal:
    """The organisation's electronic seal."""

    def __init__(self, credentials: SealCredentials | Callable[[], SealCredentials]) -> None:
        """`credentials`: fixed ones, or a function that gives those of now (a key folder's `seal_credentials`)."""
        self._source = credentials if callable(credentials) else lambda: credentials
        self._last: _Ready | None = None

    def _ready(self, moment: datetime) -> _Ready:
        """Raises Refused("seal_unusable") when nothing may be sealed at `moment`."""
        credentials = self._source()
        if self._last is None or self._last.credentials is not credentials:
            self._last = _Ready.make(credentials)
        ready = self._last
        if fault := ready.fault or seal_certificates.time_problem(credentials, moment):
            raise Refused("seal_unusable", fault)
        return ready

    def put(self, pdf: bytes, *, issuer: str, place: Place, moment: datetime) -> bytes:
        """The PDF with seal and signature appended; the first part stays byte for byte.

        Args:
            pdf: an unsealed PDF.
            issuer: the name on the seal (S8).
            place: where on the first page.
            moment: the signing time.

        Raises:
            Refused("seal_unusable"): the seal's certificate has expired, is not yet valid, or is out of order.
        """
        ready = self._ready(moment)
        writer = _Update(io.BytesIO(pdf))
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
            signer=ready.named,
            stamp_style=_appearance(issuer, place),
            new_field_spec=SigFieldSpec(
                FIELD, box=place.box, on_page=0, readable_field_name="电子证书专用章"
            ),
        )
        session = signer.init_signing_session(writer)
        session.system_time = moment
        document = session.prepare_tbs_document(
            validation_info=None, bytes_reserved=2 * ready.cms.room, appearance_text_params=None
        )
        out = io.BytesIO()
        prepared, _ = document.digest_tbs_document(output=out)
        prepared.fill_with_cms(out, ready.cms.sign(prepared.document_digest))
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
