"""The SQL about people: who is on record, who is bound to whom, and whom a member of staff may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.ports import WeChatIdentity
from server.models.database import rows

_CANDIDATE = "SELECT id FROM candidate WHERE id_index = ANY($1::bytea[])"
_HOLD = "SELECT 1 FROM candidate WHERE id_index = ANY($1::bytea[]) FOR NO KEY UPDATE"
_NEXT_INDEXES = """
SELECT c.id, c.id_sealed, c.id_index,
       EXISTS (SELECT 1 FROM certificate x WHERE x.candidate_id = c.id AND x.state = 'reserved') AS is_waiting
FROM candidate c WHERE c.id > $1 AND c.erased_at IS NULL ORDER BY c.id LIMIT $2
"""

_ON_RECORD = """
SELECT (SELECT candidate_id FROM binding WHERE account = $2 AND openid = $3 AND unbound_at IS NULL) AS mine,
       c.id, c.name, c.mobile_sealed, c.given_phone_sealed,
       EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = c.id AND b.account <> $2 AND b.unbound_at IS NULL
               AND (b.unionid = '' OR b.unionid <> $4)) AS is_elsewhere
FROM (SELECT 1) AS one LEFT JOIN candidate c ON c.id_index = ANY($1::bytea[])
"""
_BIND = """
INSERT INTO binding (account, openid, unionid, candidate_id, bound_at)
SELECT $1, $2, $3, c.id, $5 FROM candidate c WHERE c.id = $4 ON CONFLICT DO NOTHING
"""
_BINDING = """
SELECT id FROM binding WHERE account = $1 AND openid = $2 AND candidate_id = $3 AND unbound_at IS NULL
"""
_UNBIND = """
UPDATE binding SET unbound_at = $3 WHERE account = $1 AND openid = $2 AND unbound_at IS NULL RETURNING candidate_id
"""

# $2: a school's id, or NULL for staff, who see all.
_OF_SCHOOL = """($2::bigint IS NULL OR c.school_id = $2 OR EXISTS (
    SELECT 1 FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = c.id AND t.school_id = $2))"""
_BY_NAME = f"SELECT c.id FROM candidate c WHERE c.name = $1 AND {_OF_SCHOOL} ORDER BY c.id LIMIT 50"  # noqa: S608 -- a constant
# `+ 0`: by the index of characters, never backwards through everybody in search of a rare name.
_BY_PART = f"""
SELECT c.id FROM candidate c WHERE string_to_array(c.name, NULL) @> string_to_array($1, NULL) AND strpos(c.name, $1) > 0
  AND {_OF_SCHOOL} ORDER BY c.id + 0 DESC LIMIT $3
"""  # noqa: S608 -- a constant
_SEEN = f"SELECT 1 FROM candidate c WHERE c.id = $1 AND {_OF_SCHOOL} FOR SHARE"  # noqa: S608 -- a constant
_BY_ADMISSION = """
SELECT DISTINCT r.candidate_id AS id FROM registration r JOIN site t ON t.id = r.site_id
WHERE r.admission_number = $1 AND ($2::bigint IS NULL OR t.school_id = $2) LIMIT 50
"""
# From the person to the schools, by an index each: joined the other way round, the candidates of every school meet
# the registrations of every school.
_SCHOOLS = """
SELECT h.name, h.contact FROM school h WHERE h.id IN (
    SELECT c.school_id FROM candidate c WHERE c.id = $1
    UNION SELECT t.school_id FROM registration r JOIN site t ON t.id = r.site_id WHERE r.candidate_id = $1)
ORDER BY h.name LIMIT $2
"""

_WRONG_PIN = """
UPDATE officer SET
    pin_failures = CASE WHEN pin_locked_until IS NULL THEN pin_failures + 1 ELSE 1 END,
    pin_locked_until = CASE WHEN pin_locked_until IS NULL AND pin_failures + 1 >= $3 THEN $2 + $4::interval END
