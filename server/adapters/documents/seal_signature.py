"""How pyHanko puts the seal into a PDF. `seal` asks first whether it may; it loads this module with the first seal.

PAdES B-B, or B-T with a time-stamp authority: ECDSA or RSA with SHA-256, certifying: no change of any kind is allowed afterwards (DocMDP 1). pyHanko lays out
the file; `cms.py` signs with a key that is loaded once (pyHanko's own SimpleSigner parses it again for every signature).
How much room the signature needs is measured from key and chain, for chains of authorities differ by kilobytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfResources, RawContent
from pyhanko.pdf_utils.extensions import DeveloperExtension
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.stamp import StaticStampStyle

from server.adapters import seal_certificates
from server.adapters.documents import seal_picture
from server.adapters.documents.cms import CmsSigner
from server.adapters.documents.seal_field import FIELD, REASON, TITLE, Place
from server.adapters.documents.validation_data import ValidationData
from server.adapters.seal_certificates import SealCredentials


@dataclass(frozen=True, slots=True)
class Ready:
    """One set of credentials, with what signing needs of them, made once."""

    credentials: SealCredentials
    cms: CmsSigner
    named: Signer  # tells pyHanko who signs; the signing itself is `cms`
    fault: str  # of the certificates' shape

    @classmethod
    def make(cls, credentials: SealCredentials) -> Ready:
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


@dataclass(frozen=True, slots=True)
class Laid:
    """A PDF that is laid out with its seal, all but the signature."""

    file: io.BytesIO
    gap: PreparedByteRangeDigest
    room: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What one seal is of.

    Attributes:
        issuer: the name on it. moment: the signing time. room: bytes for the signature.
        data: by which it is judged later (PAdES B-LT); None: none is put in.
    """

    issuer: str
    place: Place
    moment: datetime
    room: int
    data: ValidationData | None = None


def laid_out(ready: Ready, pdf: bytes, how: Sealing) -> Laid:
    """The PDF with the seal and its validation data appended in one revision, and room for the signature."""
    writer = _Update(io.BytesIO(pdf))
    if how.data is not None:
        _put_data(writer, how.data)
    issuer, place = how.issuer, how.place
    append_signature_field(writer, SigFieldSpec(FIELD, box=place.box, on_page=0, readable_field_name=TITLE))
    _tag(writer, issuer)
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
        stamp_style=appearance(issuer, place),
    )
    session = signer.init_signing_session(writer)
    session.system_time = how.moment
    document = session.prepare_tbs_document(
        validation_info=None, bytes_reserved=2 * how.room, appearance_text_params=None
    )
    out = io.BytesIO()
    prepared, _ = document.digest_tbs_document(output=out)
    return Laid(out, prepared, how.room)


def _tag(writer: IncrementalPdfFileWriter, issuer: str) -> None:
    """The seal's place in the structure of the page, behind what was there, with words for whom it is read to (PDF/UA-1, 7.18.4)."""
    field = writer.root["/AcroForm"]["/Fields"].raw_get(-1)
    tree, tree_at = writer.root["/StructTreeRoot"], writer.root.raw_get("/StructTreeRoot")
    document_at = tree["/K"].raw_get(0)
    key = int(tree["/ParentTreeNextKey"])
    page, _ = writer.find_page_for_modification(0)
    name = generic.pdf_name
    form = writer.add_object(
        generic.DictionaryObject(
            {
                name("/Type"): name("/StructElem"),
                name("/S"): name("/Form"),
                name("/P"): document_at,
                name("/Alt"): generic.TextStringObject(f"{TITLE}：{issuer}的电子印章和数字签名"),
                name("/K"): generic.DictionaryObject(
                    {name("/Type"): name("/OBJR"), name("/Obj"): field, name("/Pg"): page}
                ),
            }
        )
    )
    document_at.get_object()["/K"].append(form)
    tree["/ParentTree"]["/Nums"].extend([generic.NumberObject(key), form])
    tree[name("/ParentTreeNextKey")] = generic.NumberObject(key + 1)
    field.get_object()[name("/StructParent")] = generic.NumberObject(key)
    for changed in (document_at, tree_at, field):
        writer.mark_update(changed)


def _put_data(writer: IncrementalPdfFileWriter, data: ValidationData) -> None:
    """The document security store, inside what is signed: nothing is appended later (decision 0860)."""
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(one) for one in data.certificates],
        ocsps=[asn1_ocsp.OCSPResponse.load(one) for one in data.ocsps],
        crls=[asn1_crl.CertificateList.load(one) for one in data.crls],
    )


def signed(ready: Ready, laid: Laid, stamp: Callable[[bytes], bytes] | None) -> bytes | None:
    """The sealed file; None when the signature with its time stamp is larger than the room.

    Args:
        stamp: see `CmsSigner.sign`.
    """
    signature = ready.cms.sign(laid.gap.document_digest, stamp)
    if len(signature) > laid.room:
        return None
    laid.gap.fill_with_cms(laid.file, signature)
    return laid.file.getvalue()


def appearance(issuer: str, place: Place) -> StaticStampStyle:
    """The seal's picture, laid over the page as ink is: what is printed below stays readable."""
    blend = {generic.pdf_name("/BM"): generic.pdf_name("/Multiply")}
    resources = PdfResources()
    resources.ext_g_state[generic.pdf_name("/Ink")] = generic.DictionaryObject(blend)
    picture = b"/Ink gs\n" + seal_picture.as_pdf(issuer, place.points)
    return StaticStampStyle(
        border_width=0,
        background=RawContent(picture, resources, BoxConstraints(width=place.points, height=place.points)),
        background_layout=SimpleBoxLayoutRule(
            x_align=AxisAlignment.ALIGN_MID,
            y_align=AxisAlignment.ALIGN_MID,
            margins=Margins.uniform(0),
        ),
    )
