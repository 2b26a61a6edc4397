"""The SQL of the portal's list: its rows kept, compared with our certificates in one statement, and the differences read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.domain.certificates.states import EVER_VALID, CertificateState
from server.models.database import rows

# What the portal said before of the same certificate, by our number or by theirs, gives way to what it says now.
_FORGET = """
DELETE FROM portal_row k USING unnest($2::text[], $3::text[]) AS n (ours, theirs)
WHERE k.list_id <> $1 AND k.number = n.ours
"""
_FORGET_THEIRS = """
DELETE FROM portal_row k USING unnest($2::text[], $3::text[]) AS n (ours, theirs)
WHERE k.list_id <> $1 AND k.portal_number = n.theirs
"""
_KEEP = """
INSERT INTO portal_row (list_id, number, portal_number, name, id_index, level, issued_on)
SELECT $1, line.* FROM
  unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::date[]) AS line
ON CONFLICT (number, portal_number) DO UPDATE SET list_id = EXCLUDED.list_id, name = EXCLUDED.name,
  id_index = EXCLUDED.id_index, level = EXCLUDED.level, issued_on = EXCLUDED.issued_on
"""
_NAMES = """
SELECT t.id, t.name AS theirs, convert_from(x.line, 'UTF8')::json ->> 'name' AS ours
FROM portal_row t JOIN certificate x ON x.number = t.number AND x.state = ANY($1::text[])
WHERE t.name <> '' AND t.name <> convert_from(x.line, 'UTF8')::json ->> 'name'
"""
# $1 once valid, $2 valid, $3 rows whose name is another, $4 now, $5 the list that says what it comes to, $6 $7 who settles
# by itself. A certificate with another number printed on it than its holder has today is not compared by that number.
_COMPARE = """
WITH ours AS MATERIALIZED (
    SELECT x.number, x.portal_number, x.state, i.plan_id, i.issued_on, x.line,
           CASE WHEN x.printed_id_sealed IS NULL THEN c.id_index END AS id_index
    FROM certificate x JOIN issuance i ON i.id = x.issuance_id AND i.state = 'issued'
    JOIN candidate c ON c.id = x.candidate_id
    WHERE x.state = ANY($1::text[])
), paired AS MATERIALIZED (
    SELECT t.number, t.portal_number, u.number IS NOT NULL AS is_known, u.state, u.plan_id, d.fields
    FROM portal_row t LEFT JOIN ours u ON u.number = t.number LEFT JOIN unnest($3::bigint[]) AS m (id) ON m.id = t.id
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object('what', v.what, 'ours', v.ours, 'theirs', v.theirs))::text AS fields
        FROM (VALUES
            ('portal_number', u.portal_number, t.portal_number, u.portal_number <> t.portal_number),
            ('name', CASE WHEN m.id IS NOT NULL THEN convert_from(u.line, 'UTF8')::json ->> 'name' END, t.name, m.id IS NOT NULL),
            ('id_number', '', '', u.id_index <> t.id_index),
            ('level', CASE WHEN t.level <> '' THEN convert_from(u.line, 'UTF8')::json ->> 'level' END, t.level,
             t.level <> '' AND t.level <> convert_from(u.line, 'UTF8')::json ->> 'level'),
            ('issued_on', u.issued_on::text, t.issued_on::text, u.issued_on <> t.issued_on),
            ('state', u.state, 'valid', u.state <> $2)
        ) AS v (what, ours, theirs, is_other) WHERE v.is_other
    ) d ON u.number IS NOT NULL
), compared AS (
    SELECT DISTINCT plan_id FROM paired WHERE is_known
), unlisted AS MATERIALIZED (
    SELECT u.number, u.plan_id, p.plan_id IS NOT NULL AS is_compared
    FROM ours u LEFT JOIN compared p ON p.plan_id = u.plan_id
    WHERE u.state = $2 AND NOT EXISTS (SELECT 1 FROM portal_row t WHERE t.number = u.number)
), found AS MATERIALIZED (
    SELECT CASE WHEN is_known THEN 'differs' ELSE 'theirs_only' END AS kind, plan_id, number, portal_number,
           COALESCE(fields, '[]') AS fields
    FROM paired WHERE NOT is_known OR fields IS NOT NULL
    UNION ALL
    SELECT 'ours_only', plan_id, number, '', '[]' FROM unlisted WHERE is_compared
), remembered AS (
    INSERT INTO portal_difference
      (kind, plan_id, number, portal_number, fields_differing, found_at, settled_by_name, note)
    SELECT kind, plan_id, number, portal_number, fields, $4::timestamptz, '', '' FROM found
    ON CONFLICT (kind, number, portal_number) DO UPDATE SET
      fields_differing = EXCLUDED.fields_differing, plan_id = EXCLUDED.plan_id, found_at = EXCLUDED.found_at,
      settled_at = NULL, settled_by = NULL, settled_by_name = '', note = ''
    WHERE portal_difference.fields_differing <> EXCLUDED.fields_differing
       OR (portal_difference.settled_at IS NOT NULL AND portal_difference.settled_by IS NULL)
), gone AS (
    UPDATE portal_difference d SET settled_at = $4, settled_by_name = $6, note = $7
    WHERE d.settled_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM found f WHERE (f.kind, f.number, f.portal_number) = (d.kind, d.number, d.portal_number))
), sums AS (
    SELECT (SELECT count(*) FROM paired) AS kept,
           (SELECT count(*) FROM paired WHERE is_known AND fields IS NULL) AS same,
           (SELECT count(*) FROM found WHERE kind = 'differs') AS differs,
           (SELECT count(*) FROM found WHERE kind = 'theirs_only') AS theirs_only,
           (SELECT count(*) FROM ours WHERE state = $2) AS ours,
           (SELECT count(DISTINCT number) FROM paired WHERE state = $2) AS listed,
           (SELECT count(*) FROM found WHERE kind = 'ours_only') AS ours_only,
           (SELECT count(*) FROM unlisted WHERE NOT is_compared) AS uncompared
)
UPDATE portal_list l SET compared_at = $4, kept = s.kept, same = s.same, differs = s.differs,
  theirs_only = s.theirs_only, ours = s.ours, listed = s.listed, ours_only = s.ours_only, uncompared = s.uncompared
