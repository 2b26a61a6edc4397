"""Whether what this service stands on is there (database, tables, job worker), and why something could not be done."""

from __future__ import annotations

from server.models import database
from server.models.database import rows
from server.models.failures import cause_of

__all__ = ["cause_of", "database_answers", "has_job_worker", "schema_problem"]

_WORKER_SILENCE_SECONDS = 90  # procrastinate's workers tell every 10 s that they live
_ALIVE = "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => $1::float) LIMIT 1"


async def database_answers() -> None:
    """Raises what the driver raises, when it does not; see `cause_of`."""
    await rows("SELECT 1")


async def has_job_worker() -> bool:
    """Whether any process takes jobs now."""
    return bool(await rows(_ALIVE, float(_WORKER_SILENCE_SECONDS)))


async def schema_problem() -> str:
    """What to do about tables that newer code has made; empty when there are none."""
    unknown = await database.newer_here()
    return database.about_unknown(unknown) if unknown else ""
