"""核验: what anyone may learn who holds a certificate, or knows its number and its holder's name.

The code on the paper is signed, so it proves itself; the record adds whether it still holds. Without the code, number
and exact name are asked together, and every miss has one answer, for which the same statements are sent as for a hit: no
number can be told from a name, none can be listed.
"""

from __future__ import annotations

import base64
import hmac
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from server.domain.addresses import counted
from server.domain.certificates import claims
from server.domain.certificates.claims import Claims
from server.domain.certificates.states import EVER_VALID, CertificateState
from server.domain.exams.results import is_released
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.names import same_name
from server.domain.ports import Clock, Keys, RateLimiter, Services
from server.domain.public_log import inclusion
from server.domain.public_log.inclusion import Inclusion
from server.errors import FieldError, Invalid, NotFound, OutsideFailure, TooMany, Unverified
from server.models import Certificate

log = logging.getLogger("xcert.log")
MINUTES = 10
_ADDRESS = "verification.address"
FORM_TRIES = 30  # of one address in ten minutes; a school's students share one
SCAN_TRIES = 300
FILE_TRIES = 20  # each costs a second of a processor
MISSES_OF_NUMBER = 20  # an hour, from wherever they come


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """What anybody may learn of a number. The reason of a revocation is for the holder; the public learns since when."""

    number: str
    state: str  # valid | revoked | superseded
    revoked_at: datetime | None
    superseded_by: str | None
    superseded_at: datetime | None
    superseded_word: str  # why, in a word
    portal_number: str
    pdf_sha256: str


