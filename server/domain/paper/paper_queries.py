"""The SQL of paper certificates: sheets bound to certificates, what is counted, what waits to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.paging import SqlList, Turn
from server.domain.paper.stock import Stock
from server.models.database import rows, write

_LOCK_STOCK = "SELECT pg_advisory_xact_lock(hashtext('paper:' || $1))"
# A range that somebody has the sheets of now, or a sheet of it that was used or spoiled before.
_TAKEN = """
SELECT r.id FROM paper_run r
WHERE r.prefix = $1 AND r.width = $2 AND r.first_sheet <= $4 AND r.last_sheet >= $3 AND r.id <> $5 AND (
    r.state IN ('printing', 'printed', 'handed')
    OR EXISTS (SELECT 1 FROM paper_sheet s WHERE s.run_id = r.id AND s.state <> 'released'
               AND s.number BETWEEN $3 AND $4))
ORDER BY r.id LIMIT 1
"""
# Who has had their personal data erased has no file any more, and gets no paper.
_OF_BATCH = """
SELECT count(*) FILTER (WHERE state = 'valid' AND pdf_key <> '') AS valid,
       count(*) FILTER (WHERE state IN ('revoked', 'superseded') OR state = 'valid' AND pdf_key = '') AS gone
FROM certificate WHERE issuance_id = $1
"""
_BIND = """
INSERT INTO paper_sheet (run_id, number, serial, certificate_id, state, spoiled_reason, spoiled_by_name)
SELECT $1::bigint, n.number, $3::text || lpad(n.number::text, $4::int, '0'), n.id, 'used', '', ''
FROM (SELECT c.id, $5::bigint - 1 + row_number() OVER (ORDER BY c.number) AS number
      FROM certificate c WHERE c.issuance_id = $2 AND c.state = 'valid' AND c.pdf_key <> '') n
"""
_NEXT = "SELECT max(number) + 1 AS number FROM paper_sheet WHERE run_id = $1"
_INVALID = """
SELECT count(*) AS n FROM paper_sheet s JOIN certificate c ON c.id = s.certificate_id
WHERE s.run_id = $1 AND s.state = 'used' AND c.state <> 'valid'
"""
_COUNTED = """
SELECT run_id, count(*) FILTER (WHERE state = 'used') AS used, count(*) FILTER (WHERE state = 'spoiled') AS spoiled
FROM paper_sheet WHERE run_id = ANY($1::bigint[]) GROUP BY run_id
"""
_SETTLE = "UPDATE issuance SET paper_settled = true WHERE id = $1"
RUNS = SqlList(
    """
SELECT r.*, i.issued_at, i.paper_settled, p.name AS plan, t.level, h.name AS school
FROM paper_run r JOIN issuance i ON i.id = r.issuance_id JOIN plan p ON p.id = i.plan_id
JOIN site t ON t.id = i.site_id JOIN school h ON h.id = t.school_id
WHERE ($1::text IS NULL OR r.state = $1) AND ($2::bigint IS NULL OR r.id = $2)
  AND ($3::bigint IS NULL OR t.school_id = $3) AND ($4::bigint IS NULL OR r.issuance_id = $4)
  AND ($5::text IS NULL OR strpos(h.name, $5) > 0)
""",
    {"issued_at": "timestamptz"},
)
_SHEETS = """
SELECT s.number, s.serial, s.state, s.spoiled_reason, s.spoiled_by_name, s.spoiled_at, c.number AS certificate,
       c.state AS certificate_state
FROM paper_sheet s JOIN certificate c ON c.id = s.certificate_id
WHERE s.run_id = $1 AND s.number > $2 ORDER BY s.number LIMIT $3
"""
_LEFT_OUT = """
SELECT c.number, c.state FROM certificate c
WHERE c.issuance_id = $1 AND c.state IN ('revoked', 'superseded')
  AND NOT EXISTS (SELECT 1 FROM paper_sheet s WHERE s.certificate_id = c.id AND s.run_id = $2)
