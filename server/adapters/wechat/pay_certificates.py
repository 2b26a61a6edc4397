"""The platform certificates of WeChat Pay, learnt from it: for merchants that have no public key of it yet (wechat.md §7)."""

from __future__ import annotations

import asyncio
import logging

import orjson
from cryptography import x509

from server.adapters.wechat import pay_reading
from server.adapters.wechat.pay_channel import PayChannel
from server.adapters.wechat.pay_signing import PlatformKeys, open_sealed, serial_of
from server.domain.ports import Clock
from server.errors import OutsideFailure, PayRefused, Refused, Unverified

log = logging.getLogger("xcert.pay")

CERTIFICATES = "/v3/certificates"
CERTIFICATES_EVERY = 12 * 3600.0  # seconds; the official SDKs look every 1 or 24 hours


class CertificateDownload:
    """Adds to the keys of the platform what WeChat Pay lists.

    Args:
        keys: what the channel verifies with; new certificates are added to it.
        apiv3_key: opens the certificates of a list.
    """

    def __init__(self, channel: PayChannel, keys: PlatformKeys, apiv3_key: str, clock: Clock) -> None:
        self._channel, self._keys, self._apiv3_key, self._clock = channel, keys, apiv3_key, clock

    async def download(self) -> int:
        """Learn the platform certificates that WeChat Pay lists now; for merchants that still use them.

        A known serial is never overwritten, and nothing is forgotten: the new certificate is listed before it is
        used. Believed because the APIv3 key opens them, then because one of ours signed the list.

        Returns:
            how many certificates are new.

        Raises:
            OutsideFailure, PayRefused (RESOURCE_NOT_EXISTS: this merchant has a public key only),
            Refused pay_undecryptable, Unverified.
        """
        reply = await self._channel.exchange("GET", CERTIFICATES)
        if reply.status != 200:
            await self._channel.call("GET", CERTIFICATES)  # says why
            raise OutsideFailure("微信支付没有给出平台证书")
        certificates = pay_certificates(self._apiv3_key, reply.body)
        trial = PlatformKeys()
        for certificate in certificates:
            trial.add(certificate)
        try:
            self._keys.verify(reply.headers, reply.body, self._clock.now())
        except Unverified as wrong:
            if wrong.code != "pay_serial":
                raise
            trial.verify(reply.headers, reply.body, self._clock.now())
        before = len(self._keys.ends())
        for certificate in certificates:
            if certificate.not_valid_after_utc > self._clock.now():
                self._keys.add(certificate)
        return len(self._keys.ends()) - before

    async def keep(self, *, every: float = CERTIFICATES_EVERY) -> None:
        """Download them again and again, until cancelled. In every process: each one verifies for itself."""
        while True:
            try:
                if new := await self.download():
                    log.info("new platform certificates", extra={"count": new})
            except PayRefused as refusal:
                if refusal.is_code("RESOURCE_NOT_EXISTS"):
                    log.info("no platform certificates: this merchant uses the public key")
                    return
                log.warning("platform certificates not renewed", extra={"refusal": refusal.code})
            except (OutsideFailure, Refused) as problem:
                log.warning("platform certificates not renewed: %s", problem)
            await asyncio.sleep(every)


def pay_certificates(apiv3_key: str, body: bytes) -> list[x509.Certificate]:
    """The certificates of an answer to `GET /v3/certificates`, opened. Raises Refused, OutsideFailure."""
    try:
        certificates = []
        for one in orjson.loads(body)["data"]:
            certificate = x509.load_pem_x509_certificate(open_sealed(apiv3_key, one["encrypt_certificate"]))
            if serial_of(certificate) != one["serial_no"].upper().lstrip("0"):
                raise ValueError("another serial")
            certificates.append(certificate)
    except pay_reading.Unreadable:
        raise OutsideFailure("微信支付的平台证书无法读取") from None
    return certificates
