"""An authenticator in software (WebAuthn Level 2 §6): makes keys, answers challenges, and can be told to misbehave."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def plain(data: str) -> bytes:
    return urlsafe_b64decode(data + "=" * (-len(data) % 4))


@dataclass
class SoftAuthenticator:
    """One device with its keys.

    Attributes:
        origin: of the page that the browser says it is on.
        verifies: whether it asks the person for finger, face or PIN.
        count: of signatures; 0 stays 0, as with synced passkeys.
        id_bytes: how long its credentials' numbers are; 1023 at most, by the standard.
    """

    origin: str = "http://localhost:8000"
    verifies: bool = True
    count: int = 0
    keys: dict[bytes, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    user: bytes = b""
    id_bytes: int = 32

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, rp_id: str, more: bytes = b"") -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | (ATTESTED if more else 0)
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.count) + more

    def create(self, options: str) -> str:
        """What `navigator.credentials.create` gives for these options, as JSON."""
        wanted = json.loads(options)
        key, number = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(self.id_bytes)
        self.keys[number], self.user = key, plain(wanted["user"]["id"])
        at = key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32, "big"), -3: at.y.to_bytes(32, "big")})
        attested = bytes(16) + struct.pack(">H", len(number)) + number + cose
        data = self._data(wanted["rp"]["id"], attested)
        return self._credential(
            number,
            {
                "clientDataJSON": text(self._client_data("webauthn.create", wanted["challenge"])),
                "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
                "transports": ["internal"],
            },
        )

    def get(self, options: str, *, number: bytes = b"") -> str:
        """What `navigator.credentials.get` gives, by the only key or the one named."""
        wanted = json.loads(options)
        number = number or next(iter(self.keys))
        if self.count:
            self.count += 1
        data, client = self._data(wanted["rpId"]), self._client_data("webauthn.get", wanted["challenge"])
        signature = self.keys[number].sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            number,
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(data),
                "signature": text(signature),
                "userHandle": text(self.user),
            },
        )

    def _credential(self, number: bytes, response: dict[str, Any]) -> str:
        said = {"id": text(number), "rawId": text(number), "type": "public-key", "response": response}
        return json.dumps({**said, "clientExtensionResults": {}, "authenticatorAttachment": "platform"})
