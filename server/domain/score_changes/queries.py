"""The SQL of score changes."""

from __future__ import annotations

from typing import Any

from server.models.database import rows

_LISTED = """
SELECT x.*, r.admission_number, r.outcome, c.name, c.id_sealed, p.name AS plan, t.level, h.name AS school,
       ARRAY(SELECT l.subject FROM plan_slot l WHERE l.plan_id = r.plan_id AND l.level = t.level) AS subjects,
       ARRAY(SELECT (m.subject, m.status, m.score) FROM score m WHERE m.registration_id = r.id) AS marks
FROM score_change x JOIN registration r ON r.id = x.registration_id JOIN candidate c ON c.id = r.candidate_id
JOIN plan p ON p.id = r.plan_id JOIN site t ON t.id = r.site_id JOIN school h ON h.id = t.school_id
WHERE ($1::bigint IS NULL OR x.id < $1) AND ($2::text IS NULL OR x.state = $2) AND ($3::bigint IS NULL OR x.id = $3)
ORDER BY x.id DESC LIMIT $4
"""


async def listed(
    before: int | None, state: str | None, change_id: int | None, most: int
) -> list[dict[str, Any]]:
    """Changes, newest first, with whose they are; `marks` are (subject, status, score) on record now."""
    return await rows(_LISTED, before, state, change_id, most)


async def waiting() -> int:
    """How many changes wait for a decision."""
    [row] = await rows("SELECT count(*) AS n FROM score_change WHERE state = 'requested'")
    return int(row["n"])
