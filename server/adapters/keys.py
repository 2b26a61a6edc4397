"""The Keys port on a folder of key files (`key_files.py`), read anew within seconds whenever the folder changes."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag

from server.adapters import seal_certificates
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
from server.adapters.key_life import KeysMissing
from server.adapters.key_snapshot import (
    KeySnapshot,
    KeysUnsafe,
    open_to_others,
    published,
    read_snapshot,
    unsafe_keys,
)
from server.adapters.seal_certificates import SealCredentials
from server.domain.ports import KeyEvent, PublicKey, Signed
from server.errors import Unverified

__all__ = [
    "DEVELOPMENT_MARK", "PURPOSES", "SECRETS", "SIGNERS", "KeyFile", "KeyFolder", "KeysMissing", "KeysUnsafe", "SealCredentials",
    "create", "listing", "open_to_others", "retire", "rotate", "unsafe_keys",
]  # fmt: skip
log = logging.getLogger("xcert.keys")

LOOK_SECONDS = 10.0  # how old our knowledge of the folder may be
LOOK_AGAIN_SECONDS = 1.0  # when a key is asked for that we do not know


class KeyFolder:
    """Implements the Keys port."""

    def __init__(
        self, folder: Path, *, production: bool, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Raises KeysMissing with one clear sentence when the folder cannot be used."""
        self._folder, self._production, self._now = folder, production, now
        self._stamps = _stamps_of(folder)
        self._looked_at = time.monotonic()
        self._latest = read_snapshot(folder, production=production)

    def refresh(self) -> None:
        """Look at the folder and read it anew if anything in it has changed. A folder that cannot be used is told and
        what we hold stays."""
        self._looked_at = time.monotonic()
        if (stamps := _stamps_of(self._folder)) == self._stamps:
            return
        self._stamps = stamps
        try:
            self._latest = read_snapshot(self._folder, production=self._production)
        except (KeysMissing, OSError) as error:
            log.warning("the key folder changed and cannot be used; the keys held so far stay: %s", error)

    def _snapshot(self, *, knows: Callable[[KeySnapshot], bool] = lambda _: True) -> KeySnapshot:
        age = time.monotonic() - self._looked_at
        if age >= LOOK_SECONDS or (age >= LOOK_AGAIN_SECONDS and not knows(self._latest)):
            self.refresh()
        return self._latest

    def epoch(self, purpose: str) -> int:
        return self._snapshot().writing(purpose, self._now())

    def newest(self, purpose: str, *, least: int = 0) -> int:
        return self._snapshot(knows=lambda snapshot: snapshot.epochs(purpose)[-1] >= least).epochs(purpose)[
            -1
        ]

    def encrypt(self, text: str, *, about: str) -> bytes:
        snapshot = self._snapshot()
        epoch, nonce = snapshot.writing("field", self._now()), secrets.token_bytes(12)
        return (
            epoch.to_bytes(2, "big")
            + nonce
            + snapshot.ciphers[epoch].encrypt(nonce, text.encode(), about.encode())
        )

    def decrypt(self, sealed: bytes, *, about: str) -> str:
        """Raises Unverified when the field was moved, changed, or its key is gone."""
        epoch = int.from_bytes(sealed[:2], "big")
        cipher = self._snapshot(knows=lambda snapshot: epoch in snapshot.ciphers).ciphers.get(epoch)
        try:
            if cipher is None:
                raise InvalidTag
            return cipher.decrypt(sealed[2:14], sealed[14:], about.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unverified("field_unreadable", "数据无法解密，请联系管理员检查密钥目录。") from None

    def blind(self, value: str, *, about: str, epoch: int | None = None) -> bytes:
        snapshot = self._snapshot()
        epoch = snapshot.writing("index", self._now()) if epoch is None else epoch
        return _blind(snapshot.secrets["index"][epoch], value, about)

    def blinds(self, value: str, *, about: str) -> list[bytes]:
        keys = self._snapshot().secrets["index"]
        return [_blind(keys[epoch], value, about) for epoch in sorted(keys, reverse=True)]

    def mac(self, purpose: str, message: bytes, *, epoch: int | None = None) -> bytes:
        snapshot = self._snapshot(knows=lambda snapshot: epoch is None or epoch in snapshot.secrets[purpose])
        if epoch is None:
            epoch = snapshot.writing(purpose, self._now())
        elif snapshot.life(purpose, epoch).retired_at is not None:
            raise Unverified("unknown_epoch", "凭证已失效，请重新操作。")
        key = snapshot.secrets[purpose].get(epoch)
        if key is None:
            raise Unverified("unknown_epoch", "凭证已失效，请重新操作。")
        return hmac.digest(key, message, "sha256")

    def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
        snapshot = self._snapshot()
        epoch = snapshot.writing(purpose, self._now()) if epoch is None else epoch
        return Signed(f"{purpose}-{epoch}", snapshot.signers[purpose][epoch].sign(message))

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool:
        key = self._snapshot(knows=lambda snapshot: key_id in snapshot.verifiers).verifiers.get(key_id)
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
        snapshot = self._snapshot(knows=lambda snapshot: epoch in snapshot.epochs(purpose))
        return self._published(snapshot, purpose, epoch) if epoch in snapshot.epochs(purpose) else None

    def public(self) -> list[PublicKey]:
        snapshot = self._snapshot()
        return [
            self._published(snapshot, purpose, epoch)
            for purpose in (*snapshot.signers, "seal")
            for epoch in snapshot.epochs(purpose)
        ]

    def _published(self, snapshot: KeySnapshot, purpose: str, epoch: int) -> PublicKey:
        current = self._seal_epoch(snapshot) if purpose == "seal" else snapshot.writing(purpose, self._now())
        return published(snapshot, purpose, epoch, is_current=epoch == current)

    def seal_credentials(self) -> SealCredentials:
        """The seal that is to be used now: the newest whose time has come and whose certificates are in order.

        One object as long as it is the same seal, so that whoever caches it keeps one key.

        Raises:
            KeysMissing: no seal has its certificate yet.
        """
        snapshot = self._snapshot()
        epoch = self._seal_epoch(snapshot)
        if epoch is None:
            raise KeysMissing("电子印章还没有证书：请把 CA 签发的证书链存为 seal-0001.crt，放在密钥目录")
        return snapshot.seals[epoch]

    def seal_ends(self) -> datetime | None:
        try:
            return self.seal_credentials().ends()
        except KeysMissing:
            return None

    def seal_problem(self) -> str:
        try:
            seal = self.seal_credentials()
        except KeysMissing as missing:
            return str(missing)
        return seal_certificates.problem(seal, self._now())

    def events(self) -> list[KeyEvent]:
        out = []
        for key_id, life in sorted(self._snapshot().lives.items()):
            if life.made_at is not None:
                out.append(KeyEvent(key_id, "made", life.made_at, life.made_by, begins=life.begins))
            if life.retired_at is not None:
                out.append(KeyEvent(key_id, "retired", life.retired_at, life.retired_by, life.reason))
        return out

    def _seal_epoch(self, snapshot: KeySnapshot) -> int | None:
        if not snapshot.seals:
            return None
        now = self._now()
        may = [epoch for epoch in snapshot.epochs("seal") if snapshot.life("seal", epoch).writes_at(now)]
        good = [
            epoch
            for epoch in may
            if epoch not in snapshot.faulty_seals
            and not seal_certificates.time_problem(snapshot.seals[epoch], now)
        ]
        return max(good or may or snapshot.epochs("seal"))


def _blind(key: bytes, value: str, about: str) -> bytes:
    return hmac.digest(key, f"{about}\0{value}".encode(), "sha256")


def _stamps_of(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What changes when a key comes, goes or is written anew."""
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return frozenset()
    return frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
