"""WeChat Pay's cryptography: sign as the merchant, know what WeChat Pay signed, open what it sealed (wechat.md §7.1–7.3).

On `cryptography` alone. Keys are loaded once: an RSA key takes some 28 ms to load and 1 ms to use.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from server.errors import Refused, Unverified

SCHEME = "WECHATPAY2-SHA256-RSA2048"
CIPHER = "AEAD_AES_256_GCM"
WINDOW = 300  # seconds either way; the official Go SDK refuses at exactly 300, too


def lines(*parts: str | bytes) -> bytes:
    """What is signed: every part on a line of its own, the last one ends in a newline as well."""
    return b"".join((part.encode() if isinstance(part, str) else part) + b"\n" for part in parts)


def is_signed_by(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """SHA256withRSA, PKCS#1 v1.5, base64."""
    try:
        key.verify(b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


class Merchant:
    """Our side of the signatures: the merchant number with its API certificate's key."""

    def __init__(self, mchid: str, serial: str, key_pem: str) -> None:
        """`serial`: of the merchant API certificate, hex. Raises ValueError when the key is no RSA key in PEM."""
        key = load_pem_private_key(key_pem.encode(), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the merchant key is not an RSA key")
        self.mchid, self.serial, self._key = mchid, serial.upper(), key

    def sign(self, *parts: str | bytes) -> str:
        """The base64 signature over `parts`, each a line."""
        return b64encode(self._key.sign(lines(*parts), PKCS1v15(), SHA256())).decode()

    def authorization(self, method: str, target: str, body: bytes, *, stamp: int, nonce: str = "") -> str:
        """The Authorization header of a request.

        Args:
            target: path with query, percent-encoded as it is sent.
            body: the very bytes that are sent; empty for GET.
            stamp: Unix seconds.
            nonce: 32 random characters unless given.
        """
        nonce = nonce or secrets.token_hex(16).upper()
        signature = self.sign(method, target, str(stamp), nonce, body)
        return (
            f'{SCHEME} mchid="{self.mchid}",nonce_str="{nonce}",timestamp="{stamp}",'
            f'serial_no="{self.serial}",signature="{signature}"'
        )


@dataclass(frozen=True, slots=True)
class _PlatformKey:
    key: RSAPublicKey
    ends: datetime | None  # None: WeChat Pay public keys do not expire


def serial_of(certificate: x509.Certificate) -> str:
    """A certificate's serial as WeChat writes it: hex in upper case."""
    return f"{certificate.serial_number:X}"


def _normal(serial: str) -> str:
    return serial if serial.startswith("PUB_KEY_ID_") else serial.upper().lstrip("0")


class PlatformKeys:
    """WeChat Pay's keys by serial: its public key, and platform certificates, as many as are valid (wechat.md §7.2).

    While a merchant moves from certificates to the public key, either may have signed: the serial decides.
    """

    def __init__(self, public_key_id: str = "", public_key_pem: str = "", certificates_pem: str = "") -> None:
        """Raises ValueError when a PEM cannot be read."""
        self._keys: dict[str, _PlatformKey] = {}
        if public_key_pem:
            key = load_pem_public_key(public_key_pem.encode())
            if not isinstance(key, RSAPublicKey):
                raise ValueError("the WeChat Pay public key is not an RSA key")
            self._keys[public_key_id] = _PlatformKey(key, None)
        if certificates_pem:
            for certificate in x509.load_pem_x509_certificates(certificates_pem.encode()):
                self.add(certificate)

    def add(self, certificate: x509.Certificate) -> None:
        """Know one more certificate. A serial that is known stays as it is."""
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the platform certificate's key is not an RSA key")
        self._keys.setdefault(serial_of(certificate), _PlatformKey(key, certificate.not_valid_after_utc))

    def get(self, serial: str, now: datetime) -> RSAPublicKey | None:
        """The key of a serial; None when it is unknown or its certificate has expired."""
        known = self._keys.get(_normal(serial))
        return None if known is None or (known.ends is not None and known.ends <= now) else known.key

    def sealing(self, now: datetime) -> tuple[str, RSAPublicKey]:
        """What is sealed for WeChat Pay: its public key, else the certificate that is valid longest, with its serial.

        Raises Refused pay_no_key: there is none that is valid.
        """
        valid = [
            (known.ends is None, known.ends or now, serial, known.key)
            for serial, known in self._keys.items()
            if known.ends is None or known.ends > now
        ]
        if not valid:
            raise Refused("pay_no_key", "没有有效的微信支付公钥或平台证书，请先更新配置。")
        *_, serial, key = max(valid, key=lambda one: one[:3])
        return serial, key

    def ends(self) -> dict[str, datetime | None]:
        """Every serial with the end of its validity."""
        return {serial: key.ends for serial, key in self._keys.items()}

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Whether WeChat Pay signed this answer or notification, now.

        A probe (`WECHATPAY/SIGNTEST/…`) is a wrong signature like any other and needs no case of its own.

        Args:
            headers: with names in lower case.
            body: the bytes as they came.

        Raises:
            Unverified: pay_headers, pay_window, pay_serial, pay_signature, looked at in this order.
        """
        stamp, nonce, serial, signature = (
            headers.get(f"wechatpay-{name}", "") for name in ("timestamp", "nonce", "serial", "signature")
        )
        if not (stamp and nonce and serial and signature) or headers.get(
            "wechatpay-signature-type", SCHEME
        ) not in ("", SCHEME):
            raise Unverified("pay_headers", "缺少微信支付的签名信息。")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise Unverified("pay_window", "签名的时间无法识别。")
        if abs(now.timestamp() - int(stamp)) >= WINDOW:
            raise Unverified("pay_window", "签名的时间与现在相差五分钟以上。")
        if (key := self.get(serial, now)) is None:
            raise Unverified("pay_serial", "签名所用的微信支付公钥或平台证书不在本服务的配置里。")
        if not is_signed_by(key, lines(stamp, nonce, body), signature):
            raise Unverified("pay_signature", "签名不正确。")


def sealed(key: RSAPublicKey, text: str) -> str:
    """Something of a person that WeChat Pay alone may read: RSAES-OAEP with SHA-1 as it wants it, base64."""
    padding = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 — the platform's choice
    return b64encode(key.encrypt(text.encode(), padding)).decode()


def open_sealed(apiv3_key: str, resource: Mapping[str, Any]) -> bytes:
    """Decrypt a notification's `resource` or a certificate's `encrypt_certificate`.

    Args:
        apiv3_key: 32 ASCII characters, used as bytes (neither base64 nor hex).

    Raises:
        Refused: pay_undecryptable.
    """
    try:
        if resource["algorithm"] != CIPHER:
            raise ValueError
        return AESGCM(apiv3_key.encode("ascii")).decrypt(
            str(resource["nonce"]).encode(),
            b64decode(resource["ciphertext"], validate=True),
            str(resource.get("associated_data") or "").encode(),
        )
    except (InvalidTag, KeyError, TypeError, ValueError):
        raise Refused(
            "pay_undecryptable", "通知无法解密，请核对 WECHAT_PAY_APIV3_KEY 与商户平台的设置。"
        ) from None
