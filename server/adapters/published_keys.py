"""The published keys in the hand of somebody who has nothing else: what `/.well-known/xcert-keys.json` says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.domain.ports import PublicKey


class PublishedKeys:
    """Verifies; it holds no secret and cannot sign."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.key_id: key for key in keys}

    @classmethod
    def read(cls, document: bytes) -> PublishedKeys:
        """From the published JSON. Raises ValueError when it is something else."""
        try:
            return cls(
                PublicKey(
                    key_id=str(entry["key_id"]),
                    purpose=str(entry["purpose"]),
                    epoch=int(entry["epoch"]),
                    algorithm=str(entry["algorithm"]),
                    raw=base64.urlsafe_b64decode(str(entry["public_key"]) + "=="),
                    is_current=bool(entry["is_current"]),
                    begins=_moment(entry.get("from")),
                    until=_moment(entry.get("until")),
                    retired_at=_moment(entry.get("retired_at")),
                    reason=str(entry.get("reason") or ""),
                    certificates=str(entry.get("certificates") or ""),
                )
                for entry in json.loads(document)["keys"]
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a list of published keys: {error}") from None

    def public(self) -> list[PublicKey]:
        return list(self._keys.values())

    def find(self, key_id: str) -> PublicKey | None:
        """None: not in this list, which may be older than the key."""
        return self._keys.get(key_id)

    def newest(self, purpose: str) -> int:
        """The highest epoch of this purpose in the list, 0 without any."""
        return max((key.epoch for key in self._keys.values() if key.purpose == purpose), default=0)

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool:
        """False for an unknown key, another purpose, or a wrong signature; never raises."""
        key = self._keys.get(key_id)
        if key is None or key.purpose != purpose or key.algorithm != "Ed25519":
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
