"""Data Integrity proofs `eddsa-jcs-2022` (W3C Data Integrity EdDSA Cryptosuites v1.0, 3.3), and the did:web that bears them.

Pure. What is hashed is canonical JSON (RFC 8785): `SHA-256(proof options) ‖ SHA-256(document)`, signed by the key of
purpose `credential`. Documents of ours hold no numbers; one with a number that has no exact integer is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from server.domain.certificates.claims import Verifier, canonical, require_known
from server.domain.ports import Keys, PublicKey
from server.errors import Unverified

PURPOSE = "credential"
SUITE = "eddsa-jcs-2022"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519 = b"\xed\x01"  # multicodec ed25519-pub
_EXACT = 2**53
_PROOF = frozenset(
    {"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "@context", "proofValue"}
)

Document = dict[str, Any]


def base58(data: bytes) -> str:
    """Multibase base58btc: `z` and the digits."""
    value, digits = int.from_bytes(data, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        digits = _ALPHABET[digit] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def unbase58(text: str) -> bytes:
    """The bytes again. Raises ValueError."""
    if not text.startswith("z") or len(text) > 200:
        raise ValueError("not base58btc")
    body = text[1:]
    value = 0
    for character in body:
        value = value * 58 + _ALPHABET.index(character)
    zeros = len(body) - len(body.lstrip("1"))
    return b"\0" * zeros + value.to_bytes((value.bit_length() + 7) // 8, "big")


def multikey(key: PublicKey) -> str:
    """An Ed25519 key as W3C Controlled Identifiers has it."""
    return base58(_ED25519 + key.raw)


def did_of(public_url: str) -> str:
    """The did:web of an origin: a port's colon is escaped, as the method asks."""
    return "did:web:" + urlsplit(public_url).netloc.replace(":", "%3A")


def did_document(public_url: str, keys: list[PublicKey]) -> Document:
    """What `/.well-known/did.json` says: every key ever; those that are retired assert nothing any more."""
    did = did_of(public_url)
    mine = [key for key in keys if key.purpose == PURPOSE]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [_method(did, key) for key in mine],
        "assertionMethod": [f"{did}#{key.key_id}" for key in mine if key.retired_at is None],
    }


def _method(did: str, key: PublicKey) -> Document:
    method: Document = {
        "id": f"{did}#{key.key_id}",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": multikey(key),
    }
    if key.retired_at is not None:
        method["revoked"] = timestamp(key.retired_at)
    return method


def timestamp(moment: datetime) -> str:
    """XML Schema dateTimeStamp in UTC, seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def jcs(value: Any) -> bytes:
    """RFC 8785. Raises ValueError where Python's order of names or a number would not be the standard's."""
    _refuse_inexact(value)
    return canonical(value)


def _refuse_inexact(value: Any) -> None:
    if isinstance(value, dict):
        if any(max(name, default="") > "\ud7ff" for name in value):
            raise ValueError("a name beyond U+D7FF sorts otherwise in UTF-16")
        for inner in value.values():
            _refuse_inexact(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_inexact(inner)
    elif isinstance(value, int) and abs(value) >= _EXACT:
        raise ValueError("no exact number")


def _to_sign(document: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(jcs(dict(options))).digest() + hashlib.sha256(jcs(dict(document))).digest()


def secured(keys: Keys, did: str, document: Document, now: datetime) -> Document:
    """The document with its proof, by the credential key that writes now."""
    epoch = keys.epoch(PURPOSE)
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "created": timestamp(now),
        "verificationMethod": f"{did}#{PURPOSE}-{epoch}",
        "proofPurpose": "assertionMethod",
        "@context": document["@context"],
    }
    signature = keys.sign(PURPOSE, _to_sign(document, options), epoch=epoch).signature
    return {**document, "proof": {**options, "proofValue": base58(signature)}}


def broken() -> Unverified:
    return Unverified("credential_invalid", "可验证凭证无法通过验证：内容被改动，或不是本系统签出的。")


def opened(keys: Verifier, document: Any) -> tuple[Document, str]:
    """A genuine document of ours without its proof, and the key that signed it.

    The key must be the issuer's own (`issuer` and the proof name one DID), and what the proof says of itself is signed, too.

    Raises:
        Unverified("credential_invalid") · Unverified("key_unknown").
    """
    try:
        unsecured = {name: value for name, value in document.items() if name != "proof"}
        proof = document["proof"]
        options = {name: value for name, value in proof.items() if name != "proofValue"}
        issuer = unsecured["issuer"]
        did = issuer if isinstance(issuer, str) else issuer["id"]
        key_id = proof["verificationMethod"].removeprefix(f"{did}#")
        is_ours = (proof["type"], proof["cryptosuite"], proof["proofPurpose"]) == (
            "DataIntegrityProof",
            SUITE,
            "assertionMethod",
        )
        if not is_ours or set(proof) != _PROOF or options["@context"] != unsecured["@context"]:
            raise broken()
        message, signature = _to_sign(unsecured, options), unbase58(proof["proofValue"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise broken() from None
    require_known(keys, PURPOSE, key_id)
    if not keys.verify(PURPOSE, key_id, message, signature):
        raise broken()
    return unsecured, key_id
