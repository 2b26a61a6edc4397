"""Seals a PDF: the picture of the seal and the PAdES signature in one act.

The visible signature field *is* the picture, so nobody can have one without the other. Whether the certificates may seal
at this moment is asked before each seal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from server.adapters import seal_certificates
from server.adapters.documents.seal_field import Place
from server.adapters.seal_certificates import SealCredentials
from server.errors import Refused

if TYPE_CHECKING:
    from server.adapters.documents.seal_signature import Ready


class Seal:
    """The organisation's electronic seal."""

    def __init__(self, credentials: SealCredentials | Callable[[], SealCredentials]) -> None:
        """`credentials`: fixed ones, or a function that gives those of now (a key folder's `seal_credentials`)."""
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

    def put(self, pdf: bytes, *, issuer: str, place: Place, moment: datetime) -> bytes:
        """The PDF with seal and signature appended; the first part stays byte for byte.

        Args:
            pdf: an unsealed PDF.
            issuer: the name on the seal (S8).
            place: where on the first page.
            moment: the signing time.

        Raises:
            Refused("seal_unusable"): the seal's certificate has expired, is not yet valid, or is out of order.
        """
        from server.adapters.documents import seal_signature

        return seal_signature.sealed(self._ready(moment), pdf, issuer=issuer, place=place, moment=moment)
