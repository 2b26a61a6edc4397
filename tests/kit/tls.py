"""Certificates for servers of this machine, by an authority of the test's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """PEM files: whom to trust, and a server's own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def identity(folder: Path, *addresses: str, days: int = 1) -> Identity:
    """Make them in a folder.

    Args:
        addresses: of the server beside 127.0.0.1.
        days: how long they hold from now on.
    """
    signer, mine = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the test")])
    root = _begun(issuer, issuer, signer, days).add_extension(x509.BasicConstraints(True, None), True)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address(one)) for one in ("127.0.0.1", *addresses)]
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    leaf = _begun(subject, issuer, mine, days).add_extension(names, False)
    found = Identity(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    found.authority.write_bytes(root.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
    found.certificate.write_bytes(leaf.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
    found.key.write_bytes(mine.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found.key.chmod(0o600)
    return found


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )
