"""The Keys port on a folder of key files (`key_files.py`), read anew within seconds whenever the folder changes."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from server.adapters import key_life, seal_certificates
from server.adapters.key_files import (
    DEVELOPMENT_MARK,
    PURPOSES,
    SECRETS,
    SIGNERS,
    KeyFile,
    create,
    listing,
    retire,
    rotate,
)
from server.adapters.key_life import KeysMissing, Life
from server.adapters.seal_certificates import SealCredentials
from server.domain.ports import KeyEvent, PublicKey, Signed
from server.errors import Unverified

__all__ = [
    "DEVELOPMENT_MARK", "PURPOSES", "SECRETS", "SIGNERS", "KeyFile", "KeyFolder", "KeysMissing", "SealCredentials",
    "create", "listing", "open_to_others", "retire", "rotate",
]  # fmt: skip
log = logging.getLogger("xcert.keys")

LOOK_SECONDS = 10.0  # how old our knowledge of the folder may be
LOOK_AGAIN_SECONDS = 1.0  # when a key is asked for that we do not know


@dataclass(slots=True)
class _Held:
    """All keys of the folder as they stood at one moment."""

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


class KeyFolder:
    """Implements the Keys port."""

    def __init__(
        self, folder: Path, *, production: bool, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Raises KeysMissing with one clear sentence when the folder cannot be used."""
        self._folder, self._production, self._now = folder, production, now
        self._stamps = _stamps_of(folder)
        self._looked_at = time.monotonic()
        self._state = _read(folder, production=production)

    def refresh(self) -> None:
        """Look at the folder and read it anew if anything in it has changed. A folder that cannot be used is told and
        what we hold stays."""
        self._looked_at = time.monotonic()
        if (stamps := _stamps_of(self._folder)) == self._stamps:
            return
        self._stamps = stamps
        try:
            self._state = _read(self._folder, production=self._production)
        except (KeysMissing, OSError) as error:
            log.warning("the key folder changed and cannot be used; the keys held so far stay: %s", error)

    def _held(self, *, knows: Callable[[_Held], bool] = lambda _: True) -> _Held:
        age = time.monotonic() - self._looked_at
        if age >= LOOK_SECONDS or (age >= LOOK_AGAIN_SECONDS and not knows(self._state)):
            self.refresh()
        return self._state

    def epoch(self, purpose: str) -> int:
        return self._held().writing(purpose, self._now())

    def newest(self, purpose: str) -> int:
        return self._held().epochs(purpose)[-1]

    def encrypt(self, text: str, *, about: str) -> bytes:
        held = self._held()
        epoch, nonce = held.writing("field", self._now()), secrets.token_bytes(12)
        return (
            epoch.to_bytes(2, "big")
            + nonce
            + held.ciphers[epoch].encrypt(nonce, text.encode(), about.encode())
        )

    def decrypt(self, sealed: bytes, *, about: str) -> str:
        """Raises Unverified when the field was moved, changed, or its key is gone."""
        epoch = int.from_bytes(sealed[:2], "big")
        cipher = self._held(knows=lambda held: epoch in held.ciphers).ciphers.get(epoch)
        try:
            if cipher is None:
                raise InvalidTag
            return cipher.decrypt(sealed[2:14], sealed[14:], about.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unverified("field_unreadable", "数据无法解密，请联系管理员检查密钥目录。") from None

    def blind(self, value: str, *, about: str) -> bytes:
        held = self._held()
        return _blind(held.secrets["index"][held.writing("index", self._now())], value, about)

    def blinds(self, value: str, *, about: str) -> list[bytes]:
        keys = self._held().secrets["index"]
        return [_blind(keys[epoch], value, about) for epoch in sorted(keys, reverse=True)]

    def mac(self, purpose: str, message: bytes, *, epoch: int | None = None) -> bytes:
        held = self._held(knows=lambda held: epoch is None or epoch in held.secrets[purpose])
        if epoch is None:
            epoch = held.writing(purpose, self._now())
        elif held.life(purpose, epoch).retired_at is not None:
            raise Unverified("unknown_epoch", "凭证已失效，请重新操作。")
        key = held.secrets[purpose].get(epoch)
        if key is None:
            raise Unverified("unknown_epoch", "凭证已失效，请重新操作。")
        return hmac.digest(key, message, "sha256")

    def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
        held = self._held()
        epoch = held.writing(purpose, self._now()) if epoch is None else epoch
        return Signed(f"{purpose}-{epoch}", held.signers[purpose][epoch].sign(message))

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool:
        key = self._held(knows=lambda held: key_id in held.verifiers).verifiers.get(key_id)
        if key is None or not key_id.startswith(f"{purpose}-"):
            return False
        try:
            key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def find(self, key_id: str) -> PublicKey | None:
        purpose, _, number = key_id.rpartition("-")
        if purpose not in (*SIGNERS, "seal") or not (number.isascii() and number.isdigit()):
            return None
        epoch = int(number)
        held = self._held(knows=lambda held: epoch in held.epochs(purpose))
        return self._published(held, purpose, epoch) if epoch in held.epochs(purpose) else None

    def public(self) -> list[PublicKey]:
        held = self._held()
        return [
            self._published(held, purpose, epoch)
            for purpose in (*held.signers, "seal")
            for epoch in held.epochs(purpose)
        ]

    def _published(self, held: _Held, purpose: str, epoch: int) -> PublicKey:
        current = self._seal_epoch(held) if purpose == "seal" else held.writing(purpose, self._now())
        return _published(held, purpose, epoch, is_current=epoch == current)

    def seal_credentials(self) -> SealCredentials:
        """The seal that is to be used now: the newest whose time has come and whose certificates are in order.

        One object as long as it is the same seal, so that whoever caches it keeps one key.

        Raises:
            KeysMissing: no seal has its certificate yet.
        """
        held = self._held()
        epoch = self._seal_epoch(held)
        if epoch is None:
            raise KeysMissing("电子印章还没有证书：请把 CA 签发的证书链存为 seal-0001.crt，放在密钥目录")
        return held.seals[epoch]

    def seal_problem(self) -> str:
        try:
            seal = self.seal_credentials()
        except KeysMissing as missing:
            return str(missing)
        return seal_certificates.problem(seal, self._now())

    def events(self) -> list[KeyEvent]:
        out = []
        for key_id, life in sorted(self._held().lives.items()):
            if life.made_at is not None:
                out.append(KeyEvent(key_id, "made", life.made_at, life.made_by, begins=life.begins))
            if life.retired_at is not None:
                out.append(KeyEvent(key_id, "retired", life.retired_at, life.retired_by, life.reason))
        return out

    def _seal_epoch(self, held: _Held) -> int | None:
        if not held.seals:
            return None
        now = self._now()
        may = [epoch for epoch in held.epochs("seal") if held.life("seal", epoch).writes_at(now)]
        good = [
            epoch
            for epoch in may
            if epoch not in held.faulty_seals and not seal_certificates.time_problem(held.seals[epoch], now)
        ]
        return max(good or may or held.epochs("seal"))


def _blind(key: bytes, value: str, about: str) -> bytes:
    return hmac.digest(key, f"{about}\0{value}".encode(), "sha256")


def _published(held: _Held, purpose: str, epoch: int, *, is_current: bool) -> PublicKey:
    life = held.life(purpose, epoch)
    later = [held.life(purpose, one).begins for one in held.epochs(purpose) if one > epoch]
    until = min((moment for moment in later if moment is not None), default=None)
    if purpose == "seal":
        seal = held.seals[epoch]
        raw = seal.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        algorithm, certificates = seal.algorithm, seal.pem
    else:
        raw = held.signers[purpose][epoch].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
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


def _stamps_of(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What changes when a key comes, goes or is written anew."""
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return frozenset()
    return frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def open_to_others(folder: Path) -> list[str]:
    """Secret files that every user of this machine may read or write."""
    return [key.path.name for key in listing(folder) if key.path.stat().st_mode & 0o007]


def _read(folder: Path, *, production: bool) -> _Held:
    """Every key in the folder. Raises KeysMissing."""
    files = listing(folder)
    held = _Held(key_life.read(folder))
    if missing := [purpose for purpose in PURPOSES if purpose not in {key.purpose for key in files}]:
        raise KeysMissing(f"密钥目录 {folder} 缺少：{'、'.join(missing)}；请运行 xcert keys create")
    for key in files:
        if key.purpose in SECRETS:
            held.secrets.setdefault(key.purpose, {})[key.epoch] = _secret(key.path)
        elif key.purpose in SIGNERS:
            signer = _signer(key.path)
            held.signers.setdefault(key.purpose, {})[key.epoch] = signer
            held.verifiers[key.key_id] = signer.public_key()
        elif (seal := seal_certificates.read_seal(key.path)) is not None:
            held.seals[key.epoch] = seal
    held.ciphers = {epoch: AESGCM(secret) for epoch, secret in held.secrets["field"].items()}
    held.faulty_seals = frozenset(
        epoch for epoch, seal in held.seals.items() if seal_certificates.shape_problem(seal)
    )
    if production:
        _require_genuine(folder, held)
    return held


def _require_genuine(folder: Path, held: _Held) -> None:
    """What production refuses. Raises KeysMissing."""
    is_marked = (folder / DEVELOPMENT_MARK).exists()
    if is_marked or any(seal.is_development() for seal in held.seals.values()):
        raise KeysMissing(
            f"密钥目录 {folder} 是开发用密钥，生产环境不能使用；请另建目录并运行 xcert keys create"
        )
    if names := open_to_others(folder):
        raise KeysMissing(
            f"密钥文件 {names[0]} 等 {len(names)} 个可被本机其他用户读取，请运行 chmod -R o-rwx {folder}"
        )


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
        loaded = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, OSError):
        loaded = None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise KeysMissing(f"{path.name} 不是 Ed25519 私钥（未加密的 PEM），请从密钥备份恢复")
    return loaded