class Standing(Enum):
    """What the record says of a genuine certificate; only the first is good."""

    VALID = "valid"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"  # signed by us, yet not among what we have issued
    DIFFERENT = "different"  # the number is on record with other claims

    @property
    def label(self) -> str:
        return {
            "valid": "证书有效",
            "revoked": "证书已撤销",
            "superseded": "证书已更正换发，此份不再有效",
            "unknown": "没有这份证书的发放记录，不能视为有效",
            "different": "与发放记录不一致，不能视为有效",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """A genuine certificate: what it says, and how it stands at `at`."""

    claims: Claims
    standing: Standing
    at: datetime
    id_masked: str = ""
    revoked_at: datetime | None = None
    superseded_by: str | None = None
    superseded_at: datetime | None = None
    superseded_word: str = ""
    portal_number: str = ""
    pdf_sha256: str = ""
    code: str = ""  # of the one on record; "" when the record does not bear this one out
    logged: tuple[Inclusion, ...] = ()  # what the public log tells of it, with proofs

    @property
    def is_valid(self) -> bool:
        return self.standing is Standing.VALID


async def read_code(s: Services, code: str, *, address: str) -> Finding:
    """What a scanned code says and how the certificate stands now.

    Raises:
        Unverified("code_invalid"): unreadable, changed or forged. TooMany("verification_paused").
    """
    await pace_codes(s.rate_limiter, address)
    finding = await standing_of(s, code)
    return replace(finding, logged=await _logged(s, finding.code))


async def standing_of(s: Services, code: str) -> Finding:
    """How the certificate of a genuine code stands now, for one who has been counted already. Raises as `read_code`."""
    return await _standing(s.clock, s.keys, claims.open_code(s.keys, code))


async def pace_codes(rate_limiter: RateLimiter, address: str) -> None:
    """Count a code that is to be read. Raises TooMany("verification_paused")."""
    await _pace(rate_limiter, f"verification:scan:{counted(address)}", SCAN_TRIES)


async def pace_files(rate_limiter: RateLimiter, address: str) -> None:
    """Count a file that is to be judged. Raises TooMany("verification_paused")."""
    await _pace(rate_limiter, f"verification:file:{counted(address)}", FILE_TRIES)


async def find(s: Services, number: str, name: str, *, address: str) -> Finding:
    """The certificate with this number, if this is exactly its holder's name.

    Raises:
        Invalid: a field is empty. NotFound("certificate_not_matched"): the one answer to every miss.
        TooMany("verification_paused").
    """
    number = claims.tidy_number(number)
    _require(number, name)
    await _pace(s.rate_limiter, f"verification:form:{counted(address)}", FORM_TRIES)
    misses = f"verification:number:{number[:24]}"
    if await s.rate_limiter.count(misses) >= MISSES_OF_NUMBER:
        raise _paused(60)
    finding = await _recorded(s.clock, s.keys, number)
    is_same = same_name(name, finding.claims.name if finding is not None else None)
    if finding is not None and (not is_same or finding.standing is Standing.UNKNOWN):
        finding = None
    logged = await _logged(s, finding.code if finding is not None else "")  # asked of a miss as well
    if finding is None:
        await s.rate_limiter.hit(misses, window=3600)
        raise NotFound(
            "certificate_not_matched",
            "没有查到编号与姓名都相符的证书。请对照证书逐字核对；若手边有证书，扫描上面的二维码最可靠。",
        )
    return replace(finding, logged=logged)


def address_of(keys: Keys, number: str) -> str:
    """The last part of an address at which a found certificate may be asked for again, kept or forwarded.

    It is the number, sealed: nobody reads number or name in it, it is not the code that is printed on the paper, and
    nobody can make one up.
    """
    return base64.urlsafe_b64encode(keys.encrypt(number, about=_ADDRESS)).decode().rstrip("=")


async def find_again(s: Services, sealed: str, *, address: str) -> Finding:
    """How the certificate of a kept address stands now.

    Raises:
        NotFound("address_unknown"): not an address of ours, or its certificate is not on record any more.
        TooMany("verification_paused").
    """
    await pace_codes(s.rate_limiter, address)
    try:
        data = base64.b64decode(sealed[:400] + "=" * (-len(sealed[:400]) % 4), altchars=b"-_", validate=True)
        number = s.keys.decrypt(data, about=_ADDRESS)
    except (ValueError, Unverified):
        raise _no_address() from None
    finding = await _recorded(s.clock, s.keys, number)
    if finding is None or finding.standing is Standing.UNKNOWN:
        raise _no_address()
    return replace(finding, logged=await _logged(s, finding.code))


def _no_address() -> NotFound:
    return NotFound("address_unknown", "这个网址不完整，或者不是本系统给出的。请用证书编号和姓名重新核验。")


async def _logged(s: Services, code: str) -> tuple[Inclusion, ...]:
    """What the public log tells of this certificate. A log that cannot be read now takes nothing from a finding."""
    try:
        return tuple(await inclusion.find(s.file_store, s.keys, code))
    except (NotFound, OutsideFailure, ValueError) as trouble:
        log.warning("no proof from the public log: %s", type(trouble).__name__)
        return ()


def _require(number: str, name: str) -> None:
    missing = [
        FieldError(f"/{field}", f"{field}_missing", f"请填写{label}。")
        for field, label, value in (("number", "证书编号", number), ("name", "持证人姓名", name.strip()))
        if not value
    ]
    if missing:
        raise Invalid("".join(error.detail for error in missing), errors=missing)


async def _pace(rate_limiter: RateLimiter, key: str, most: int) -> None:
    if await rate_limiter.hit(key, window=60 * MINUTES) > most:
        raise _paused(MINUTES)


def _paused(minutes: int) -> TooMany:
    return TooMany(
        "verification_paused", f"核验过于频繁，请 {minutes} 分钟后再试。", retry_after=60 * minutes
    )


async def public_status(clock: Clock, number: str) -> PublicStatus | None:
    """What the public is told of a number; None unless it was issued and
    its plan's results are released. Only whoever has the number can ask."""
    # One statement, whether there is such a number or not: the time it takes must not tell.
    certificate = await Certificate.get_or_none(number=number).select_related(
        "issuance__plan", "superseded_by"
    )
    if certificate is None or certificate.state not in EVER_VALID:
        return None
    if (
        CertificateState(certificate.state) is CertificateState.VALID
        and certificate.issuance.issued_at is None
    ):
        return None
    if not is_released(certificate.issuance.plan, clock.now()):
        return None
    successor = certificate.superseded_by
    return PublicStatus(
        number=certificate.number,
        state=certificate.state,
        revoked_at=certificate.revoked_at,
        superseded_by=successor.number if successor is not None else None,
        superseded_at=certificate.superseded_at,
        superseded_word=certificate.superseded_word,
        portal_number=certificate.portal_number,
        pdf_sha256=bytes(certificate.pdf_sha256 or b"").hex(),
    )


async def _recorded(clock: Clock, keys: Keys, number: str) -> Finding | None:
    """The certificate on record with this number; None when there is none.

    For a number that there is not, as many statements are sent as for one that there is: time must not tell either.
    """
    record = await Certificate.get_or_none(number=number).select_related("candidate")
    status = await public_status(clock, number)
    if record is None or not record.claims:
        return None
    return _compared(clock, keys, Claims.from_bytes(bytes(record.claims)), status, record)


async def _standing(clock: Clock, keys: Keys, statement: Claims) -> Finding:
    status = await public_status(clock, statement.number)
    if status is None:
        return Finding(statement, Standing.UNKNOWN, clock.now())
    record = await Certificate.get(number=statement.number).select_related("candidate")
    return _compared(clock, keys, statement, status, record)


def _compared(
    clock: Clock, keys: Keys, statement: Claims, status: PublicStatus | None, record: Certificate
) -> Finding:
    """What the record says of these claims."""
    if status is None:
        return Finding(statement, Standing.UNKNOWN, clock.now())
    if not hmac.compare_digest(bytes(record.claims_sha256 or b""), statement.sha256()):
        return Finding(statement, Standing.DIFFERENT, clock.now())
    return Finding(
        statement,
        Standing(status.state),
        clock.now(),
        id_masked=_printed_id(keys, record),
        revoked_at=status.revoked_at,
        superseded_by=status.superseded_by,
        superseded_at=status.superseded_at,
        superseded_word=status.superseded_word,
        portal_number=status.portal_number,
        pdf_sha256=status.pdf_sha256,
        code=record.code,
    )


def _printed_id(keys: Keys, record: Certificate) -> str:
    """The masked identity number as it stands on the paper, whatever the person's is today."""
    sealed = record.printed_id_sealed or record.candidate.id_sealed
    return mask_id(keys.decrypt(bytes(sealed), about=ABOUT_ID))
