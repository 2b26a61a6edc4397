"""The SQL of one plan's page: results by level, the distribution of scores, who lacks hours, earlier plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from server.models.database import rows

Row = dict[str, Any]
_PLAN = """
SELECT p.id, p.name, p.exam_date, k.name AS certificate, p.kind_id, p.release_at, p.requires_practice, p.announced_at
FROM plan p JOIN certificate_kind k ON k.id = p.kind_id WHERE p.id = $1
"""
_RESULTS = """
SELECT c.plan_id, t.level, c.outcome, sum(c.people)::int AS people
FROM (SELECT r.plan_id, r.site_id, r.outcome, count(*) AS people FROM registration r WHERE r.plan_id = ANY($1::bigint[])
      GROUP BY r.plan_id, r.site_id, r.outcome) c JOIN site t ON t.id = c.site_id GROUP BY c.plan_id, t.level, c.outcome
"""
# OFFSET 0: the scores of each by their index, never those of all plans from end to end.
_MARKS = """
SELECT t.level, c.subject, least(floor(c.score / 10)::int, 9) AS band, sum(c.people)::int AS people FROM (
    SELECT r.site_id, s.subject, s.score, count(*) AS people FROM registration r CROSS JOIN LATERAL (
        SELECT x.subject, x.score FROM score x WHERE x.registration_id = r.id AND x.status = 'scored' OFFSET 0) s
    WHERE r.plan_id = $1 GROUP BY r.site_id, s.subject, s.score) c
JOIN site t ON t.id = c.site_id GROUP BY t.level, c.subject, band
"""
_WITHOUT_HOURS = """
SELECT count(*)::int AS people FROM registration r JOIN site t ON t.id = r.site_id
LEFT JOIN practice_record q ON q.candidate_id = r.candidate_id AND q.level = t.level
WHERE r.plan_id = $1 AND r.outcome = 'passed' AND t.level = $2
  AND (COALESCE(q.supervision_hours, 0) < $3 OR COALESCE(q.practice_hours, 0) < $4)
"""
_EARLIER = """
SELECT p.id, p.name, p.exam_date FROM plan p WHERE p.kind_id = $1 AND (p.exam_date, p.id) < ($2, $3) ORDER BY p.exam_date DESC, p.id DESC LIMIT $4
"""
_SITES = """
SELECT h.id AS school_id, h.name AS school, t.level, c.registered, c.passed, c.pending, i.id AS issuance_id, i.state AS batch
FROM (SELECT r.site_id, count(*)::int AS registered, (count(*) FILTER (WHERE r.outcome = 'passed'))::int AS passed,
             (count(*) FILTER (WHERE r.outcome = 'pending'))::int AS pending
      FROM registration r WHERE r.plan_id = $1 GROUP BY r.site_id) c
JOIN site t ON t.id = c.site_id JOIN school h ON h.id = t.school_id
LEFT JOIN LATERAL (SELECT x.id, x.state FROM issuance x WHERE x.plan_id = $1 AND x.site_id = c.site_id
    AND x.corrects_id IS NULL ORDER BY x.id DESC LIMIT 1) i ON true
ORDER BY c.pending > 0 DESC, h.name, t.level LIMIT $2
"""
_REQUESTS = """
SELECT id, at, registered, passed, pending, state, requested_by, requested_by_name, requested_at, decided_by_name, decided_at,
       decision_note
FROM release_request WHERE plan_id = $1 ORDER BY id DESC LIMIT 10
"""


async def plan(plan_id: int) -> Row | None:
    return next(iter(await rows(_PLAN, plan_id)), None)


async def results(plans: Sequence[int]) -> list[Row]:
    """By plan, level and outcome, how many people."""
    return await rows(_RESULTS, list(plans))


async def marks(plan_id: int) -> list[Row]:
    """By level and subject, how many in each band of ten marks; 100 is in the last."""
    return await rows(_MARKS, plan_id)


async def without_hours(plan_id: int, level: str, supervision: Any, practice: Any) -> int:
    """Who passed at this level and has fewer hours on record than these."""
    return int((await rows(_WITHOUT_HOURS, plan_id, level, supervision, practice))[0]["people"])


async def earlier(kind_id: int, exam_date: date, plan_id: int, most: int) -> list[Row]:
    """The plans of this kind before this one, the latest first."""
    return await rows(_EARLIER, kind_id, exam_date, plan_id, most)


async def sites(plan_id: int, most: int) -> list[Row]:
    """Each site with its results and its batch; those without all scores first."""
    return await rows(_SITES, plan_id, most)


async def requests(plan_id: int) -> list[Row]:
    return await rows(_REQUESTS, plan_id)
