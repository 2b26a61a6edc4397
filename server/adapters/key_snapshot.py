"""All keys of a key folder, read and checked at one moment (`keys.py` says when it is read anew)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from server.adapters import key_life, seal_certificates
from server.adapters.key_files import DEVELOPMENT_MARK, PURPOSES, SECRETS, SIGNERS, listing
from server.adapters.key_life import KeysMissing, Life
from server.adapters.seal_certificates import SealCredentials
from server.domain.ports import PublicKey


class KeysUnsafe(KeysMissing):
    """They are there, and production does not start with them."""


@dataclass(slots=True)
class KeySnapshot:
    """All keys of the folder as they stood at one moment. `read_snapshot` fills it; nothing changes it afterwards."""

    lives: Mapping[str, Life]
    secrets: dict[str, dict[int, bytes]] = field(default_factory=dict)
    signers: dict[str, dict[int, Ed25519PrivateKey]] = field(default_factory=dict)
    seals: dict[int, SealCredentials] = field(default_factory=dict)
    faulty_seals: frozenset[int] = frozenset()  # whose certificates are in disorder, whatever the time
    ciphers: dict[int, AESGCM] = field(default_factory=dict)
    verifiers: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    def life(self, purpose: str, epoch: int) -> Life:
        return self.lives.get(f"{purpose}-{epoch}", Life())

    def writing(self, purpose: str, moment: datetime) -> int:
        """The epoch that writes; when every one is yet to begin or retired, the newest: nothing may stand still."""
        epochs = self.epochs(purpose)
        return key_life.current({epoch: self.life(purpose, epoch) for epoch in epochs}, moment) or max(epochs)

    def epochs(self, purpose: str) -> list[int]:
        mine: Mapping[int, object] = (
            self.seals if purpose == "seal" else self.secrets.get(purpose) or self.signers[purpose]
        )
        return sorted(mine)


def published(snapshot: KeySnapshot, purpose: str, epoch: int, *, is_current: bool) -> PublicKey:
    """The public half of a key, with its life, as it is published."""
    life = snapshot.life(purpose, epoch)
    later = [snapshot.life(purpose, one).begins for one in snapshot.epochs(purpose) if one > epoch]
    until = min((moment for moment in later if moment is not None), default=None)
    if purpose == "seal":
        seal = snapshot.seals[epoch]
        raw = seal.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        algorithm, certificates = seal.algorithm, seal.pem
    else:
        raw = snapshot.signers[purpose][epoch].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        algorithm, certificates = "Ed25519", ""
    return PublicKey(
        key_id=f"{purpose}-{epoch}",
        purpose=purpose,
        epoch=epoch,
        algorithm=algorithm,
        raw=raw,
        is_current=is_current,
        begins=life.begins,
        until=until,
        retired_at=life.retired_at,
        reason=life.reason,
        certificates=certificates,
    )


def open_to_others(folder: Path) -> list[str]:
    """Secret files that every user of this machine may read or write."""
    return [key.path.name for key in listing(folder) if key.path.stat().st_mode & 0o007]


def read_snapshot(folder: Path, *, production: bool) -> KeySnapshot:
    """Every key in the folder. Raises KeysMissing; KeysUnsafe with a line for each thing that production refuses."""
    files = listing(folder)
    snapshot = KeySnapshot(key_life.read(folder))
    if missing := [purpose for purpose in PURPOSES if purpose not in {key.purpose for key in files}]:
        raise KeysMissing(f"密钥目录 {folder} 缺少：{'、'.join(missing)}；请运行 xcert keys create")
    for key in files:
        if key.purpose in SECRETS:
            snapshot.secrets.setdefault(key.purpose, {})[key.epoch] = _secret(key.path)
        elif key.purpose in SIGNERS:
            signer = _signer(key.path)
            snapshot.signers.setdefault(key.purpose, {})[key.epoch] = signer
            snapshot.verifiers[key.key_id] = signer.public_key()
        elif (seal := seal_certificates.read_seal(key.path)) is not None:
            snapshot.seals[key.epoch] = seal
    snapshot.ciphers = {epoch: AESGCM(secret) for epoch, secret in snapshot.secrets["field"].items()}
    snapshot.faulty_seals = frozenset(
        epoch for epoch, seal in snapshot.seals.items() if seal_certificates.shape_problem(seal)
    )
    if production and (unsafe := unsafe_keys(folder)):
        raise KeysUnsafe("\n".join(unsafe))
    return snapshot


def unsafe_keys(folder: Path) -> list[str]:
    """What production refuses of a key folder, one line each; of what cannot be read at all, nothing is said here."""
    lines = []
    if (folder / DEVELOPMENT_MARK).exists() or _has_development_seal(folder):
        lines.append(f"密钥目录 {folder} 是开发用密钥，生产环境不能使用；请另建目录并运行 xcert keys create")
    if names := open_to_others(folder):
        lines.append(
            f"密钥文件 {names[0]} 等 {len(names)} 个可被本机其他用户读取，请运行 chmod -R o-rwx {folder}"
        )
    return lines


def _has_development_seal(folder: Path) -> bool:
    for key in listing(folder):
        if key.purpose == "seal":
            try:
                seal = seal_certificates.read_seal(key.path)
            except KeysMissing:
                continue
            if seal is not None and seal.is_development():
                return True
    return False


def _secret(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except (ValueError, OSError):
        secret = b""
    if len(secret) != 32:
        raise KeysMissing(f"{path.name} 不是 32 字节的十六进制密钥，请从密钥备份恢复")
    return secret


def _signer(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, OSError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysMissing(f"{path.name} 不是 Ed25519 私钥（未加密的 PEM），请从密钥备份恢复")
    return key
