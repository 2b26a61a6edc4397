"""Seals a PDF: the picture of the seal and the PAdES signature in one act.

The visible signature field *is* the picture, so nobody can have one without the other. PAdES B-B, ECDSA P-256 with
SHA-256, certifying: no change of any kind is allowed afterwards (DocMDP 1). The private key is loaded once; pyHanko's
own SimpleSigner parses it again for every signature.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfResources, RawContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from server.machinery.documents import seal_picture

FIELD = "Seal"
REASON = "颁发职业技能等级证书"
_RESERVED = 8192  # hexadecimal digits for the CMS object; a chain of three P-256 certificates takes half
_POINTS = 72 / 25.4


class Credentials(Protocol):
    """What `machinery.keys` gives for the seal."""

    @property
    def key(self) -> EllipticCurvePrivateKey: ...
    @property
    def certificate(self) -> x509.Certificate: ...
    @property
    def chain(self) -> Sequence[x509.Certificate]: ...


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


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


class _LoadedKeySigner(Signer):
    """pyHanko's signer over a key that is already in memory."""

    def __init__(self, credentials: Credentials) -> None:
        certificate = _asn1(credentials.certificate)
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple([certificate, *map(_asn1, credentials.chain)])
        super().__init__(signing_cert=certificate, cert_registry=registry)
        self._key = credentials.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._key.sign(data, ECDSA(hashes.SHA256()))


class Seal:
    """The organisation's electronic seal."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @cached_property
    def _signer(self) -> _LoadedKeySigner:
        return _LoadedKeySigner(self._credentials)

    def put(self, pdf: bytes, *, issuer: str, place: Place, moment: datetime, about: str) -> bytes:
        """The PDF with seal and signature appended; the first part stays byte for byte.

        Args:
            pdf: an unsealed PDF.
            issuer: the name on the seal (S8).
            place: where on the first page.
            moment: the signing time.
            about: the certificate's number; with the page it fixes the file's id.
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
            signer=self._signer,
            stamp_style=_appearance(issuer, place),
            new_field_spec=SigFieldSpec(
                FIELD, box=place.box, on_page=0, readable_field_name="电子证书专用章"
            ),
        )
        out = asyncio.run(signer.async_sign_pdf(writer, bytes_reserved=_RESERVED))
        return bytes(out.getvalue())


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
