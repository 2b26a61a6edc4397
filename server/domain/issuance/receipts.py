"""The signed proof of one confirmation: anyone with the public key can check it; nothing of it is printed (S87)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.beijing import local
from server.domain.certificates.claims import Verifier, canonical, require_known
from server.domain.issuance.scan_token import Ticket
from server.domain.ports import Keys
from server.errors import Unverified

FORMAT = "xcert-receipt-2"
CONFIRMED = "confirm_scan"  # the action of a receipt by which a school signs; the other is a return
_FIRST = "xcert-receipt-1"  # without the fields of _SECOND; verified for ever, made no more
_SECOND = frozenset({"certificate", "issuer", "issuer_signer", "site", "exam_date"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a receipt says; the last five fields came with the second form. `at` is RFC 3339 in Beijing time; digests are hexadecimal SHA-256."""

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
    certificate: str = ""  # the kind of certificate
    issuer: str = ""
    issuer_signer: str = ""  # who signed for the organisation
    site: str = ""
    exam_date: str = ""  # ISO 8601


def ticket_name(ticket: Ticket) -> str:
    """A ticket's number as text, so that no program rounds it."""
    return f"{ticket.id:016x}"


def moment(at: datetime) -> str:
    """The time of a receipt: Beijing, to the millisecond."""
    return local(at).isoformat(timespec="milliseconds")


def make(keys: Keys, statement: Statement) -> bytes:
    """Sign the statement with Ed25519 (purpose `receipt`): canonical JSON with its signature inside."""
    content = {"format": FORMAT, **{f: getattr(statement, f) for f in Statement.__dataclass_fields__}}
    signed = keys.sign("receipt", canonical(content))
    proof = {"key": signed.key_id, "signature": base64.b64encode(signed.signature).decode()}
    return canonical({**content, "proof": proof})


def _broken() -> Unverified:
    return Unverified("receipt_invalid", "签发凭据无法通过验证：内容被改动，或不是本系统签出的。")


@dataclass(frozen=True, slots=True)
class Proof:
    """Which key signed, and whether the document is still as it was given out, byte for byte."""

    key_id: str
    is_as_given: bool


def read(keys: Verifier, document: bytes) -> tuple[Statement, Proof]:
    """What a genuine receipt says, and what proves it.

    Editors and mail gateways add a final newline, a byte order mark or line breaks; none of it changes what is said.
    So the content is judged in its canonical form. A name given twice, or a number written as a float, is refused.

    Raises:
        Unverified("receipt_invalid"): not ours, changed, or unreadable. Unverified("key_unknown").
    """
    try:
        content = json.loads(document.decode("utf-8-sig"), object_pairs_hook=once)
        is_as_given = canonical(content) == document
        proof = content.pop("proof")
        key_id, signature = str(proof["key"]), base64.b64decode(proof["signature"], validate=True)
        is_whole = base64.b64encode(signature).decode() == proof["signature"]  # no stray bits at its end
        if set(proof) != {"key", "signature"} or not is_whole:
            raise _broken()
        message = canonical(content)
        left_out = {FORMAT: frozenset(), _FIRST: _SECOND}[content.pop("format")]
        if set(content) != set(Statement.__dataclass_fields__) - left_out:
            raise _broken()
        statement = Statement(**content)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise _broken() from None
    require_known(keys, "receipt", key_id)
    if not keys.verify("receipt", key_id, message, signature):
        raise _broken()
    return statement, Proof(key_id, is_as_given)


def verify(keys: Verifier, document: bytes) -> Statement:
    """What a genuine receipt says. Raises as `read` does."""
    return read(keys, document)[0]


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: two values of one name would be read differently by others."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)
