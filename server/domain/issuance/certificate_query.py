"""A batch's certificates on their way: serials given out, claims of whoever makes one, how far they are, who holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.domain.certificates.files import file_key
from server.models.database import rows

_SERIALS = """
INSERT INTO number_series AS n (prefix, given) VALUES ($1, $2)
ON CONFLICT (prefix) DO UPDATE SET given = n.given + $2
RETURNING given
"""
_STEP_ON = """
INSERT INTO number_series AS n (prefix, given) SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (prefix) DO UPDATE SET given = excluded.given WHERE n.given < excluded.given RETURNING prefix, given
"""
_CLAIM = """
UPDATE certificate x SET claimed_by = $2, claimed_until = clock_timestamp() + make_interval(secs => $3)
FROM certificate was JOIN candidate h ON h.id = was.candidate_id
WHERE x.id = $1 AND x.state = 'drawing' AND (x.claimed_until IS NULL OR x.claimed_until < clock_timestamp())
  AND was.id = x.id
RETURNING x.id, x.claimed_by, x.number, x.claims, x.claims_sha256, x.code, h.id_sealed, h.photo_key,
          was.claimed_by <> '' AS was_tried
"""
_IS_HELD = """
SELECT 1 FROM certificate
WHERE id = ANY($1::bigint[]) AND state = 'drawing' AND claimed_until >= clock_timestamp() LIMIT 1
"""
_FAILED = """
UPDATE certificate SET attempts = attempts + 1, last_error = $3, claimed_until = NULL
WHERE id = $1 AND claimed_by = $2 AND state = 'drawing' RETURNING id
"""
_WAITING = """
UPDATE certificate SET attempts = attempts + 1, last_error = $2
WHERE id = ANY($1::bigint[]) AND state IN ('reserved', 'drawing') RETURNING id
"""
_PROGRESS = """
SELECT count(*) FILTER (WHERE state <> 'void') AS total,
       count(*) FILTER (WHERE pdf_sha256 IS NOT NULL AND state <> 'void') AS sealed,
       count(*) FILTER (WHERE state IN ('reserved', 'drawing') AND attempts > 0) AS failed
FROM certificate WHERE issuance_id = $1
"""
_IN_THE_MAKING = """
SELECT count(*)::int AS waiting, count(*) FILTER (WHERE c.attempts > 0)::int AS failing
FROM issuance i JOIN certificate c ON c.issuance_id = i.id AND c.state IN ('reserved', 'drawing')
WHERE i.state = 'generating'
"""
_HOLDERS = """
SELECT x.id, x.number, x.claims, x.candidate_id FROM certificate x
WHERE x.issuance_id = $1 AND x.state = 'valid' AND x.number > $2
  AND EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = x.candidate_id AND b.unbound_at IS NULL)
ORDER BY x.number LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class InTheMaking:
    """Certificates of batches that are handed over, without their file: how many, and how many failed the last time."""

    waiting: int
    failing: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A certificate that is ours to make for some seconds, and all that its page is made of: one reading."""

    id: int
    claimed_by: str
    number: str
    claims: bytes
    claims_sha256: bytes
    code: str
    id_sealed: bytes
    photo_key: str
    was_tried: bool  # another has been at it: its file may stand already

    @property
    def key(self) -> str:
        return file_key(self.number, self.claims_sha256)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many certificates of a batch there are, how many are sealed, and how many failed at the last try."""

    total: int
    sealed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Holder:
    """A valid certificate whose holder is bound, and may be told."""

    id: int
    number: str
    claims: bytes
    candidate_id: int


async def take_serials(prefix: str, count: int) -> int:
    """Give out the next `count` serials of a series, in the caller's transaction. Returns the last of them.

    The series' row is locked until the caller commits; a rollback gives the serials back.
    """
    [row] = await rows(_SERIALS, prefix, count)
    return int(row["given"])


async def step_on(last: Mapping[str, int]) -> dict[str, int]:
    """Step number series on to these serials at least. Returns those that were behind."""
    stepped = await rows(_STEP_ON, list(last), list(last.values()))
    return {row["prefix"]: row["given"] for row in stepped}


async def claim(certificate_id: int, claimed_by: str, seconds: float) -> Claimed | None:
    """Claim a certificate by the database's clock. None: it is sealed already, or another is at it."""
    claimed = await rows(_CLAIM, certificate_id, claimed_by, seconds)
    return Claimed(**claimed[0]) if claimed else None


async def is_any_claimed(ids: Sequence[int]) -> bool:
    """Whether somebody is at one of these, or died over it just now."""
    return bool(await rows(_IS_HELD, list(ids)))


async def let_go(certificate_id: int, claimed_by: str, why: str) -> None:
    """Keep why a certificate was not made, if the claim is still this one's, and let go of it."""
    await rows(_FAILED, certificate_id, claimed_by, why)


async def wait_for(ids: Sequence[int], why: str) -> None:
    """Keep why these were not even begun."""
    await rows(_WAITING, list(ids), why)


async def progress(issuance_id: int) -> Progress:
    """How far the certificates of a batch are."""
    [row] = await rows(_PROGRESS, issuance_id)
    return Progress(**row)


async def holders(issuance_id: int, *, after: str, limit: int) -> list[Holder]:
    """Bound holders of the batch's valid certificates behind a number, in number order."""
    return [Holder(**row) for row in await rows(_HOLDERS, issuance_id, after, limit)]


async def in_the_making() -> InTheMaking:
    """Of all batches."""
    [row] = await rows(_IN_THE_MAKING)
    return InTheMaking(**row)
