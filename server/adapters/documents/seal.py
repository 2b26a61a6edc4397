"""Seals a PDF: the picture of the seal and the PAdES signature in one act.

The visible signature field *is* the picture, so nobody can have one without the other. Whether the certificates may seal
at this moment is asked before each seal.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

from server.adapters import seal_certificates
from server.adapters.documents.seal_field import Place
from server.adapters.documents.time_stamps import TimeStamps
from server.adapters.documents.validation_data import ValidationData, ValidationSource
from server.adapters.seal_certificates import SealCredentials
from server.domain.ports import Clock
from server.errors import OutsideFailure, Refused

if TYPE_CHECKING:
    from server.adapters.documents.seal_signature import Ready

TRIES = 3  # a token that is larger than those before it makes the room for the next try
STAMP_FRAME = 64  # bytes of the unsigned attribute around a token


class Seal:
    """The organisation's electronic seal."""

    def __init__(
        self,
        credentials: SealCredentials | Callable[[], SealCredentials],
        time_stamps: TimeStamps | None = None,
        validation: ValidationSource | None = None,
    ) -> None:
        """A seal.

        Args:
            credentials: fixed ones, or a function that gives those of now (a key folder's `seal_credentials`).
            time_stamps: the authority that says when each seal was put (PAdES B-T); None: nobody does (B-B).
            validation: who says that no certificate is revoked (B-LT), where seals are stamped.
        """
        self._time_stamps = time_stamps
        self._validation = validation or ValidationSource()
        self._source = credentials if callable(credentials) else lambda: credentials
        self._last: Ready | None = None

    def _ready(self, moment: datetime) -> Ready:
        """Raises Refused("seal_unusable") when nothing may be sealed at `moment`."""
        # pyHanko costs every process's start a third of a second, and most processes never seal.
        from server.adapters.documents import seal_signature

        credentials = self._source()
        if self._last is None or self._last.credentials is not credentials:
            self._last = seal_signature.Ready.make(credentials)
        ready = self._last
        if fault := ready.fault or seal_certificates.time_problem(credentials, moment):
            raise Refused("seal_unusable", fault)
        return ready

    def _data(self, stamps: TimeStamps, now: datetime) -> ValidationData:
        """Raises Refused("seal_unusable"): an issuer says that it has revoked a certificate."""
        credentials = self._source()
        stamping = [x509.load_der_x509_certificate(one) for one in stamps.trial().certificates]
        data = self._validation.of([credentials.certificate, *credentials.chain, *stamping], now)
        if data.revoked:
            raise Refused("seal_unusable", f"证书“{data.revoked}”已被它的签发机构吊销，不能盖章，请更换。")
        return data

    def put(
        self,
        draw: Callable[[], bytes],
        *,
        issuer: str,
        place: Place,
        clock: Clock,
        lock: AbstractContextManager[Any],
    ) -> bytes:
        """The PDF with seal and signature appended; the first part stays byte for byte.

        Args:
            draw: gives the unsealed PDF.
            issuer: the name on the seal (S8).
            place: where on the first page.
            clock: of the signing time.
            lock: held while the file is drawn and laid out, and not while the time-stamp authority is waited for.

        Raises:
            Refused("seal_unusable"): the seal's certificate has expired, is not yet valid, or is out of order.
            OutsideFailure: the time-stamp authority gives no token.
        """
        from server.adapters.documents import seal_signature

        stamps = self._time_stamps
        for _ in range(TRIES):
            more = STAMP_FRAME + stamps.room if stamps else 0
            data = self._data(stamps, clock.now()) if stamps else None
            with lock:
                moment = clock.now()
                ready = self._ready(moment)
                how = seal_signature.Sealing(
                    issuer=issuer, place=place, moment=moment, room=ready.cms.room + more, data=data
                )
                laid = seal_signature.laid_out(ready, draw(), how)
            sealed = seal_signature.signed(ready, laid, stamps.stamp if stamps else None)
            if sealed is not None:
                return sealed
        raise OutsideFailure("时间戳一次比一次大，放不进为它留的地方，证书稍后自动再试。")
