"""Which certificates ended, as W3C Bitstring Status List v1.0: one bit for each, in signed lists of 131,072.

A certificate's place is its row's number. `revocation`: revoked or superseded, it holds no more. `refresh`: superseded,
so that a wallet may ask for the new one; this alone ends nothing. A list is made at most once a minute and is good for
a day, so that it can be carried where there is no network; whoever asks within that day is asked again by nobody.
"""

from __future__ import annotations

import base64
import gzip
from contextlib import suppress
from datetime import datetime, timedelta

from server.domain.certificates import data_integrity, queries
from server.domain.certificates.data_integrity import Document, did_of, timestamp
from server.domain.ports import Services
from server.errors import NotFound, OutsideFailure

SIZE = 131_072  # bits: the least that the standard allows, so that no place tells who is asked about
FRESH = 60  # seconds that one list serves everybody
GOOD_FOR = timedelta(days=1)
ENDING = {"revocation": ("revoked", "superseded"), "refresh": ("superseded",)}  # purpose: states


def address(public_url: str, purpose: str, number: int) -> str:
    return f"{public_url}/status/{purpose}/{number}"


def entries(public_url: str, index: int) -> list[Document]:
    """The `credentialStatus` of the certificate with this row number."""
    number, place = divmod(index, SIZE)
    return [
        {
            "id": f"{address(public_url, purpose, number)}#{place}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": purpose,
            "statusListIndex": str(place),
            "statusListCredential": address(public_url, purpose, number),
        }
        for purpose in ENDING
    ]


def encoded(places: list[int]) -> str:
    """Multibase base64url of the gzipped bits; place 0 is the highest bit of the first byte."""
    bits = bytearray(SIZE // 8)
    for place in places:
        bits[place >> 3] |= 0x80 >> (place & 7)
    packed = gzip.compress(bytes(bits), mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def document(public_url: str, purpose: str, number: int, places: list[int], now: datetime) -> Document:
    """The list without its proof."""
    whole = address(public_url, purpose, number)
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": whole,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did_of(public_url),
        "validFrom": timestamp(now),
        "validUntil": timestamp(now + GOOD_FOR),
        "credentialSubject": {
            "id": f"{whole}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": encoded(places),
        },
    }


async def signed_list(s: Services, purpose: str, number: int) -> bytes:
    """One list, signed; the same bytes for everybody within a minute, also of other processes.

    Raises:
        NotFound("status_list_not_found"): no such purpose, or no certificate stands in that list yet.
    """
    if purpose not in ENDING or number < 0:
        raise _none()
    now = s.clock.now()
    key = f"status-list:{purpose}:{number}:{int(now.timestamp()) // FRESH}"
    with suppress(OutsideFailure):  # without the cache everybody gets their own
        if (kept := await s.cache.get(key)) is not None:
            return kept
    first = number * SIZE
    if number and first > await queries.last_certificate():
        raise _none()
    places = [one - first for one in await queries.ended(first, first + SIZE, ENDING[purpose])]
    whole = document(s.settings.public_url, purpose, number, places, now)
    made = data_integrity.jcs(data_integrity.secured(s.keys, did_of(s.settings.public_url), whole, now))
    with suppress(OutsideFailure):
        if not await s.cache.add(key, made, seconds=2 * FRESH):
            return await s.cache.get(key) or made
    return made


def _none() -> NotFound:
    return NotFound("status_list_not_found", "没有这份状态清单。")
