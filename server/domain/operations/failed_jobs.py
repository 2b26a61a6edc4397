"""Jobs that failed: why, and one more try. procrastinate keeps no reason, so ours is kept beside it, for as long as the job."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.health import cause_of
from server.domain.operations import queries
from server.domain.ports import Cache, Services
from server.domain.roles import Verb
from server.errors import Conflict, NotFound, OutsideFailure
from server.models.database import breaks, rows

log = logging.getLogger("xcert.worker")
KEPT_SECONDS = 30 * 86400.0  # as long as the worker keeps failed jobs
SHOWN = 50
UNKNOWN = "原因没有记下，请按时间查看任务进程的日志"
_OURS = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class FailedJob:
    id: int
    task: str
    attempts: int
    failed_at: datetime | None
    reason: str


def reason_of(error: BaseException) -> str:
    """What went wrong and where, in the words of the program: never the error's own text, which may hold what people wrote."""
    if (cause := cause_of(error)) is not None:
        return f"数据库或网络没有应答（{cause}）"
    code = getattr(error, "code", "")
    where, step = "", error.__traceback__
    while step is not None:
        path = Path(step.tb_frame.f_code.co_filename)
        if path.is_relative_to(_OURS / "server"):
            where = f" {path.relative_to(_OURS)}:{step.tb_lineno}"
        step = step.tb_next
    return f"{type(error).__name__}{f' {code}' if isinstance(code, str) and code else ''}{where}"


async def note(cache: Cache, job_id: int | None, error: BaseException) -> None:
    """Keep why this job failed. Never raises: the job's own error matters more."""
    try:
        await cache.set(f"job-failed:{job_id}", reason_of(error).encode(), seconds=KEPT_SECONDS)
    except OutsideFailure:
        log.info("the reason of a failed job is in this log alone", extra={"job": job_id})


async def newest(s: Services, *, actor: Actor) -> list[FailedJob]:
    """The newest `SHOWN`. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.CHECK_UP)
    found = await rows(queries.FAILED_JOBS, SHOWN)
    reasons = await asyncio.gather(*(_reason(s.cache, row["id"]) for row in found))
    return [FailedJob(**row, reason=reason) for row, reason in zip(found, reasons, strict=True)]


async def _reason(cache: Cache, job_id: int) -> str:
    try:
        kept = await cache.get(f"job-failed:{job_id}")
    except OutsideFailure:
        kept = None
    return kept.decode() if kept is not None else UNKNOWN


async def retry(s: Services, job_id: int, *, actor: Actor) -> None:
    """Let a failed job be done once more; jobs are safe to repeat. On the trail.

    Raises:
        Forbidden: role_not_allowed. NotFound: job_unknown. Conflict: job_not_failed, job_waits.
    """
    roles.require(actor, Verb.CHECK_UP)
    try:
        async with in_transaction():
            found = await rows(queries.FAILED_JOB, job_id)
            if not found:
                raise NotFound("job_unknown", "没有这个任务，请刷新页面。")
            if found[0]["status"] != "failed":
                raise Conflict("job_not_failed", "这个任务已经重试过了，请刷新页面。")
            await rows(queries.RETRY, job_id)
            await audit_log.record(
                s.clock, actor, "job.retry", "job", job_id, became={"task": found[0]["task"]}
            )
    except IntegrityError as error:
        if not breaks(error, "procrastinate_jobs_queueing_lock_idx_v1"):
            raise
        raise Conflict("job_waits", "同样的任务已经在等待，不需要重试；请刷新页面。") from None
