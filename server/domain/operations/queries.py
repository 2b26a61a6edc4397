"""The statements behind metrics and the page 运行状况. Each reads a bounded number of rows, whatever the tables hold."""

from __future__ import annotations

JOBS = """
WITH due AS (
    SELECT id, queue_name, scheduled_at FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) ORDER BY priority DESC, id LIMIT $1
), queue AS (
    SELECT queue_name, count(*)::int AS waiting, min(scheduled_at) AS scheduled,
           min(id) FILTER (WHERE scheduled_at IS NULL) AS first
    FROM due GROUP BY queue_name
)
SELECT queue_name AS queue, waiting, GREATEST(0, extract(epoch FROM now() - LEAST(scheduled,
    (SELECT min(e.at) FROM procrastinate_events e WHERE e.job_id = queue.first))))::float AS oldest_seconds
FROM queue ORDER BY queue_name
"""
RUNNING = "SELECT count(*)::int AS running FROM procrastinate_jobs WHERE status = 'doing'"
FAILED = """
SELECT task_name AS task, count(*)::int AS failed
FROM (SELECT task_name FROM procrastinate_jobs WHERE status = 'failed' LIMIT $1) f GROUP BY task_name ORDER BY task_name
"""
FAILED_JOBS = """
SELECT j.id, j.task_name AS task, j.attempts,
       (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'failed') AS failed_at
FROM procrastinate_jobs j WHERE j.status = 'failed' ORDER BY j.id DESC LIMIT $1
"""
FAILED_JOB = (
    "SELECT task_name AS task, status::text AS status FROM procrastinate_jobs WHERE id = $1 FOR UPDATE"
)
RETRY = "SELECT procrastinate_retry_job_v2($1, now(), NULL, NULL, NULL)"


def deliveries(states: tuple[str, ...]) -> str:
    """How many messages are in each of these states, by the partial indexes of those that are few among millions.

    Args:
        states: of `NoticeState`, from the code and never from outside: a partial index wants its condition written out.
    """
    counted = [
        f"SELECT '{state}' AS state, (SELECT count(*)::int FROM"  # noqa: S608 -- names of an enum
        f" (SELECT 1 FROM delivery WHERE state = '{state}' LIMIT $1) x) AS items"
        for state in states
    ]
    return " UNION ALL ".join(counted)


# What became of the newest ones: whatever the table holds, the end of its primary key is read.
NEWEST_DELIVERIES = """
SELECT state, count(*)::int AS items FROM (SELECT state FROM delivery ORDER BY id DESC LIMIT $1) x GROUP BY state
"""
PUSHES = """
SELECT count(*)::int AS items, min(at) AS since FROM (
    SELECT late_since AS at FROM push_seen WHERE state IN ('waiting', 'sending') ORDER BY next_try_at LIMIT $1) x
"""
WAITING = """
SELECT 'corrections' AS what, count(*)::int AS items, min(requested_at) AS since FROM correction WHERE state = 'requested'
UNION ALL SELECT 'releases', count(*)::int, min(requested_at) FROM release_request WHERE state = 'requested'
UNION ALL SELECT 'score_changes', count(*)::int, min(requested_at) FROM score_change WHERE state = 'requested'
UNION ALL SELECT 'reconciliation', count(*)::int, min(found_at) FROM reconciliation_difference WHERE settled_at IS NULL
UNION ALL SELECT 'finance_alarms', count(*)::int, min(raised_at) FROM finance_alarm WHERE settled_at IS NULL
"""
LOG_INS = """
SELECT action, count(*)::int AS items FROM (
    SELECT action FROM audit_entry WHERE at > $2 AND action IN ('session.refused', 'session.locked') LIMIT $1
) x GROUP BY action
"""
CHAIN = """
WITH last AS (SELECT position, until_id, made_at FROM audit_link ORDER BY position DESC LIMIT 1)
SELECT (SELECT made_at FROM last) AS made_at,
       (SELECT at FROM audit_entry WHERE id > COALESCE((SELECT until_id FROM last), 0) ORDER BY id LIMIT 1) AS waiting_since,
       (SELECT count(*)::int FROM (SELECT 1 FROM audit_entry WHERE id > COALESCE((SELECT until_id FROM last), 0) LIMIT $1) w) AS waiting,
       (COALESCE((SELECT position FROM last), 0) - COALESCE((SELECT published FROM audit_mark WHERE id = 1), 0))::int AS unpublished
"""
