"""The SQL of the public log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.public_log.log_entry import Entry
from server.models.database import rows

_PUT = """
INSERT INTO log_outbox (event, certificate, entry, created_at)
SELECT n.event, n.certificate, n.entry, now()
FROM unnest($1::text[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS n (event, certificate, entry, at) ORDER BY n.at
ON CONFLICT (certificate, event) DO NOTHING
"""
_MAKE_HEAD = """
INSERT INTO log_head (id, origin, writer, stopped_reason, looked_through) VALUES (1, '', '', '', 0) ON CONFLICT DO NOTHING
"""
_HEAD = "SELECT origin, stopped_reason, looked_through, complete_at FROM log_head WHERE id = 1"
_CLAIM = """
UPDATE log_head SET writer = $1, writer_until = clock_timestamp() + make_interval(secs => $2)
WHERE id = 1 AND (writer_until IS NULL OR writer_until < clock_timestamp() OR writer = $1) RETURNING id
"""
_HOLD = """
UPDATE log_head SET writer_until = clock_timestamp() + make_interval(secs => $2)
WHERE id = 1 AND writer = $1 AND writer_until >= clock_timestamp() RETURNING id
"""
_LET_GO = "UPDATE log_head SET writer = '', writer_until = NULL WHERE id = 1 AND writer = $1"
_BEGIN = "UPDATE log_head SET origin = $1 WHERE id = 1 AND origin = ''"
_STOP = """
UPDATE log_head SET stopped_reason = $1, stopped_at = now() WHERE id = 1 AND stopped_reason = '' RETURNING id
"""
_GO_ON = "UPDATE log_head SET stopped_reason = '', stopped_at = NULL WHERE id = 1"
_LOOKED = "UPDATE log_head SET looked_through = $1, complete_at = COALESCE($2, complete_at) WHERE id = 1"
_SIZE = "SELECT COALESCE(max(index) + 1, 0) AS size FROM log_entry"
_WAITING = "SELECT id FROM log_outbox ORDER BY id LIMIT $1"
# Events that stand in the log already have no second place; they only leave the outbox.
_MOVE = """
WITH taken AS (DELETE FROM log_outbox WHERE id = ANY($1::bigint[]) RETURNING id, event, certificate, entry),
     fresh AS (SELECT row_number() OVER (ORDER BY t.id) - 1 AS at, t.* FROM taken t
               WHERE NOT EXISTS (SELECT 1 FROM log_entry e WHERE e.certificate = t.certificate AND e.event = t.event))
INSERT INTO log_entry (index, event, certificate, entry)
SELECT $2::bigint + at, event, certificate, entry FROM fresh RETURNING index
"""
_ENTRIES = "SELECT entry FROM log_entry WHERE index >= $1 AND index < $2 ORDER BY index"
_LAST = """
SELECT c.size, c.root, c.note,
       NOT EXISTS (SELECT 1 FROM log_checkpoint o WHERE o.size < c.size) AS is_first
FROM log_checkpoint c ORDER BY c.size DESC LIMIT 1
"""
_SIGNED = """
INSERT INTO log_checkpoint (size, root, note, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING
"""
_PLACES = "SELECT index, entry FROM log_entry WHERE certificate = $1 ORDER BY index"
_LOGGED = """
SELECT certificate, array_agg(event) AS events FROM log_entry WHERE certificate = ANY($1::bytea[]) GROUP BY certificate
"""
_RECOVER = """
INSERT INTO log_entry (index, event, certificate, entry)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[])
"""
_BACKLOG = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM log_outbox LIMIT 10000) AS few) AS waiting,
       (SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(created_at)), 0) FROM log_outbox) AS oldest_seconds
"""
_COSIGNED = """
INSERT INTO log_cosignature AS c (size, witness, line, signed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line, signed_at = excluded.signed_at
WHERE c.signed_at <= excluded.signed_at
"""
_COSIGNATURES = "SELECT witness, line, signed_at FROM log_cosignature WHERE size = $1 ORDER BY witness"
_NEWEST = "SELECT witness, max(size) AS size FROM log_cosignature GROUP BY witness"


@dataclass(frozen=True, slots=True)
class Head:
    """How the log stands, but for its size."""

    origin: str
    stopped_reason: str
    looked_through: int
    complete_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint on record. `note`: with our signatures. `is_first`: none was signed before it."""

    size: int
    root: bytes
    note: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event of a certificate stands in the log."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's newest signature line under one checkpoint."""

    witness: str
    line: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for its place (10,000 at most are counted), and for how long."""

    waiting: int
    oldest_seconds: float


async def put(entries: Sequence[Entry]) -> None:
    """Put events into the outbox, in the caller's transaction; one that waits there already is not put twice."""
    certificates = [bytes.fromhex(entry.certificate) for entry in entries]
    await rows(_PUT, [e.event for e in entries], certificates, [e.to_bytes() for e in entries])


async def head() -> Head:
    """How the log stands; before its first moment, too."""
    found = await rows(_HEAD)
    return Head(**found[0]) if found else Head("", "", 0, None)


async def claim_writer(writer: str, seconds: float) -> bool:
    """Become the one that writes the log, for so many seconds by the database's clock. False: another is."""
    await rows(_MAKE_HEAD)
    return bool(await rows(_CLAIM, writer, seconds))


async def hold(writer: str, seconds: float) -> bool:
    """Still be the one, for so many seconds more; in a transaction, nobody else is until it ends."""
    return bool(await rows(_HOLD, writer, seconds))


async def let_go(writer: str) -> None:
    """Make room at once."""
    await rows(_LET_GO, writer)


async def begin(origin: str) -> None:
    """Give the log its name, once for ever."""
    await rows(_BEGIN, origin)


async def stop(reason: str) -> bool:
    """Let the log stand still. False: it does already."""
    await rows(_MAKE_HEAD)
    return bool(await rows(_STOP, reason[:300]))


async def go_on() -> None:
    """The log may be written again."""
    await rows(_GO_ON)


async def looked_through(up_to: int, complete_at: datetime | None) -> None:
    """Certificates up to this row are logged. `complete_at`: that was the last one, for this time."""
    await rows(_MAKE_HEAD)
    await rows(_LOOKED, up_to, complete_at)


async def size() -> int:
    """How many entries the log has."""
    [row] = await rows(_SIZE)
    return int(row["size"])


async def waiting(limit: int) -> list[int]:
    """The oldest events of the outbox, by their ids."""
    return [row["id"] for row in await rows(_WAITING, limit)]


async def move(ids: Sequence[int], size: int) -> int:
    """Give these events of the outbox their places from `size` on. Returns how many had none yet."""
    return len(await rows(_MOVE, list(ids), size))


async def entries(start: int, end: int) -> list[bytes]:
    """The entries of these places."""
    return [bytes(row["entry"]) for row in await rows(_ENTRIES, start, end)]


async def last_checkpoint() -> Signed | None:
    """The newest head that was signed."""
    found = await rows(_LAST)
    return Signed(**{**found[0], "root": bytes(found[0]["root"])}) if found else None


async def keep_checkpoint(size: int, root: bytes, note: str, at: datetime) -> None:
    """Put a signed head on record, before anybody sees it."""
    await rows(_SIGNED, size, root, note, at)


async def places(certificate: bytes) -> list[Place]:
    """Every event of this certificate that stands in the log."""
    return [Place(row["index"], bytes(row["entry"])) for row in await rows(_PLACES, certificate)]


async def logged(certificates: Sequence[bytes]) -> dict[bytes, set[str]]:
    """Which events of these certificates stand in the log."""
    found = await rows(_LOGGED, list(certificates))
    return {bytes(row["certificate"]): set(row["events"]) for row in found}


async def recover(start: int, found: Sequence[tuple[Entry, bytes]]) -> None:
    """Put entries back into the places from `start` on, as they were published."""
    await rows(
        _RECOVER,
        list(range(start, start + len(found))),
        [entry.event for entry, _ in found],
        [bytes.fromhex(entry.certificate) for entry, _ in found],
        [data for _, data in found],
    )


async def backlog() -> Backlog:
    """What waits for its place."""
    [row] = await rows(_BACKLOG)
    return Backlog(int(row["waiting"]), float(row["oldest_seconds"]))


async def keep_cosignature(size: int, cosigned: Cosigned) -> None:
    """Keep a witness's signature, unless a newer one is there."""
    await rows(_COSIGNED, size, cosigned.witness, cosigned.line, cosigned.signed_at)


async def cosignatures(size: int) -> list[Cosigned]:
    """Those under the checkpoint of this size, in order of the witnesses."""
    return [Cosigned(**row) for row in await rows(_COSIGNATURES, size)]


async def newest_cosigned() -> dict[str, int]:
    """The size of the newest checkpoint that each witness has signed."""
    return {row["witness"]: row["size"] for row in await rows(_NEWEST)}
