"""What a reader of decades from now needs besides the signature (PAdES B-LT): the certificates, and that none was revoked.

OCSP first, else the list of revoked certificates (RFC 6960, RFC 5280), from the addresses that certificates name; checked,
and kept in this process while they are fresh. What cannot be had is left out: the seal and its time stamp hold without it.
Whether a certificate of the seal *is* revoked is told all the same, and nothing is sealed with it then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from server.adapters.bounded_http import NoAnswer, Question, ask
from server.adapters.issuers import BROKEN, is_issued_by

log = logging.getLogger("xcert.seal")

SECONDS = 2.0
BUDGET = 4.0  # seconds after which nobody else is asked: a claim on a certificate lasts 20
LARGEST = 256 * 1024  # of a list of revoked certificates: it is put into every file
KEPT = timedelta(hours=6)  # at most, however long the authority calls it fresh
AGAIN = timedelta(minutes=10)  # after one of them could not be had
_HASHES = ("sha256", "sha384", "sha512")  # of signatures
CLOCKS = timedelta(minutes=5)  # by which an authority's clock may be ahead of ours

Ask = Callable[[Question], bytes]


@dataclass(frozen=True, slots=True)
class ValidationData:
    """DER of each; `revoked`: the name of a certificate that its issuer has revoked, or ""."""

    certificates: tuple[bytes, ...]
    ocsps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    revoked: str = ""


@dataclass(frozen=True, slots=True)
class _Status:
    """What an issuer says of one certificate."""

    der: bytes
    is_ocsp: bool
    is_revoked: bool
    fresh_until: datetime


class ValidationSource:
    """Asks the authorities, and remembers."""

    def __init__(self, ask: Ask = ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[datetime, _Status | None]] = {}

    def of(self, certificates: Sequence[x509.Certificate], now: datetime) -> ValidationData:
        """Of the seal's and the time-stamp authority's certificates, in any order. Blocks for some seconds at most."""
        ends = time.monotonic() + BUDGET
        with self._lock:
            found = [
                (one, status)
                for one, above in _issued(certificates)
                if (status := self._status(one, above, now, ends)) is not None
            ]
        told = [status for _, status in found]
        revoked = next((one for one, status in found if status.is_revoked), None)
        return ValidationData(
            tuple(dict.fromkeys(one.public_bytes(Encoding.DER) for one in certificates)),
            tuple(dict.fromkeys(status.der for status in told if status.is_ocsp)),
            tuple(dict.fromkeys(status.der for status in told if not status.is_ocsp)),
            "" if revoked is None else revoked.subject.rfc4514_string(),
        )

    def _status(
        self, one: x509.Certificate, issuer: x509.Certificate, now: datetime, ends: float
    ) -> _Status | None:
        key = one.fingerprint(hashes.SHA256())
        until, kept = self._kept.get(key, (now, None))
        if now < until:
            return kept
        if time.monotonic() > ends:  # nobody is asked: that is no answer, and nothing to be kept
            return kept if kept is not None and kept.is_revoked else None
        status = self._asked(one, issuer, now, ends)
        until = now + AGAIN if status is None else min(status.fresh_until, now + KEPT)
        if status is None and kept is not None and kept.is_revoked:
            status = kept  # an issuer that falls silent has not taken its word back
        self._kept[key] = until, status
        return status

    def _asked(
        self, one: x509.Certificate, issuer: x509.Certificate, now: datetime, ends: float
    ) -> _Status | None:
        try:
            addresses = list(_addresses(one))
        except BROKEN as problem:
            log.warning("a certificate whose addresses cannot be read: %s", type(problem).__name__)
            return None
        for how, address in addresses:
            if time.monotonic() > ends:
                break
            try:
                return how(self._ask, address, one, issuer, now)
            except NoAnswer as problem:
                log.warning("no word on whether a certificate is revoked: %s", problem)
            except BROKEN as problem:
                log.warning("a word on revocation that does not hold: %s", type(problem).__name__)
        return None


def _issued(certificates: Sequence[x509.Certificate]) -> list[tuple[x509.Certificate, x509.Certificate]]:
    """Each that another one of them issued, with that one; roots are trusted or not, never revoked."""
    found = []
    for one in certificates:
        above = next((other for other in certificates if other != one and is_issued_by(one, other)), None)
        if above is not None and one.subject != one.issuer:
            found.append((one, above))
    return found


_How = Callable[[Ask, str, x509.Certificate, x509.Certificate, datetime], _Status]


def _addresses(one: x509.Certificate) -> Iterable[tuple[_How, str]]:
    try:
        access = one.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        access = x509.AuthorityInformationAccess([])
    for described in access:
        if described.access_method == AuthorityInformationAccessOID.OCSP:
            yield _by_ocsp, str(described.access_location.value)
    try:
        points = one.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        for name in point.full_name or ():
            if isinstance(name, x509.UniformResourceIdentifier):
                yield _by_list, name.value


def _by_ocsp(
    ask: Ask, address: str, one: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> _Status:
    request = ocsp.OCSPRequestBuilder().add_certificate(one, issuer, hashes.SHA1()).build()  # noqa: S303 -- names the issuer (RFC 6960), signs nothing
    question = Question(
        address, request.public_bytes(Encoding.DER), "application/ocsp-request", SECONDS, LARGEST
    )
    der = ask(question)
    answer = ocsp.load_der_ocsp_response(der)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise NoAnswer(f"OCSP {answer.response_status.name}")
    if answer.serial_number != one.serial_number:
        raise ValueError("an answer about another certificate")
    _verify_responder(answer, issuer, now)
    if answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise NoAnswer("OCSP UNKNOWN")
    until = answer.next_update_utc or answer.this_update_utc + KEPT
    _require_fresh(answer.this_update_utc, until, now)
    return _Status(der, True, answer.certificate_status is ocsp.OCSPCertStatus.REVOKED, until)


def _verify_responder(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """RFC 6960 4.2.2.2: signed by the issuer, or by whom it has appointed. Raises one of BROKEN.

    The signer is whom the answer names; the certificates beside it may be others, a whole chain among them.
    """
    signer = next((one for one in (issuer, *answer.certificates) if _is_named(answer, one)), None)
    if signer is None:
        raise ValueError("nobody there is the one that it names")
    if signer != issuer:
        if not is_issued_by(signer, issuer):
            raise ValueError("appointed by another")
        use = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.OCSP_SIGNING not in use:
            raise ValueError("not appointed for OCSP")
        _require_fresh(signer.not_valid_before_utc, signer.not_valid_after_utc, now)
    _verify(signer, answer.signature, answer.tbs_response_bytes, answer.signature_hash_algorithm)


def _strong(algorithm: hashes.HashAlgorithm | None) -> hashes.HashAlgorithm:
    """SHA-1 may name an issuer in a question (RFC 6960), and vouches for nothing. Raises UnsupportedAlgorithm."""
    if algorithm is None or algorithm.name not in _HASHES:
        raise UnsupportedAlgorithm("a signature without a hash that holds")
    return algorithm


def _is_named(answer: ocsp.OCSPResponse, one: x509.Certificate) -> bool:
    if answer.responder_name is not None:
        return one.subject == answer.responder_name
    return x509.SubjectKeyIdentifier.from_public_key(one.public_key()).digest == answer.responder_key_hash


def _verify(
    signer: x509.Certificate, signature: bytes, said: bytes, algorithm: hashes.HashAlgorithm | None
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key = signer.public_key()
    hashed = _strong(algorithm)
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, said, padding.PKCS1v15(), hashed)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, said, ec.ECDSA(hashed))
    else:
        raise UnsupportedAlgorithm("a key of another kind")


def _by_list(
    ask: Ask, address: str, one: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> _Status:
    der = ask(Question(address, seconds=SECONDS, most=LARGEST))
    listed = x509.load_der_x509_crl(der)
    if listed.issuer != issuer.subject or not listed.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # kinds that cannot sign raise TypeError
        raise ValueError("a list of another authority")
    until = listed.next_update_utc or listed.last_update_utc + KEPT
    _require_fresh(listed.last_update_utc, until, now)
    is_revoked = listed.get_revoked_certificate_by_serial_number(one.serial_number) is not None
    return _Status(der, False, is_revoked, until)


def _require_fresh(begins: datetime, ends: datetime, now: datetime) -> None:
    if not begins - CLOCKS <= now <= ends:
        raise ValueError("a word of another time")
