"""The seal's X.509: a development CA that signs it, or a request for a real CA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

CA_STEM = "development-ca"
DEVELOPMENT_CA = "xcert development CA"


@dataclass(frozen=True, slots=True)
class MadeSeal:
    """PEM of the private key and of the chain, leaf first."""

    key: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class MadeRequest:
    """PEM of the private key and of the certificate request that goes to a CA."""

    key: bytes
    request: bytes


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(organisation: str, common: str) -> x509.Name:
    """X.520 allows 64 bytes an attribute; a longer legal name is cut there at a whole character."""
    organisation = organisation.encode()[:64].decode(errors="ignore")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _ca(folder: Path, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The folder's development CA, made when there is none."""
    key_path, certificate_path = folder / f"{CA_STEM}.pem", folder / f"{CA_STEM}.crt"
    if key_path.exists() and certificate_path.exists():
        key = load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate(certificate_path.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("xcert development", DEVELOPMENT_CA)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path.write_bytes(_pem(key))
    key_path.chmod(0o600)
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return key, certificate


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def make_seal(folder: Path, organisation: str, *, now: datetime | None = None) -> MadeSeal:
    """A seal key with a certificate of the folder's development CA, valid from a day before `now` (the real time if not given)."""
    now = now or datetime.now(UTC)
    ca_key, ca = _ca(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(_name(organisation, "电子证书专用章（开发）"))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1825))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_ca=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return MadeSeal(_pem(key), leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM))


def make_seal_request(organisation: str) -> MadeRequest:
    """A seal key and the request (CSR) to hand to a licensed CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(organisation, "电子证书专用章"))
        .sign(key, hashes.SHA256())
    )
    return MadeRequest(_pem(key), request.public_bytes(Encoding.PEM))
