"""Production as an operator sets it up: the seal that a certification authority signed, and a wait for the service."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def sign_seal(folder: Path, epoch: int = 1) -> None:
    """What the certification authority does with the request for the seal."""
    asked = x509.load_pem_x509_csr((folder / f"seal-{epoch:04d}.csr").read_bytes())
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "电子认证机构")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, key: object, *, is_ca: bool) -> bytes:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(authority, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )

    own = certificate(asked.subject, asked.public_key(), is_ca=False)
    (folder / f"seal-{epoch:04d}.crt").write_bytes(
        own + certificate(name, authority.public_key(), is_ca=True)
    )


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """The socket is open from the start: a request waits there until a process takes it."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)  # answered, but the job worker has not yet said that it lives
    raise AssertionError("the service ended")
