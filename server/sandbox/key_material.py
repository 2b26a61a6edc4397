"""Keys, certificates and words that the platform hands out, made on the spot."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from server.sandbox import limits

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def word(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def private_key() -> str:
    """A new RSA key as PEM (PKCS#8), as the merchant tool makes them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=limits.KEY_BITS)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def _loaded(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_key_of(private: str) -> str:
    """The public half of a private key, PEM."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return _loaded(private).public_key().public_bytes(*form).decode()


def certificate_of(private: str, name: str, begins: datetime) -> str:
    """A self-made X.509 certificate over a private key, valid for five years, PEM; its serial has 40 hex digits."""
    key = _loaded(private)
    parts = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "WeChat sandbox"),
        (NameOID.COMMON_NAME, name),
    )
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
    serial = int.from_bytes(bytes([0x10 + secrets.randbelow(0x60)]) + secrets.token_bytes(19))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=limits.CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate: str) -> str:
    """The serial number as WeChat writes it: hex digits in upper case, 40 of them in its own certificates."""
    return f"{x509.load_pem_x509_certificate(certificate.encode()).serial_number:X}"


def midnight() -> datetime:
    """Since when what is made today is valid."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
