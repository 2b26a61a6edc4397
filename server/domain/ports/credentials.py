"""What the domain needs to judge a proof of who somebody is: slow hashes, codes of the moment, passkeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.errors import TooMany

BUSY_SECONDS = 3


class Busy(TooMany):
    """Nobody has looked at the password or PIN: the try does not count."""

    def __init__(self) -> None:
        super().__init__("busy", "同时登录或签发的人太多，请几秒钟后再试。", retry_after=BUSY_SECONDS)


class PasswordHasher(Protocol):
    """Slow, salted hashes of one kind of secret, with a queue of its own: a flood of one kind does not stop another.

    Not to be called within a database transaction: a hash takes tens of milliseconds, its queue perhaps seconds. (The
    one exception: what carries an Idempotency-Key is one transaction with its effect, decision 0151.)
    """

    async def hash(self, secret: str) -> str:
        """What is kept of the secret: its hash with today's parameters. Raises Busy."""

    async def verify(self, encoded: str, *secrets: str) -> bool:
        """Whether one of the secrets is the one; False also for an unreadable hash. Raises Busy."""

    def is_outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""

    def nobodys(self) -> str:
        """A hash that no secret has, with today's parameters: an unknown name costs the time of a wrong password."""


class OneTimeCodes(Protocol):
    """Codes of an authenticator app: six digits for each half minute (RFC 6238 with SHA-1, steps of 30 s)."""

    def new_secret(self) -> str:
        """A fresh secret, in base32 as apps take it."""

    def code(self, secret: str, step: int) -> str:
        """The six digits of a step, which is the number of half minutes since 1970."""

    def address(self, secret: str, *, account: str, issuer: str) -> str:
        """The otpauth address that an app scans."""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A key that a browser has just made: what is kept to know it by."""

    credential_id: bytes
    public_key: bytes  # COSE
    sign_count: int
    is_backed_up: bool  # kept by the maker of the phone or browser as well


class Passkeys(Protocol):
    """Offers and verdicts (WebAuthn Level 2) for one place on the web; a key made there works nowhere else.

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
