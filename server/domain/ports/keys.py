"""The port of key material, and what it gives and takes; part of `ports.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Signed:
    """An Ed25519 signature and the id of the key that made it."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A published key: `raw` is 32 bytes for Ed25519, DER SubjectPublicKeyInfo otherwise.

    Times are aware. `begins`, `until`: from when it writes, and when the next one took over (None: open). A retired key
    proves nothing by itself any more, for whoever took it can sign whatever they like. `certificates`: PEM, the seal's
    own first.
    """

    key_id: str
    purpose: str
    epoch: int
    algorithm: str
    raw: bytes
    is_current: bool
    begins: datetime | None = None
    until: datetime | None = None
    retired_at: datetime | None = None
    reason: str = ""
    certificates: str = ""


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """Something that happened to a key: `made` or `retired`. `by` is the system's user who ran the command."""

    key_id: str
    kind: str
    at: datetime
    by: str
    reason: str = ""
    begins: datetime | None = None


class Keys(Protocol):
    """Key material by purpose and epoch. Writing uses the newest epoch whose time has come; every epoch goes on reading."""

    def encrypt(self, text: str, *, about: str) -> bytes:
        """AES-256-GCM; `about` (table.column) is bound as associated data; the epoch stands in front."""

    def decrypt(self, sealed: bytes, *, about: str) -> str: ...

    def blind(self, value: str, *, about: str, epoch: int | None = None) -> bytes:
        """Keyed hash for lookup, 32 bytes; under the epoch that writes now if none is given."""

    def blinds(self, value: str, *, about: str) -> list[bytes]:
        """The same under every epoch, newest first: look up with ANY of them."""

    def epoch(self, purpose: str) -> int: ...

    def mac(self, purpose: str, message: bytes, *, epoch: int | None = None) -> bytes:
        """HMAC-SHA256, 32 bytes, for purposes `session` and `scan`. Raises Unverified on an unknown epoch."""

    def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
        """Ed25519, for purposes `receipt`, `certificate` and `credential`; the epoch that writes now if none is given."""

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool:
        """False for an unknown key, a wrong length or a wrong signature; never raises."""

    def find(self, key_id: str) -> PublicKey | None:
        """A published key; None: not known here, though another process may have made it a moment ago."""

    def newest(self, purpose: str, *, least: int = 0) -> int:
        """The highest epoch that is known, whether it writes or not; looked for anew where `least` is not known."""

    def public(self) -> list[PublicKey]: ...

    def events(self) -> list[KeyEvent]:
        """What is known of the lives of all keys, for the trail."""

    def seal_ends(self) -> datetime | None:
        """When the seal that seals now ends, with the first certificate of its chain; None while there is none."""

    def seal_problem(self) -> str:
        """Why nothing can be sealed now, in one sentence; "" when all is well."""