ORDER BY c.number LIMIT 50
"""
_HANDS = "SELECT step, from_name, to_name, at FROM paper_hand WHERE run_id = $1 ORDER BY id"
_UNSENT = """
SELECT i.id, i.issued_at, i.count, p.name AS plan, t.level, h.name AS school
FROM issuance i JOIN plan p ON p.id = i.plan_id JOIN site t ON t.id = i.site_id JOIN school h ON h.id = t.school_id
WHERE i.state = 'issued' AND NOT i.paper_settled
  AND NOT EXISTS (SELECT 1 FROM paper_run r WHERE r.issuance_id = i.id AND r.state <> 'cancelled')
  AND EXISTS (SELECT 1 FROM certificate c WHERE c.issuance_id = i.id AND c.state = 'valid' AND c.pdf_key <> '')
ORDER BY i.issued_at, i.id LIMIT $1
"""
_LATE = """
SELECT count(*) AS n FROM issuance i
WHERE i.state = 'issued' AND NOT i.paper_settled AND i.issued_at < $1
  AND EXISTS (SELECT 1 FROM certificate c WHERE c.issuance_id = i.id AND c.state = 'valid' AND c.pdf_key <> '')
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Sheets of one run."""

    used: int = 0
    spoiled: int = 0


async def lock_stock(prefix: str) -> None:
    """Ranges with this prefix are given out one after the other, until the caller commits."""
    await rows(_LOCK_STOCK, prefix)


async def taken_by(stock: Stock, *, besides: int = 0) -> int | None:
    """The run that has sheets of this range, or None. `besides`: this run's own do not count."""
    found = await rows(_TAKEN, stock.prefix, stock.width, stock.first, stock.last, besides)
    return found[0]["id"] if found else None


async def certificates_of(issuance_id: int) -> tuple[int, int]:
    """How many certificates of a batch are valid, and how many were revoked or superseded."""
    [row] = await rows(_OF_BATCH, issuance_id)
    return row["valid"], row["gone"]


async def bind(run_id: int, issuance_id: int, stock: Stock) -> int:
    """The valid certificates in the order of their numbers, each on the next sheet. Returns how many."""
    return await write(_BIND, run_id, issuance_id, stock.prefix, stock.width, stock.first)


async def next_number(run_id: int) -> int:
    [row] = await rows(_NEXT, run_id)
    return int(row["number"])


async def invalid(run_id: int) -> int:
    """Used sheets whose certificate is not valid any more."""
    [row] = await rows(_INVALID, run_id)
    return int(row["n"])


async def counted(run_ids: list[int]) -> dict[int, Counted]:
    return {row["run_id"]: Counted(row["used"], row["spoiled"]) for row in await rows(_COUNTED, run_ids)}


async def settle(issuance_id: int) -> None:
    """The batch's paper is on its way; it is not looked for any more."""
    await rows(_SETTLE, issuance_id)


async def runs(
    *,
    run_id: int | None = None,
    school_id: int | None = None,
    issuance_id: int | None = None,
    state: str | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """The newest runs that fit."""
    found = await RUNS.page([state, run_id, school_id, issuance_id, None], Turn(limit=limit))
    return found.items


async def sheets(run_id: int, after: int, limit: int) -> list[dict[str, Any]]:
    """`after`: the number of the last sheet seen."""
    return await rows(_SHEETS, run_id, after, limit)


async def left_out(issuance_id: int, run_id: int) -> list[dict[str, Any]]:
    return await rows(_LEFT_OUT, issuance_id, run_id)


async def hands(run_id: int) -> list[dict[str, Any]]:
    return await rows(_HANDS, run_id)


async def unprinted(limit: int) -> list[dict[str, Any]]:
    """Issued batches without a print run, the oldest first."""
    return await rows(_UNSENT, limit)


async def late(before: datetime) -> int:
    """How many batches that were issued before this moment have nothing sent."""
    [row] = await rows(_LATE, before)
    return int(row["n"])
