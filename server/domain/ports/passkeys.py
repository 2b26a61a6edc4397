"""What the domain needs of passkeys (WebAuthn Level 2): offers for a browser, and a verdict on what it sends back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A key that a browser has just made: what is kept to know it by."""

    credential_id: bytes
    public_key: bytes  # COSE
    sign_count: int
    is_backed_up: bool  # kept by the maker of the phone or browser as well


class Passkeys(Protocol):
    """Offers and verdicts for one place on the web; a key made there works nowhere else.

    What comes from a browser is JSON text as `PublicKeyCredential.toJSON` writes it, at most some kilobytes.
    """

    @property
    def origin(self) -> str:
        """The scheme, host and port whose pages may use these keys."""

    def creation(
        self, challenge: bytes, *, user: bytes, names: tuple[str, str], known: Sequence[bytes]
    ) -> str:
        """What `navigator.credentials.create` takes, as JSON.

        Args:
            user: the account's handle, nothing personal.
            names: user name and name, as the browser shows them.
            known: credential ids of the account, so that no device makes a second key.
        """

    def request(self, challenge: bytes) -> str:
        """What `navigator.credentials.get` takes, as JSON; it names no key, so that nobody learns whose there are."""

    def made(self, credential: str, challenge: bytes) -> NewPasskey:
        """A key from what `create` gave. Raises Refused("passkey_invalid")."""

    def named(self, credential: str) -> bytes:
        """Which key an answer of `get` says it is of: nothing is checked yet. Raises Refused("passkey_invalid")."""

    def used(self, credential: str, challenge: bytes, *, public_key: bytes, sign_count: int) -> int:
        """The key's new count, when the answer of `get` is genuine, of this challenge, and the person was verified.

        Raises Refused("passkey_invalid"), also for a count that went back: the key was copied.
        """
