"""The cryptography of WeChat Pay v3, and nothing about whose key it is (wechat.md §7.1, §7.2, §7.3, §7.5)."""

from __future__ import annotations

import base64
import binascii
import secrets
import string

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
LETTERS = string.ascii_letters + string.digits


def nonce(length: int = 32) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def request_message(method: str, path: str, timestamp: str, nonce_str: str, body: bytes) -> bytes:
    """What a merchant signs: five lines, the path with its query as sent."""
    return f"{method}\n{path}\n{timestamp}\n{nonce_str}\n".encode() + body + b"\n"


def answer_message(timestamp: str, nonce_str: str, body: bytes) -> bytes:
    """What the platform signs in answers and notifications: three lines over the raw bytes."""
    return f"{timestamp}\n{nonce_str}\n".encode() + body + b"\n"


def cashier_message(appid: str, timestamp: str, nonce_str: str, package: str) -> bytes:
    """What paySign covers: four lines, the last `prepay_id=…`."""
    return f"{appid}\n{timestamp}\n{nonce_str}\n{package}\n".encode()


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """SHA256withRSA, PKCS#1 v1.5, base64."""
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def genuine(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether this base64 signature is of this message by the owner of this key."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def probe_signature() -> str:
    """A wrong signature as WeChat sends it now and then to see whether it is refused."""
    return PROBE_PREFIX + base64.b64encode(secrets.token_bytes(256)).decode()[len(PROBE_PREFIX) :]


def seal(apiv3_key: str, plain: bytes, associated: str, nonce_str: str | None = None) -> dict[str, str]:
    """AEAD_AES_256_GCM: ciphertext ‖ tag in base64, with nonce and associated data as they travel.

    Args:
        apiv3_key: used as ASCII bytes, neither base64 nor hex.
        nonce_str: 12 characters; random if not given.
    """
    used = nonce(12) if nonce_str is None else nonce_str
    ciphertext = AESGCM(apiv3_key.encode()).encrypt(used.encode(), plain, associated.encode() or None)
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "associated_data": associated,
        "nonce": used,
    }


def unseal(apiv3_key: str, envelope: dict[str, str]) -> bytes:
    """The way back.

    Raises:
        InvalidTag: another key, nonce, associated data or text.
    """
    associated = envelope.get("associated_data", "").encode() or None
    return AESGCM(apiv3_key.encode()).decrypt(
        envelope["nonce"].encode(), base64.b64decode(envelope["ciphertext"]), associated
    )
