"""Key material on disk: what lies in the key folder, made and rotated. `keys.py` reads and uses it.

    field-0001.key        32 random bytes, hex      AES-256-GCM for identity numbers and phones
    index-0001.key        32 random bytes, hex      HMAC for blind indexes
    session-0001.key      32 random bytes, hex      HMAC for sessions
    scan-0001.key         32 random bytes, hex      HMAC for scan tokens
    receipt-0001.pem      Ed25519 private key       signing receipts
    certificate-0001.pem  Ed25519 private key       the claims in a certificate's QR
    credential-0001.pem   Ed25519 private key       verifiable credentials and status lists, for other people's wallets
    log-0001.pem          Ed25519 private key       the checkpoints of the public log of issuing
    seal-0001.pem/.crt    ECDSA or RSA, X.509 chain the electronic seal on the PDF
    life.json             from when each key writes, and which was retired why (`key_life.py`)
    DEVELOPMENT           present when a development CA made the seal: production refuses the folder

A new epoch is published and read at once, and writes from a set time on, so that every process and every verifier knows
it before its first use. Old epochs go on reading and verifying. Nothing is ever overwritten.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.adapters import key_life
from server.adapters.development_ca import make_seal, make_seal_request
from server.adapters.key_life import KeysMissing, Life

SECRETS = ("field", "index", "session", "scan")
SIGNERS = ("receipt", "certificate", "credential", "log")
PURPOSES = (*SECRETS, *SIGNERS, "seal")
DEVELOPMENT_MARK = "DEVELOPMENT"
MOST_EPOCHS = 255  # a certificate's code has one byte for it
_NAME = re.compile(rf"^({'|'.join(PURPOSES)})-(\d{{4}})\.(key|pem)$")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key on disk, as `xcert keys list` shows it. `is_current`: it is the one that writes now."""

    purpose: str
    epoch: int
    path: Path
    is_current: bool
    life: Life

    @property
    def key_id(self) -> str:
        return f"{self.purpose}-{self.epoch}"

    @property
    def is_ready(self) -> bool:
        """Whether it could be used at all: a seal needs its certificate."""
        return self.purpose != "seal" or self.path.with_suffix(".crt").exists()


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
        seal = make_seal(folder, organisation, now=now)
        _write_new(stem.with_suffix(".crt"), seal.chain, 0o644)
        _write_new(stem.with_suffix(".pem"), seal.key)
    else:
        request = make_seal_request(organisation)
        _write_new(stem.with_suffix(".csr"), request.request, 0o644)
        _write_new(stem.with_suffix(".pem"), request.key)


def listing(folder: Path, *, now: datetime | None = None) -> list[KeyFile]:
    """Every key in the folder, by purpose, newest epoch first."""
    lives, at = key_life.read(folder), now or datetime.now(UTC)
    paths: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.match(path.name):
            paths.setdefault(match[1], []).append((int(match[2]), path))
    out = []
    for purpose in PURPOSES:
        mine = [
            KeyFile(purpose, epoch, path, False, lives.get(f"{purpose}-{epoch}", Life()))
            for epoch, path in sorted(paths.get(purpose, []), reverse=True)
        ]
        current = key_life.current({key.epoch: key.life for key in mine if key.is_ready}, at)
        out += [KeyFile(key.purpose, key.epoch, key.path, key.epoch == current, key.life) for key in mine]
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
            key_life.begin(folder, f"{purpose}-1", begins=None)
    return listing(folder)


def rotate(
    folder: Path,
    purpose: str,
    *,
    organisation: str,
    wait: timedelta = timedelta(0),
    now: datetime | None = None,
) -> KeyFile:
    """Add the next epoch of one purpose. Running processes read it within a minute and write with it from then on.

    Args:
        wait: how long after now it begins to write.
        now: the real time if not given.

    Raises:
        KeysMissing: the purpose is unknown, the folder has no key of it yet, or all epochs are used up.
    """
    if purpose not in PURPOSES:
        raise KeysMissing(f"没有名为 {purpose} 的密钥用途；可用：{'、'.join(PURPOSES)}")
    mine = [key for key in listing(folder) if key.purpose == purpose]
    if not mine:
        raise KeysMissing(f"还没有 {purpose} 密钥，请先运行 xcert keys create")
    if (epoch := mine[0].epoch + 1) > MOST_EPOCHS:
        raise KeysMissing(f"{purpose} 的期号已用完（最多 {MOST_EPOCHS} 期）")
    # Its life is written first: a key without one writes at once.
    key_life.begin(folder, f"{purpose}-{epoch}", begins=(now or datetime.now(UTC)) + wait)
    development = (folder / DEVELOPMENT_MARK).exists()
    _make(folder, purpose, epoch, development=development, organisation=organisation, now=now)
    return next(key for key in listing(folder) if key.purpose == purpose)


def retire(folder: Path, purpose: str, epoch: int, *, reason: str, now: datetime | None = None) -> KeyFile:
    """Say for ever that a key is no longer to be trusted for what is new, and why. Published at once.

    Raises:
        KeysMissing: there is no such key, no reason is given, or nothing else could write in its place.
    """
    at = now or datetime.now(UTC)
    mine = {key.epoch: key for key in listing(folder, now=at) if key.purpose == purpose}
    if epoch not in mine:
        raise KeysMissing(f"没有 {purpose} 的第 {epoch} 期密钥，请用 xcert keys list 查看")
    if not reason.strip():
        raise KeysMissing("请用 --reason 写明停用的原因，原因会公布")
    others = {one: key.life for one, key in mine.items() if one != epoch and key.is_ready}
    if key_life.current(others, at) is None:
        raise KeysMissing(
            f"{purpose} 没有别的可用密钥：请先运行 xcert keys rotate {purpose} --now，再停用第 {epoch} 期"
        )
    if mine[epoch].life.retired_at is None:
        key_life.retire(folder, f"{purpose}-{epoch}", at=at, reason=reason.strip()[:200])
    return next(key for key in listing(folder, now=at) if (key.purpose, key.epoch) == (purpose, epoch))