WHERE id = $1 AND (pin_locked_until IS NULL OR pin_locked_until <= $2)
RETURNING pin_failures, pin_locked_until
"""
_RIGHT_PIN = """
UPDATE officer SET pin_failures = 0, pin_locked_until = NULL
WHERE id = $1 AND (pin_locked_until IS NULL OR pin_locked_until <= $2) RETURNING id
"""
_BACKED_SCHOOLS = """
SELECT DISTINCT o.school_id FROM officer_backer b JOIN officer o ON o.id = b.officer_id
WHERE b.staff_id = $1 AND o.state <> 'withdrawn'
"""
_END_SESSIONS = """
INSERT INTO ended_person (id, ended_at) SELECT id, $2 FROM unnest($1::text[]) AS id ORDER BY id
ON CONFLICT (id) DO UPDATE SET ended_at = greatest(ended_person.ended_at, EXCLUDED.ended_at)
"""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """Whom an attempt to bind meets.

    Args:
        mine: the candidate that the identity is bound to already.
        id: the candidate with the number that was given; None, as all of theirs, when there is none.
        is_elsewhere: that candidate is bound in the other account to what is not known to be the same person.
    """

    mine: int | None
    id: int | None
    name: str | None
    mobile_sealed: bytes | None
    given_phone_sealed: bytes | None
    is_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Indexed:
    """A candidate's number, sealed, and the blind index it is found under; `is_waiting`: a list to sign names it."""

    id: int
    id_sealed: bytes
    id_index: bytes
    is_waiting: bool


async def candidate_id(blinds: list[bytes]) -> int | None:
    """The candidate whose identity number has one of these blind indexes."""
    ids = await rows(_CANDIDATE, blinds)
    return int(ids[0]["id"]) if ids else None


async def next_indexes(after: int, limit: int) -> list[Indexed]:
    """Candidates in order of id, from the first beyond `after`."""
    return [Indexed(**row) for row in await rows(_NEXT_INDEXES, after, limit)]


async def on_record(who: WeChatIdentity, blinds: list[bytes]) -> OnRecord:
    """The candidate with this number, if any, and whom this identity is bound to, if anybody: one row always."""
    [row] = await rows(_ON_RECORD, blinds, who.account, who.openid, who.unionid or "")
    return OnRecord(**row)


async def hold(blinds: list[bytes]) -> None:
    """Two who bind one candidate at one moment, in two accounts, come one after the other: the second sees the first."""
    await rows(_HOLD, blinds)


async def bind(who: WeChatIdentity, candidate_id: int | None, now: datetime) -> int | None:
    """The binding's id, if the candidate is this person's now. The database's rule decides: one living binding each way.

    The second statement, not the first, has the answer, so that a double tap finds what the first tap wrote.
    """
    number = candidate_id or 0
    await rows(_BIND, who.account, who.openid, who.unionid or "", number, now)
    bindings = await rows(_BINDING, who.account, who.openid, number)
    return int(bindings[0]["id"]) if bindings else None


async def unbind(who: WeChatIdentity, now: datetime) -> int | None:
    """End the identity's binding. The candidate it was to, or None when there was none."""
    ended = await rows(_UNBIND, who.account, who.openid, now)
    return int(ended[0]["candidate_id"]) if ended else None


async def candidates_named(name: str, school_id: int | None) -> list[int]:
    """Candidates with exactly this name, a school's own alone where one is given."""
    return [row["id"] for row in await rows(_BY_NAME, name, school_id)]


async def named(part: str, school_id: int | None, most: int) -> list[int]:
    """Candidates with these characters one behind the other in their name, the newest first; of a school as above."""
    return [row["id"] for row in await rows(_BY_PART, part, school_id, most)]


async def candidates_admitted(admission_number: str, school_id: int | None) -> list[int]:
    """The same by an admission number."""
    return [row["id"] for row in await rows(_BY_ADMISSION, admission_number, school_id)]


async def is_seen(candidate_id: int, school_id: int | None) -> bool:
    """Whether there is such a candidate, of this school where one is given; the row is kept from changing."""
    return bool(await rows(_SEEN, candidate_id, school_id))


async def schools_of(candidate_id: int, most: int) -> list[tuple[str, str]]:
    """Name and contact of the schools that a candidate is on record with or was examined at, in the order of names."""
    return [(row["name"], row["contact"]) for row in await rows(_SCHOOLS, candidate_id, most)]


async def right_pin(officer_id: int, now: datetime) -> bool:
    """Forget the wrong tries; False: the PIN is locked."""
    return bool(await rows(_RIGHT_PIN, officer_id, now))


async def wrong_pin(officer_id: int, now: datetime, *, tries: int, lock: timedelta) -> int | None:
    """Count a wrong try, and lock at the last. How many there were; None: it is locked, now or already."""
    counts = await rows(_WRONG_PIN, officer_id, now, tries, lock)
    return int(counts[0]["pin_failures"]) if counts and counts[0]["pin_locked_until"] is None else None


async def backed_schools(staff_id: int | None) -> set[int]:
    """Schools with an officer that this account invited, confirmed or resumed, and whose invitation stands."""
    return {row["school_id"] for row in await rows(_BACKED_SCHOOLS, staff_id)}


async def end_sessions(indexes: Sequence[str], now: datetime) -> None:
    """Keep when these persons' sessions ended; the later moment stays."""
    await rows(_END_SESSIONS, list(indexes), now)
