"""The token in an officer's QR: nothing but a claim on one scan ticket (C2).

24 bytes, 32 URL-safe characters: 8 bytes of ticket number, 16 bytes of HMAC-SHA256 over every field of the row.
The same token fits a link (`{PUBLIC_URL}/s/{token}`) and a mini-program code's `scene`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits

from server.errors import Unverified

LIFETIME = timedelta(minutes=5)
SKEW = timedelta(seconds=300)  # how far the clocks of two servers may differ
LENGTH = 32
_ALPHABET = frozenset(ascii_letters + digits + "-_")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Mac = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Ticket:
    """The fields of a scan ticket that never change; all of them stand under the MAC."""

    id: int  # 63 random bits
    issuance_id: int
    revision: int
    list_sha256: bytes
    school_id: int
    key_epoch: int
    created_at: datetime
    expires_at: datetime
    shown_by: str = ""  # whose screen shows the QR


def new_id() -> int:
    """63 random bits, never 0."""
    return secrets.randbits(63) or 1


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _message(ticket: Ticket) -> bytes:
    numbers = (
        ticket.id,
        ticket.issuance_id,
        ticket.revision,
        ticket.school_id,
        ticket.key_epoch,
        _microseconds(ticket.created_at),
        _microseconds(ticket.expires_at),
    )
    fixed = b"xcert-scan-1" + b"".join(n.to_bytes(8, "big") for n in numbers)
    return fixed + hashlib.sha256(ticket.list_sha256).digest() + ticket.shown_by.encode()


def mint(mac: Mac, ticket: Ticket) -> str:
    """The token of a ticket: 32 characters of A–Z a–z 0–9 - _.

    Args:
        mac: HMAC-SHA256 under the key `scan` of the ticket's epoch.
    """
    return urlsafe_b64encode(ticket.id.to_bytes(8, "big") + mac(_message(ticket))[:16]).decode()


def ticket_id_of(token: str) -> int:
    """Which ticket a token claims. Proves nothing yet.

    Raises:
        Unverified("scan_malformed"): truncated, too long, or characters that no token has.
        Unverified("scan_forged"): a number that no ticket can have.
    """
    if len(token) != LENGTH or not set(token) <= _ALPHABET:
        raise Unverified("scan_malformed", "二维码内容不完整，请重新扫描屏幕上的二维码。")
    try:
        raw = urlsafe_b64decode(token)
    except (Error, ValueError):  # pragma: no cover - 32 characters of the alphabet always decode
        raise Unverified("scan_malformed", "二维码内容不完整，请重新扫描屏幕上的二维码。") from None
    number = int.from_bytes(raw[:8], "big")
    if number >= 2**63:  # no ticket has such a number, and no column holds it
        raise forged()
    return number


def forged() -> Unverified:
    """The refusal of a token that this service did not make for this ticket."""
    return Unverified("scan_forged", "这不是本系统出示的签发二维码，请扫描评价组织或工作台页面上的二维码。")


def prove(mac: Mac, ticket: Ticket, token: str) -> None:
    """Check that the token is this ticket's own.

    Raises:
        Unverified("scan_forged"): any field, the key or the token differs.
    """
    if not hmac.compare_digest(mint(mac, ticket).encode(), token.encode()):
        raise forged()
