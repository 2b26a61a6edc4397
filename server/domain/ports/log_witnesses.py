"""The port of the witnesses of the public log; part of `ports.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody else who keeps an eye on the log. `key`: as C2SP writes a verifier key; `url`: without a slash at its end."""

    key: str
    url: str

    @property
    def name(self) -> str:
        """As its key names it."""
        return self.key.partition("+")[0]


class LogWitnesses(Protocol):
    """Others who sign that the log only grows (C2SP tlog-witness)."""

    def all(self) -> list[Witness]: ...

    async def add_checkpoint(self, witness: Witness, body: bytes) -> tuple[int, bytes]:
        """Show it a checkpoint. Returns the HTTP status and a body of at most 64 kB; raises OutsideFailure."""

    async def checkpoint(self, witness: Witness, origin_sha256: str) -> bytes:
        """The last checkpoint of a log that it has signed, at most 64 kB; raises OutsideFailure."""

    def is_genuine(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether this Ed25519 key, which is none of ours, made the signature."""
