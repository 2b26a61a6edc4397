"""Whether one certificate was issued by another: signed by its key, and by one that may issue (RFC 5280, 4.2.1.3, 4.2.1.9)."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

# Whatever reading or checking a certificate can raise that somebody else has made.
BROKEN = (
    ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType, x509.InvalidVersion,
)  # fmt: skip


def is_issued_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Name and signature are the issuer's, and the issuer may issue. What cannot be read is not issued."""
    return is_signed_by(one, issuer) and may_issue(issuer)


def is_signed_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except BROKEN:
        return False
    return True


def may_issue(issuer: x509.Certificate) -> bool:
    """A CA's certificate, whose key usage, if it says any, holds the signing of certificates."""
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except BROKEN:
        return False
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
