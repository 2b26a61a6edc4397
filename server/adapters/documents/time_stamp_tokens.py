"""A time-stamp token (RFC 3161, RFC 5816): what it says, and whether it says it of these bytes.

Whether its authority is to be trusted is another question: `is_issued_under` answers it for roots that somebody chose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.sign.general import check_ess_certid, extract_certificate_info, extract_signer_info
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from server.adapters.issuers import is_issued_by

_HASHES = ("sha256", "sha384", "sha512")
_LONGEST = 8  # certificates from the authority's own up to a root


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        moment: of the stamp. authority: organisation and name of who made it.
        is_genuine: it is of these bytes, signed by its certificate, which was made for stamping and held at that moment.
        certificates: DER, the authority's own first, the others in any order.
    """

    moment: datetime
    authority: str
    is_genuine: bool
    certificates: tuple[bytes, ...]


def read(token: cms.ContentInfo, stamped: bytes) -> Token:
    """What a token says of `stamped`.

    Raises:
        ValueError, TypeError, KeyError, or what pyHanko raises: it is no token.
    """
    signed: cms.SignedData = token["content"]
    told: tsp.TSTInfo = signed["encap_content_info"]["content"].parsed
    signer = extract_signer_info(signed)
    found = extract_certificate_info(signed)
    content = bytes(signed["encap_content_info"]["content"])
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in _HASHES:
        raise ValueError("the token is of a weak hash")
    intact, valid = validate_sig_integrity(
        signer, found.signer_cert, "tst_info", hashlib.new(digest, content).digest()
    )
    moment: datetime = told["gen_time"].native
    own = found.signer_cert
    return Token(
        moment=moment,
        authority=name_of(own.subject.native),
        is_genuine=(
            intact
            and valid
            and is_of(told, stamped)
            and _names_its_certificate(signer, own)
            and _is_for_stamping(own)
            and own.not_valid_before <= moment <= own.not_valid_after
        ),
        certificates=(own.dump(), *(one.dump() for one in found.other_certs)),
    )


def status_of(answer: bytes) -> str:
    """What an authority's answer says: granted, granted_with_mods, rejection … A refusal carries no token.

    Raises ValueError, TypeError, KeyError: it is no answer.
    """
    status: str = _Answer.load(answer, strict=True)["status"]["status"].native
    return status


class _Answer(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """asn1crypto's TimeStampResp is never without a token; RFC 3161's is, when it refuses."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", core.Any, {"optional": True})]


def is_of(told: tsp.TSTInfo, stamped: bytes) -> bool:
    imprint = told["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    return algorithm in _HASHES and bool(
        imprint["hashed_message"].native == hashlib.new(algorithm, stamped).digest()
    )


def _names_its_certificate(signer: cms.SignerInfo, own: asn1_x509.Certificate) -> bool:
    """RFC 3161 2.4.1: the certificate's hash is signed, so that no other one can be put in its place."""
    for attribute in signer["signed_attrs"]:
        if attribute["type"].native in ("signing_certificate", "signing_certificate_v2"):
            return bool(check_ess_certid(own, attribute["values"][0]["certs"][0]))
    return False


def _is_for_stamping(own: asn1_x509.Certificate) -> bool:
    """RFC 3161 2.3: for nothing but stamping, and critical."""
    use = own.extended_key_usage_value
    is_critical = any(
        one["extn_id"].native == "extended_key_usage" and one["critical"].native
        for one in own["tbs_certificate"]["extensions"]
    )
    return use is not None and use.native == ["time_stamping"] and is_critical


def certificates_of(token: Token) -> list[x509.Certificate]:
    """The authority's own first. Raises ValueError or what `cryptography` raises: one of them cannot be read."""
    return [x509.load_der_x509_certificate(one) for one in token.certificates]


def is_issued_under(token: Token, roots: Sequence[x509.Certificate]) -> bool:
    """Whether the certificates of a token lead from its authority to one of the roots."""
    one, *others = certificates_of(token)
    for _ in range(_LONGEST):
        if one in roots or any(is_issued_by(one, root) for root in roots):
            return True
        above = next((other for other in others if other != one and is_issued_by(one, other)), None)
        if above is None:
            return False
        one = above
    return False


def name_of(subject: dict[str, str]) -> str:
    """Organisation and name of an X.509 subject."""
    parts = (subject.get("organization_name"), subject.get("common_name"))
    return " ".join(part for part in parts if part)
