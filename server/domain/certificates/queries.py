"""The SQL about certificates: the portal's numbers beside ours, and the characters in people's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.certificates.states import EVER_VALID
from server.models.database import rows

_LOCK = 0x706F7274616C  # "portal": one list is weighed and written at a time
_NUMBERED = """
SELECT number, portal_number, line FROM certificate WHERE number = ANY($1::text[]) AND state = ANY($2::text[])
"""
_HOLDERS = "SELECT number, portal_number FROM certificate WHERE portal_number = ANY($1::text[])"
_WRITE = """
UPDATE certificate AS x SET portal_number = n.theirs
FROM unnest($1::text[], $2::text[]) AS n (ours, theirs) WHERE x.number = n.ours RETURNING x.number
"""
_WITHOUT = """
SELECT count(*) AS n FROM certificate x JOIN issuance i ON i.id = x.issuance_id
WHERE i.state = 'issued' AND x.state = 'valid' AND x.portal_number = ''
"""
_FOLLOWED = "UPDATE certificate SET superseded_by_id = $2 WHERE id = $1"
# certificate_ended holds these alone
_ENDED = """
SELECT id FROM certificate
WHERE id >= $1 AND id < $2 AND state IN ('revoked', 'superseded') AND state = ANY($3::text[]) ORDER BY id
"""
_LAST = "SELECT COALESCE(max(id), 0) AS last FROM certificate"
# What stands for a certificate in the public log: `public_log.log_entry.certificate_hash`.
_VALID_AMONG = """
SELECT number FROM certificate WHERE state = 'valid' AND sha256(
    convert_to('xcert log certificate', 'UTF8') || decode('00', 'hex') || convert_to(code, 'UTF8')
) = ANY($1::bytea[]) ORDER BY number
"""
_EVER_VALID = """
SELECT x.id, x.number, x.code, x.state, x.pdf_sha256, x.sealed_at, x.revoked_at, x.superseded_at, COALESCE(n.code, '') AS successor
FROM certificate x LEFT JOIN certificate n ON n.id = x.superseded_by_id
WHERE x.id > $1 AND x.state = ANY($2::text[]) AND x.sealed_at IS NOT NULL ORDER BY x.id LIMIT $3
"""
_CODE = "SELECT code FROM certificate WHERE number = $1 AND state = ANY($2::text[])"
_CHARACTERS = "SELECT character AS one FROM name_character"
_BEARERS = """
SELECT c.name, COALESCE(sc.name, '') AS school,
       EXISTS (SELECT 1 FROM registration r WHERE r.candidate_id = c.id AND r.outcome = 'passed') AS waits
FROM candidate c LEFT JOIN school sc ON sc.id = c.school_id
WHERE string_to_array(c.name, NULL) && string_to_array($1, NULL) ORDER BY c.id + 0 LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A certificate that was valid once: our number, the portal's ('' for none), and what it says."""

    number: str
    portal_number: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose name cannot be printed. `waits`: passed, so that a certificate is held back."""

    name: str
    school: str
    waits: bool


@dataclass(frozen=True, slots=True)
class EverValid:
    """A certificate that was valid once, as the public log tells of it. `successor`: the code of what took its place."""

    id: int
    number: str
    code: str
    state: str
    pdf_sha256: bytes
    sealed_at: datetime
    revoked_at: datetime | None
    superseded_at: datetime | None
    successor: str


async def ever_valid(*, after: int, limit: int) -> list[EverValid]:
    """The next ones behind a row, in order of the rows."""
    return [EverValid(**row) for row in await rows(_EVER_VALID, after, list(EVER_VALID), limit)]


async def valid_among(certificates: Sequence[bytes]) -> list[str]:
    """The numbers of those that are valid, of certificates as the public log names them."""
    return [row["number"] for row in await rows(_VALID_AMONG, list(certificates))]


async def code_of(number: str) -> str:
    """The code of the certificate with this number; "" when none was ever valid."""
    found = await rows(_CODE, number, list(EVER_VALID))
    return str(found[0]["code"]) if found else ""


async def hold_portal_numbers() -> None:
    """The lists of others wait until the caller's transaction ends."""
    await rows("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def numbered(numbers: Sequence[str]) -> list[Numbered]:
    """Those of our numbers that are on a certificate which was valid once."""
    return [Numbered(**row) for row in await rows(_NUMBERED, list(numbers), list(EVER_VALID))]


async def holders(portal_numbers: Sequence[str]) -> dict[str, set[str]]:
    """Our numbers, by the portal's number that stands beside them."""
    holders: dict[str, set[str]] = {}
    for row in await rows(_HOLDERS, list(portal_numbers)):
        holders.setdefault(row["portal_number"], set()).add(row["number"])
    return holders


async def write_portal_numbers(ours: Sequence[str], theirs: Sequence[str]) -> None:
    """Each of theirs beside the one of ours in the same place."""
    await rows(_WRITE, list(ours), list(theirs))


async def name_successor(old_id: int, new_id: int) -> None:
    """The certificate that stands in a revoked one's place."""
    await rows(_FOLLOWED, old_id, new_id)


async def without_portal_number() -> int:
    """How many issued certificates have none."""
    [row] = await rows(_WITHOUT)
    return int(row["n"])


async def ended(first: int, end: int, states: Sequence[str]) -> list[int]:
    """The row numbers, from `first` to before `end`, of certificates that ended in one of these states."""
    return [int(row["id"]) for row in await rows(_ENDED, first, end, list(states))]


async def last_certificate() -> int:
    """The highest row number; 0 without any certificate."""
    [row] = await rows(_LAST)
    return int(row["last"])


async def characters() -> str:
    """Every character that a candidate's name has or had, once, in order of code points."""
    return "".join(sorted(row["one"] for row in await rows(_CHARACTERS)))


async def bearers(of: str, most: int) -> list[Person]:
    """Who has one of these characters in the name."""
    return [Person(**row) for row in await rows(_BEARERS, of, most)]