FROM sums s WHERE l.id = $5
"""
_WHERE = """
FROM portal_difference d LEFT JOIN plan p ON p.id = d.plan_id
WHERE ($1::text IS NULL OR d.kind = $1) AND ($2::bigint IS NULL OR d.plan_id = $2)
  AND (NOT $3 OR d.settled_at IS NULL)
"""
_LISTED = f"""
SELECT d.id, d.kind, d.plan_id, COALESCE(p.name, '') AS plan, d.number, d.portal_number, d.fields_differing, d.found_at,
       d.settled_at, d.settled_by_name, d.note {_WHERE} AND d.id > $4 ORDER BY d.id LIMIT $5
"""
_WAITING = "SELECT count(*) AS n FROM portal_difference WHERE settled_at IS NULL"
_PLANS = """
SELECT p.id, p.name, count(*) AS open FROM portal_difference d JOIN plan p ON p.id = d.plan_id
WHERE d.settled_at IS NULL GROUP BY p.id, p.name ORDER BY p.id DESC
"""


async def forget_before(list_id: int, ours: Sequence[str], theirs: Sequence[str]) -> None:
    """What earlier lists said of these certificates."""
    await rows(_FORGET, list_id, list(ours), list(theirs))
    await rows(_FORGET_THEIRS, list_id, list(ours), list(theirs))


async def keep(list_id: int, *columns: Sequence[Any]) -> None:
    """Rows by columns: number, portal number, name, blind index, level, day of issue."""
    await rows(_KEEP, list_id, *(list(one) for one in columns))


async def names() -> list[tuple[int, str, str]]:
    """Rows whose name is not letter by letter the certificate's: id, theirs, ours."""
    return [(row["id"], row["theirs"], row["ours"]) for row in await rows(_NAMES, list(EVER_VALID))]


async def compare(list_id: int, other_names: Sequence[int], at: datetime, by: str, note: str) -> None:
    """Write down what differs, and what it comes to on this list. In the caller's transaction."""
    valid = CertificateState.VALID.value
    await rows(_COMPARE, list(EVER_VALID), valid, list(other_names), at, list_id, by, note)


async def listed(
    kind: str | None, plan_id: int | None, only_open: bool, after: int, size: int
) -> list[dict[str, Any]]:
    """Differences in the order in which they were found."""
    return await rows(_LISTED, kind, plan_id, only_open, after, size)


async def waiting() -> int:
    """How many nobody has settled."""
    [row] = await rows(_WAITING)
    return int(row["n"])


async def plans() -> list[dict[str, Any]]:
    """The plans that have differences to settle, the newest first: id, name, how many."""
    return await rows(_PLANS)
