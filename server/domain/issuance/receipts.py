"""The signed proof of one confirmation: anyone with the public key can check it; nothing of it is printed (S87)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from server.domain.beijing import local
from server.domain.claims import Verifier, canonical
from server.domain.issuance.scans import Ticket
from server.domain.ports import Keys
from server.errors import Unverified

FORMAT = "xcert-receipt-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a receipt says. `at` is RFC 3339 in Beijing time; digests are hexadecimal SHA-256."""

    action: str  # confirm_scan | school_return
    issuance: int
    revision: int
    list_sha256: str
    count: int
    plan: str
    level: str
    officer: int
    officer_name: str
    school: int
    school_name: str
    ticket: str  # 16 hexadecimal digits
    at: str
    reason: str = ""


def ticket_name(ticket: Ticket) -> str:
    """A ticket's number as text, so that no program rounds it."""
    return f"{ticket.id:016x}"


def moment(at: Any) -> str:
    """The time of a receipt: Beijing, to the millisecond."""
    return local(at).isoformat(timespec="milliseconds")


def make(keys: Keys, statement: Statement) -> bytes:
    """Sign the statement with Ed25519 (purpose `receipt`): canonical JSON with its signature inside."""
    said = {"format": FORMAT, **{f: getattr(statement, f) for f in Statement.__dataclass_fields__}}
    signed = keys.sign("receipt", canonical(said))
    proof = {"key": signed.key_id, "signature": base64.b64encode(signed.signature).decode()}
    return canonical({**said, "proof": proof})


def _broken() -> Unverified:
    return Unverified("receipt_invalid", "签发凭据无法通过验证：内容被改动，或不是本系统签出的。")


def verify(keys: Verifier, document: bytes) -> Statement:
    """What a genuine receipt says.

    Raises:
        Unverified("receipt_invalid"): not ours, changed by a byte, or unreadable.
    """
    try:
        said = json.loads(document)
        proof = said.pop("proof")
        key_id, signature = str(proof["key"]), base64.b64decode(proof["signature"], validate=True)
        if said.get("format") != FORMAT or canonical({**said, "proof": proof}) != document:
            raise _broken()
        message = canonical(said)
        said.pop("format")
        statement = Statement(**said)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise _broken() from None
    if not keys.verify("receipt", key_id, message, signature):
        raise _broken()
    return statement
