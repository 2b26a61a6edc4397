"""Reads a sealed PDF: who sealed it, whether it is whole, what it prints, and the address in its QR code.

Only the published keys are trusted: the seal is ours when its certificate carries a published key, whatever a CA says.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.errors import ValidationError

from server.adapters.documents import time_stamp_tokens
from server.adapters.documents.printed_text import printed_text
from server.adapters.documents.revisions import later_than
from server.domain.ports import PublicKey, SealedPdf, SealMark, TimeMark
from server.errors import Refused

ATTACHMENT = "verification.txt"
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){2,}")
# Whatever a damaged or malicious file can make the reader raise.
_BROKEN = (
    PdfError, SigningError, SignatureValidationError, ValidationError, zlib.error, ValueError, TypeError, KeyError,
    AttributeError, IndexError, AssertionError, NotImplementedError, RecursionError, OSError,
    UnsupportedAlgorithm,
)  # fmt: skip


def read_pdf(data: bytes, public_keys: Iterable[PublicKey]) -> SealedPdf:
    """What a PDF holds, its seals judged with the published seal keys.

    Raises:
        Refused("pdf_unreadable"): it is no PDF, or too damaged to be read.
    """
    seals = {key.raw: key.key_id for key in public_keys if key.purpose == "seal"}
    try:
        reader = PdfFileReader(io.BytesIO(data))
        marks = tuple(_mark(data, signature, seals) for signature in reader.embedded_signatures)
    except _BROKEN:
        raise Refused("pdf_unreadable", "文件已损坏或不是 PDF，无法读取。") from None
    try:
        text = printed_text(reader.root["/Pages"]["/Kids"][0])
        shown = SealedPdf(marks, text, _attached(reader.root), _held(reader))
    except _BROKEN:  # the seals can still be judged
        shown = SealedPdf(marks, "", "")
    return _with_history(reader, shown)


def _with_history(reader: PdfFileReader, shown: SealedPdf) -> SealedPdf:
    """The same with what our seal covers and what was added to it; what cannot be told is left out."""
    try:
        ours = [
            signature.signed_revision
            for signature, mark in zip(reader.embedded_signatures, shown.marks, strict=True)
            if mark.key_id is not None and mark.is_genuine
        ]
        if not ours:
            return shown
        sealed = min(ours)
        was = _attached(reader.get_historical_root(sealed))
        return replace(shown, later=later_than(reader, sealed), sealed_revision=sealed + 1, sealed_url=was)
    except _BROKEN:
        return shown


def _mark(data: bytes, signature: EmbeddedPdfSignature, seals: dict[bytes, str]) -> SealMark:
    certificate = signature.signer_cert
    signature.compute_integrity_info(skip_diff=True)  # a certificate allows no change at all
    intact, valid = validate_sig_integrity(
        signature.signer_info, certificate, "data", signature.compute_digest()
    )
    stamp = _stamp(signature)
    return SealMark(
        key_id=seals.get(certificate.public_key.dump()),
        signer=time_stamp_tokens.name_of(certificate.subject.native),
        moment=signature.self_reported_timestamp,
        is_genuine=intact and valid and signature.md_algorithm == "sha256",
        is_whole=signature.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        is_padded_clean=_is_padded_clean(data, signature),
        valid=(certificate.not_valid_before, certificate.not_valid_after),
        stamp=stamp,
    )


def _stamp(signature: EmbeddedPdfSignature) -> TimeMark | None:
    """The time stamp over the seal's signature; None: there is none."""
    unsigned = signature.signer_info["unsigned_attrs"] or ()
    for attribute in unsigned:
        if attribute["type"].native == "signature_time_stamp_token":
            try:
                token = attribute["values"][0]
                told = time_stamp_tokens.read(token, signature.signer_info["signature"].native)
            except _BROKEN:  # it stands outside what is signed: what the seal says is told all the same
                return TimeMark(None, "", False)
            return TimeMark(told.moment, told.authority, told.is_genuine)
    return None


def _is_padded_clean(data: bytes, signature: EmbeddedPdfSignature) -> bool:
    """Whether the gap in the signed range holds one CMS object in hexadecimal and zeros, nothing else.

    Those bytes are outside what is signed: without this, they could be changed unseen (PDF 32000-1, 12.8.1).
    """
    _, first, second, _ = (int(edge) for edge in signature.byte_range)
    gap = data[first:second]
    if gap[:1] != b"<" or gap[-1:] != b">" or _HEX.fullmatch(gap[1:-1]) is None:
        return False
    room = bytes.fromhex(gap[1:-1].decode("ascii"))
    size = (
        int.from_bytes(room[2 : 2 + (room[1] & 0x7F)], "big") + 2 + (room[1] & 0x7F)
        if room[1] & 0x80
        else room[1] + 2
    )
    return not room[size:].strip(b"\0")


def _held(reader: PdfFileReader) -> tuple[int, int]:
    """How many certificates, and how many words on their revocation, the file keeps for later (PAdES B-LT)."""
    if "/DSS" not in reader.root:
        return 0, 0
    store = reader.root["/DSS"]
    certificates, by_ocsp, lists = (
        len(store[name]) if name in store else 0 for name in ("/Certs", "/OCSPs", "/CRLs")
    )
    return certificates, by_ocsp + lists


def _attached(root: Any) -> str:
    """The text of our attachment, or ""."""
    names = root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    for at in range(0, len(names) - 1, 2):
        if str(names[at]) == ATTACHMENT:
            return bytes(names[at + 1]["/EF"]["/F"].data).decode("utf-8", "replace")
    return ""
