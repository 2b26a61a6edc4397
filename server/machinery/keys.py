"""Key material by purpose and epoch, as files in one folder.

    field-0001.key        32 random bytes, hex      AES-256-GCM for identity numbers and phones
    index-0001.key        32 random bytes, hex      HMAC for blind indexes
    session-0001.key      32 random bytes, hex      HMAC for sessions
    scan-0001.key         32 random bytes, hex      HMAC for scan tokens
    receipt-0001.pem      Ed25519 private key       signing receipts
    certificate-0001.pem  Ed25519 private key       the claims in a certificate's QR
    seal-0001.pem/.crt    ECDSA P-256, X.509 chain  the electronic seal on the PDF
    DEVELOPMENT           present when a development CA made the seal: production refuses the folder

A new epoch is used for writing at once; old epochs go on reading and verifying. Nothing is ever overwritten.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from server.domain.ports import PublicKey, Signed
from server.errors import Unverified
from server.machinery.development_ca import make_seal, make_seal_request

SECRETS = ("field", "index", "session", "scan")
SIGNERS = ("receipt", "certificate")
PURPOSES = (*SECRETS, *SIGNERS, "seal")
DEVELOPMENT_MARK = "DEVELOPMENT"
_NAME = re.compile(r"^(field|index|session|scan|receipt|certificate|seal)-(\d{4})\.(key|pem)$")


class KeysMissing(Exception):
    """The key folder lacks something; the text says what to do, in Chinese."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key on disk, as `xcert keys list` shows it."""

    purpose: str
    epoch: int
    path: Path
    is_current: bool


@dataclass(frozen=True, slots=True)
class SealCredentials:
    """What seals a PDF: the private key, its certificate, and the chain above it."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def _write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Create a file whole or not at all; an existing one is kept (two starts may race)."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()


def _make(
    folder: Path,
    purpose: str,
    epoch: int,
    *,
    development: bool,
    organisation: str,
    now: datetime | None = None,
) -> None:
    stem = folder / f"{purpose}-{epoch:04d}"
    if purpose in SECRETS:
        _write_new(stem.with_suffix(".key"), secrets.token_hex(32).encode())
    elif purpose in SIGNERS:
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_new(stem.with_suffix(".pem"), pem)
    elif development:
        made = make_seal(folder, organisation, now=now)
        _write_new(stem.with_suffix(".crt"), made.chain, 0o644)
        _write_new(stem.with_suffix(".pem"), made.key)
    else:
        made_request = make_seal_request(organisation)
        _write_new(stem.with_suffix(".csr"), made_request.request, 0o644)
        _write_new(stem.with_suffix(".pem"), made_request.key)


def listing(folder: Path) -> list[KeyFile]:
    """Every key in the folder, by purpose, newest epoch first."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if named := _NAME.match(path.name):
            found.setdefault(named[1], []).append((int(named[2]), path))
    out = []
    for purpose in PURPOSES:
        for place, (epoch, path) in enumerate(sorted(found.get(purpose, []), reverse=True)):
            out.append(KeyFile(purpose, epoch, path, place == 0))
    return out


