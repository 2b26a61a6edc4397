"""Whose keys: the merchant's registered certificate, the platform's public key and its certificates, old and new."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from server.sandbox import key_material
from server.sandbox.clock import Clock
from server.sandbox.config import Merchant
from server.sandbox.pay import limits, signatures
from server.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """A certificate of the platform; signed with from `used_from` on, listed from `listed_at` on."""

    serial: str
    pem: str
    private: str
    listed_at: float
    used_from: float

    @property
    def x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.encode())

    def lives(self, now: float) -> bool:
        return self.listed_at <= now < self.x509.not_valid_after_utc.timestamp()


def _private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


class Keyring:
    """Every key of one merchant's WeChat Pay; the rotated certificates are kept in the store."""

    def __init__(self, merchant: Merchant, store: Store, clock: Clock) -> None:
        certificate = x509.load_pem_x509_certificate(merchant.certificate.encode())
        public = certificate.public_key()
        assert isinstance(public, RSAPublicKey)
        self.merchant_key = public
        self.merchant_serial = key_material.serial_of(merchant.certificate)
        self.public_key_id = merchant.public_key_id
        self._merchant = merchant
        self._store = store
        self._clock = clock
        self._loaded: dict[str, RSAPrivateKey] = {}

    def _everyone(self) -> list[PlatformCertificate]:
        """The one from the configuration, as if it had always been there, and those of every rotation."""
        first = self._merchant.platform_certificate
        private = self._merchant.platform_certificate_private
        own = PlatformCertificate(key_material.serial_of(first), first, private, 0.0, 0.0)
        later = [PlatformCertificate(**body) for body in self._store.all("pay.certificate").values()]
        return sorted([own, *later], key=lambda one: one.listed_at)

    def certificates(self) -> list[PlatformCertificate]:
        """All that are listed now, the oldest first."""
        now = self._clock.now()
        return [one for one in self._everyone() if one.lives(now)]

    def used(self) -> PlatformCertificate:
        """The certificate that signs now: the newest whose time has come."""
        now = self._clock.now()
        begun = [one for one in self._everyone() if one.used_from <= now]
        return max(begun, key=lambda one: (one.used_from, one.listed_at))

    def rotate(self, lead: float = limits.CERTIFICATE_LEAD_SECONDS) -> PlatformCertificate:
        """A new certificate: listed at once, used only after so many seconds."""
        now = self._clock.now()
        private = key_material.private_key()
        pem = key_material.certificate_of(
            private, "Tenpay.com sandbox", datetime.fromtimestamp(int(now), UTC)
        )
        certificate = PlatformCertificate(key_material.serial_of(pem), pem, private, now, now + lead)
        body = {name: getattr(certificate, name) for name in PlatformCertificate.__slots__}
        self._store.put("pay.certificate", certificate.serial, body)
        return certificate

    def knows(self, serial: str) -> bool:
        """Whether an answer may be asked for under this serial."""
        return serial == self.public_key_id or any(c.serial == serial for c in self.certificates())

    def sign(self, serial: str, message: bytes) -> str:
        """The platform's signature under its public key's name or a certificate's serial."""
        if serial not in self._loaded:
            self._loaded[serial] = _private(self._private_pem(serial))
        return signatures.sign(self._loaded[serial], message)

    def opened(self, serial: str, value: str) -> str | None:
        """What somebody sealed with the public half of this serial's key; None: not with it, or of no known serial."""
        if not self.knows(serial):
            return None
        padding = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 — the platform's choice
        try:
            key = _private(self._private_pem(serial))
            return key.decrypt(b64decode(value, validate=True), padding).decode()
        except ValueError:
            return None

    def _private_pem(self, serial: str) -> str:
        if serial == self.public_key_id:
            return self._merchant.public_key_private
        return next(one.private for one in self._everyone() if one.serial == serial)
