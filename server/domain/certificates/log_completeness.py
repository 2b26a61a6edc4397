"""Whatever was issued stands in the public log: certificates from before there was one, and any that came past it.

The writer of certificates' states leaves every step to the log. What older programs wrote, or somebody by hand, is found
here: all certificates are looked through in slices, once soon and then every day.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain.certificates import queries
from server.domain.certificates.queries import EverValid
from server.domain.certificates.states import CertificateState
from server.domain.ports import Services
from server.domain.public_log import log_outbox
from server.domain.public_log import queries as log_queries
from server.domain.public_log.log_entry import Entry, certificate_hash, entry_of

log = logging.getLogger("xcert.log")
SLICE = 2000
SLICES = 25  # in one run: fifty thousand
EVERY = timedelta(days=1)


async def sweep(s: Services) -> None:
    """Sweep `log.complete`. The outbox takes no event twice, and the log gives none a second place."""
    head = await log_queries.head()
    if head.complete_at is not None and head.complete_at > s.clock.now() - EVERY:
        return
    is_first, found = head.complete_at is None, 0
    at = head.looked_through
    for _ in range(SLICES):
        async with in_transaction():
            some = await queries.ever_valid(after=at, limit=SLICE)
            logged = await log_queries.logged([certificate_hash(one.code) for one in some])
            missing = [entry for one in some for entry in _missing(one, logged)]
            await log_outbox.put(missing)
            found += len(missing)
            at = some[-1].id if some else 0
            is_over = len(some) < SLICE
            await log_queries.looked_through(0 if is_over else at, s.clock.now() if is_over else None)
        await s.faults.reach("log.complete: a slice is looked through")
        if is_over:
            break
    if found and not is_first:
        log.warning("%d events of certificates had come past the public log", found)


def _missing(one: EverValid, logged: Mapping[bytes, set[str]]) -> list[Entry]:
    have = logged.get(certificate_hash(one.code), set())
    out = []
    if "issued" not in have:
        out.append(_entry("issued", one, one.sealed_at))
    if one.state == CertificateState.REVOKED.value and "revoked" not in have:
        out.append(_entry("revoked", one, one.revoked_at or one.sealed_at))
    if one.state == CertificateState.SUPERSEDED.value and "superseded" not in have:
        out.append(_entry("superseded", one, one.superseded_at or one.sealed_at, one.successor))
    return out


def _entry(event: str, one: EverValid, at: datetime, successor: str = "") -> Entry:
    return entry_of(event, number=one.number, code=one.code, at=at, pdf=one.pdf_sha256, successor=successor)


async def still_valid(certificates: Sequence[bytes]) -> list[str]:
    """The numbers of certificates that the log says are over, and the record says are valid."""
    return await queries.valid_among(certificates)
