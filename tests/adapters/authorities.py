"""Certification authorities as they come in practice: long RSA chains, wrong order, wrong use, outside their time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tests.conftest import ISSUER
from tests.kit.fakes import NOON

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@lru_cache(maxsize=8)
def rsa_key(bits: int, which: int = 0) -> rsa.RSAPrivateKey:
    """One key for each size and number: making them takes long."""
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the seal's certificate shall be."""

    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    authorities: tuple[Key, ...] = ()  # from the seal's issuer up to the root
    begins: datetime = NOON - timedelta(days=100)
    ends: datetime = NOON + timedelta(days=700)
    signs: bool = True
    is_authority: bool = False
    common: str = "电子证书专用章"


def chain(wanted: Wanted) -> list[x509.Certificate]:
    """The seal's certificate and those above it, with the extensions that authorities add."""
    authorities = wanted.authorities or (ec.generate_private_key(ec.SECP256R1()),)
    names = [_name(f"某电子认证机构 CA {place}") for place in range(len(authorities))]
    made = [_certificate(wanted, names[0], authorities[0])]
    for place, key in enumerate(authorities):
        above = min(place + 1, len(authorities) - 1)
        builder = _builder(
            names[place], names[above], key, NOON - timedelta(days=2000), NOON + timedelta(days=2000)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made.append(_extended(builder).sign(authorities[above], hashes.SHA256()))
    return made


def write(folder: Path, epoch: int, wanted: Wanted, certificates: list[x509.Certificate]) -> None:
    """Put key and chain into a key folder, as an operator does."""
    pem = wanted.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"seal-{epoch:04d}.pem").write_bytes(pem)
    (folder / f"seal-{epoch:04d}.pem").chmod(0o600)
    text = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    (folder / f"seal-{epoch:04d}.crt").write_bytes(text)


def _certificate(wanted: Wanted, issuer: x509.Name, issuer_key: Key) -> x509.Certificate:
    builder = _builder(_name(wanted.common), issuer, wanted.key, wanted.begins, wanted.ends)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=wanted.is_authority, path_length=None), critical=True
    ).add_extension(
        x509.KeyUsage(
            digital_signature=wanted.signs, content_commitment=wanted.signs, key_encipherment=not wanted.signs,
            data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
            encipher_only=False, decipher_only=False,
        ),
        critical=True,
    )  # fmt: skip
    return _extended(builder).sign(issuer_key, hashes.SHA256())


def _extended(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    place = [x509.UniformResourceIdentifier("http://crl.ca.example/some/long/path/to/the/list.crl")]
    point = x509.DistributionPoint(place, None, None, None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place[0])
    return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False).add_extension(
        x509.AuthorityInformationAccess([access]), critical=False
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(common: str) -> x509.Name:
    organisation = ISSUER.encode()[:63].decode(errors="ignore")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
