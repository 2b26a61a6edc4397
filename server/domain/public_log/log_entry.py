"""What one line of the log says: an event of a certificate that only its holder can recognise.

An entry is canonical JSON (sorted keys, no spaces, ASCII):

    {"at":"2026-11-27T04:00:00Z","certificate":"<64 hex>","event":"issued","pdf":"<64 hex>","serial_to":1000,
     "series":"26XLFW1","v":1}

`certificate` is SHA-256 over "xcert log certificate\0" and the code of the certificate's QR. The code ends in an Ed25519
signature that nobody but the issuer can make, so that number, name and even identity number do not lead to it; who holds
the certificate reads it off. `series` and `serial_to` say how far numbers have gone, in steps of a thousand, so that a
restored database steps on past them and no number can be told.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

VERSION = 1
STEP = 1000  # how coarsely the log tells serials
LONGEST = 1000  # bytes of an entry
_DOMAIN = b"xcert log certificate\0"
_HEX = re.compile(r"[0-9a-f]{64}")
_SERIES = re.compile(r"[0-9]{2}[0-9A-Z]{1,8}[123]")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
EVENTS = ("issued", "revoked", "superseded")
LABELS = {"issued": "发放", "revoked": "撤销", "superseded": "更正换发"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event. `certificate`, `successor`: of `certificate_hash`, hex. `pdf`: SHA-256 of the sealed file, hex, or ""."""

    event: str
    certificate: str
    at: datetime
    series: str
    serial_to: int
    pdf: str = ""
    successor: str = ""

    def to_bytes(self) -> bytes:
        said: dict[str, str | int] = {
            "at": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "certificate": self.certificate,
            "event": self.event,
            "serial_to": self.serial_to,
            "series": self.series,
            "v": VERSION,
        }
        if self.pdf:
            said["pdf"] = self.pdf
        if self.successor:
            said["successor"] = self.successor
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def read_entry(data: bytes) -> Entry:
    """Raises ValueError for anything that `Entry.to_bytes` would not have written."""
    said = json.loads(data) if len(data) <= LONGEST and data.startswith(b'{"at":') else None
    if not isinstance(said, dict) or said.get("v") != VERSION or said.get("event") not in EVENTS:
        raise ValueError("not an entry of this form")
    hashes = [said.get("certificate"), *(said[name] for name in ("pdf", "successor") if name in said)]
    series, at, serial_to = said.get("series"), said.get("at"), said.get("serial_to")
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in hashes):
        raise ValueError("not a SHA-256")
    if not isinstance(series, str) or not _SERIES.fullmatch(series):
        raise ValueError("not a series")
    if type(serial_to) is not int or not 0 < serial_to <= 10**8 or serial_to % STEP:
        raise ValueError("not a serial")
    if not isinstance(at, str) or not _MOMENT.fullmatch(at):
        raise ValueError("not a moment")
    entry = Entry(
        event=said["event"],
        certificate=said["certificate"],
        at=datetime.fromisoformat(at),
        series=series,
        serial_to=serial_to,
        pdf=said.get("pdf", ""),
        successor=said.get("successor", ""),
    )
    if entry.to_bytes() != data:
        raise ValueError("not the one form of it")
    return entry


def certificate_hash(code: str) -> bytes:
    """What stands for a certificate in the log. `code`: the digits of its QR behind /v/."""
    return hashlib.sha256(_DOMAIN + code.encode()).digest()


def entry_of(
    event: str, *, number: str, code: str, at: datetime, pdf: bytes | None, successor: str = ""
) -> Entry:
    """The entry of an event of the certificate with this number and code.

    Args:
        pdf: SHA-256 of the sealed file, told when it is issued.
        successor: the code of the certificate that takes its place, if there is one yet.
    """
    return Entry(
        event=event,
        certificate=certificate_hash(code).hex(),
        at=at,
        series=number[:-9],
        serial_to=-(-int(number[-9:-1]) // STEP) * STEP,
        pdf=bytes(pdf).hex() if pdf and event == "issued" else "",
        successor=certificate_hash(successor).hex() if successor else "",
    )