def create(
    folder: Path, *, development: bool, organisation: str, now: datetime | None = None
) -> list[KeyFile]:
    """Make the first epoch of every purpose that has none; what exists is left alone.

    Args:
        folder: where the keys live (0700 if made here).
        development: sign the seal with a development CA and mark the folder, so that production refuses it.
        organisation: the issuer's legal name (S8), the subject of the seal's certificate.
        now: from when on the development seal is valid (a day before); the real time if not given.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    have = {key.purpose for key in listing(folder)}
    if development and not have:
        _write_new(folder / DEVELOPMENT_MARK, "仅供开发使用，生产环境拒绝。\n".encode(), 0o644)
    for purpose in PURPOSES:
        if purpose not in have:
            _make(folder, purpose, 1, development=development, organisation=organisation, now=now)
    return listing(folder)


def rotate(folder: Path, purpose: str, *, organisation: str) -> KeyFile:
    """Add the next epoch of one purpose; running processes use it after their next start.

    Raises:
        KeysMissing: the purpose is unknown, or the folder has no key of it yet.
    """
    if purpose not in PURPOSES:
        raise KeysMissing(f"没有名为 {purpose} 的密钥用途；可用：{'、'.join(PURPOSES)}")
    mine = [key for key in listing(folder) if key.purpose == purpose]
    if not mine:
        raise KeysMissing(f"还没有 {purpose} 密钥，请先运行 xcert keys create")
    development = (folder / DEVELOPMENT_MARK).exists()
    _make(folder, purpose, mine[0].epoch + 1, development=development, organisation=organisation)
    return next(key for key in listing(folder) if key.purpose == purpose)


class KeyFolder:
    """Implements the Keys port on a folder of key files, read once."""

    def __init__(self, folder: Path, *, production: bool) -> None:
        """Raises KeysMissing with one clear sentence when the folder cannot be used."""
        files = listing(folder)
        if missing := [purpose for purpose in PURPOSES if purpose not in {key.purpose for key in files}]:
            raise KeysMissing(f"密钥目录 {folder} 缺少：{'、'.join(missing)}；请运行 xcert keys create")
        if production and (folder / DEVELOPMENT_MARK).exists():
            raise KeysMissing(
                f"密钥目录 {folder} 是开发用密钥，生产环境不能使用；请另建目录并运行 xcert keys create"
            )
        self._secrets: dict[str, dict[int, bytes]] = {}
        self._signers: dict[str, dict[int, Ed25519PrivateKey]] = {}
        self._seal: SealCredentials | None = None
        self._seal_keys: dict[int, EllipticCurvePublicKey] = {}
        for key in files:
            if key.purpose in SECRETS:
                self._secrets.setdefault(key.purpose, {})[key.epoch] = bytes.fromhex(
                    key.path.read_text("ascii").strip()
                )
            elif key.purpose in SIGNERS:
                loaded = load_pem_private_key(key.path.read_bytes(), None)
                assert isinstance(loaded, Ed25519PrivateKey)
                self._signers.setdefault(key.purpose, {})[key.epoch] = loaded
            else:
                seal = _read_seal(key.path)
                self._seal = self._seal or seal
                if seal is not None:
                    self._seal_keys[key.epoch] = seal.key.public_key()
        self._ciphers = {epoch: AESGCM(key) for epoch, key in self._secrets["field"].items()}
        self._verifiers: dict[str, Ed25519PublicKey] = {
            f"{purpose}-{epoch}": signer.public_key()
            for purpose, signers in self._signers.items()
            for epoch, signer in signers.items()
        }

    def epoch(self, purpose: str) -> int:
        return max(self._secrets.get(purpose) or self._signers[purpose])

    def encrypt(self, text: str, *, about: str) -> bytes:
        epoch, nonce = self.epoch("field"), secrets.token_bytes(12)
        return (
            epoch.to_bytes(2, "big")
            + nonce
            + self._ciphers[epoch].encrypt(nonce, text.encode(), about.encode())
        )

    def decrypt(self, sealed: bytes, *, about: str) -> str:
        """Raises Unverified when the field was moved, changed, or its key is gone."""
        cipher = self._ciphers.get(int.from_bytes(sealed[:2], "big"))
        try:
            if cipher is None:
                raise InvalidTag
            return cipher.decrypt(sealed[2:14], sealed[14:], about.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unverified("field_unreadable", "数据无法解密，请联系管理员检查密钥目录。") from None

    def blind(self, value: str, *, about: str) -> bytes:
        return self._blind(self.epoch("index"), value, about)

    def blinds(self, value: str, *, about: str) -> list[bytes]:
        return [self._blind(epoch, value, about) for epoch in sorted(self._secrets["index"], reverse=True)]

    def _blind(self, epoch: int, value: str, about: str) -> bytes:
        return hmac.digest(self._secrets["index"][epoch], f"{about}\0{value}".encode(), "sha256")

    def mac(self, purpose: str, message: bytes, *, epoch: int | None = None) -> bytes:
        epochs: Mapping[int, bytes] = self._secrets[purpose]
        key = epochs.get(self.epoch(purpose) if epoch is None else epoch)
        if key is None:
            raise Unverified("unknown_epoch", "凭证已失效，请重新操作。")
        return hmac.digest(key, message, "sha256")

    def sign(self, purpose: str, message: bytes) -> Signed:
        epoch = max(self._signers[purpose])
        return Signed(f"{purpose}-{epoch}", self._signers[purpose][epoch].sign(message))

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool:
        key = self._verifiers.get(key_id)
        if key is None or not key_id.startswith(f"{purpose}-"):
            return False
        try:
            key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def public(self) -> list[PublicKey]:
        out = []
        for purpose, signers in self._signers.items():
            for epoch, signer in sorted(signers.items()):
                raw = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
                out.append(
                    PublicKey(f"{purpose}-{epoch}", purpose, epoch, "Ed25519", raw, epoch == max(signers))
                )
        for epoch, key in sorted(self._seal_keys.items()):
            raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            is_current = epoch == max(self._seal_keys)
            out.append(PublicKey(f"seal-{epoch}", "seal", epoch, "ECDSA-P256", raw, is_current))
        return out

    def seal_credentials(self) -> SealCredentials:
        """The newest seal; one object, so that whoever caches it keeps one key. Raises KeysMissing."""
        if self._seal is None:
            raise KeysMissing("电子印章还没有证书：请把 CA 签发的证书链存为 seal-0001.crt，放在密钥目录")
        return self._seal


def _read_seal(path: Path) -> SealCredentials | None:
    """The seal at `path`, or None while its certificate has not come back from the CA."""
    certificates = path.with_suffix(".crt")
    if not certificates.exists():
        return None
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    leaf, *chain = x509.load_pem_x509_certificates(certificates.read_bytes())
    if leaf.public_key() != key.public_key():
        raise KeysMissing(f"{certificates.name} 与 {path.name} 不是一对，请核对 CA 发回的证书")
    return SealCredentials(key, leaf, tuple(chain))
