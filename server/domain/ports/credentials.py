"""What the domain needs to keep what people type as a proof of who they are: slow hashes, and codes of the moment."""

from __future__ import annotations

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
