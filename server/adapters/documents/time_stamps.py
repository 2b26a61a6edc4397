"""The time-stamp authority (RFC 3161): asked for one token over each seal's signature. It blocks; seals are made in threads.

While it does not answer nothing is sealed: a file that is sealed is never changed, so that one without its time stamp would
stay without it for good (decision 0860).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from server.adapters.bounded_http import NoAnswer, Question, ask
from server.adapters.circuit_breaker import Breaker
from server.domain.ports import Clock
from server.errors import OutsideFailure
from server.settings import Settings

if TYPE_CHECKING:
    from server.adapters.documents.time_stamp_tokens import Token

log = logging.getLogger("xcert.seal")

SECONDS = 5.0  # a claim on a certificate lasts 20: drawing, stamping and keeping fit in
LARGEST = 64 * 1024
APART = timedelta(minutes=5)  # between its clock and ours
SLACK = 128  # tokens of one authority differ by some bytes: serial numbers, fractions of seconds
LATER = "时间戳服务暂时没有应答，证书稍后自动继续生成。"


class TimeStamps:
    """One authority, as one process asks it."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        roots: Sequence[x509.Certificate] = (),
        seconds: float = SECONDS,
        breaker: Breaker | None = None,
    ) -> None:
        """`roots`: only tokens issued under one of them are taken; none: any authority's, in development alone."""
        self._url, self._clock, self._roots, self._seconds = url, clock, tuple(roots), seconds
        self._breaker = breaker or Breaker("the time-stamp authority")
        self._lock = threading.Lock()
        self.why = ""  # it gave no token the last time, in a few words for operators
        self._largest = 0
        self._last: Token | None = None

    def trial(self) -> Token:
        """A token for nobody: that the authority answers, how large its tokens are, which certificates they carry.

        Raises OutsideFailure as `stamp`.
        """
        if self._last is None:
            self.stamp(secrets.token_bytes(32))
        assert self._last is not None
        return self._last

    @property
    def room(self) -> int:
        """How many bytes a token may need, as measured until now. Raises OutsideFailure as `stamp`."""
        self.trial()
        return self._largest + SLACK

    def stamp(self, signature: bytes) -> bytes:
        """The DER of a token over `signature`, checked.

        Raises:
            OutsideFailure: no answer, a refusal, or a token that does not hold; in a sentence for people.
        """
        with self._lock:
            may_ask = self._breaker.may_ask()
        if not may_ask:
            raise OutsideFailure(LATER)
        try:
            der, token = self._asked(signature)
        except NoAnswer as problem:
            with self._lock:
                self._breaker.failed(str(problem))
                self.why = str(problem)
            raise OutsideFailure(LATER) from None
        with self._lock:
            self._breaker.answered()
            self._largest, self._last = max(self._largest, len(der)), token
        return der

    def _asked(self, signature: bytes) -> tuple[bytes, Token]:
        from asn1crypto import cms, tsp  # with pyHanko: most processes never seal

        from server.adapters.documents import time_stamp_tokens

        nonce = secrets.randbits(63)
        request = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": hashlib.sha256(signature).digest(),
                },
                "nonce": nonce,
                "cert_req": True,
            }
        )
        question = Question(self._url, request.dump(), "application/timestamp-query", self._seconds, LARGEST)
        try:
            answer = ask(question)
            status = time_stamp_tokens.status_of(answer)
            if status not in ("granted", "granted_with_mods"):
                raise NoAnswer(f"它拒绝了（{status}）")
            # Taken as it came, before anything in it is read: asn1crypto would write a read token anew, which takes long.
            der = tsp.TimeStampResp.load(answer, strict=True)["time_stamp_token"].dump()
            content = cms.ContentInfo.load(der)
            told = content["content"]["encap_content_info"]["content"].parsed
            is_ours = told["nonce"].native == nonce
            token = time_stamp_tokens.read(content, signature)
            time_stamp_tokens.certificates_of(token)  # each of them can be read whenever somebody asks for it
            is_under = not self._roots or time_stamp_tokens.is_issued_under(token, self._roots)
        except NoAnswer:
            raise
        except Exception as problem:  # whatever a stranger's bytes make the readers raise
            log.warning("a time stamp that cannot be read: %s", type(problem).__name__)
            raise NoAnswer("时间戳无法读取") from None
        if not (is_ours and token.is_genuine):
            raise NoAnswer("时间戳没有通过核对")
        if abs(token.moment - self._clock.now()) > APART:
            raise NoAnswer("时间戳的时间与本机相差五分钟以上")
        if not is_under:
            raise NoAnswer("时间戳不是由设置的机构签发的")
        return der, token


def of(settings: Settings, clock: Clock) -> TimeStamps | None:
    """The authority that is configured; None: none is. Raises ValueError: XCERT_TSA_CERTIFICATES are no certificates."""
    if not settings.tsa_url:
        return None
    roots = (
        x509.load_pem_x509_certificates(settings.tsa_certificates.encode())
        if settings.tsa_certificates
        else ()
    )
    return TimeStamps(settings.tsa_url, clock, roots=roots)
