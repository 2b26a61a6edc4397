"""Background jobs: which name is whose work, the periodic sweeps, and the process that does them.

A job takes ids and calls the domain. Whatever is lost on the way is found again by a sweep.
"""

from __future__ import annotations

import asyncio
import logging
import logging.config
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector, exceptions
from procrastinate.jobs import DeleteJobCondition, Job, Status

from server import composition, store_urls
from server.adapters import logs
from server.domain import freshness, idempotency, imports
from server.domain.audit import chain, key_events
from server.domain.auth import session_list
from server.domain.campaigns import handling, slices, upkeep
from server.domain.certificates import log_completeness
from server.domain.corrections import completion as corrections
from server.domain.go_live import doctor_runs
from server.domain.issuance import announcements, generation, preparing
from server.domain.key_care import reencryption
from server.domain.notices import release_announcements, sender, template_check
from server.domain.operations import failed_jobs, outside_look, process_beats
from server.domain.payments import (
    fees,
    notifications,
    open_orders,
    payment_polling,
    reconciliation,
    refund_sending,
    refunds,
)
from server.domain.payments.payer_notices import PayerTeller
from server.domain.payments.settlement import Cashbox
from server.domain.people import candidate_phones, ended_sessions, officer_terms, rights_notices
from server.domain.portal_lists import comparison, keeping
from server.domain.ports import Services, TracedSpan
from server.domain.ports.process_board import JOBS
from server.domain.privacy import erasing, redoing, retention
from server.domain.public_log import sequencer
from server.domain.wechat_chat import late_answers, menu, pushes
from server.models import database, failures
from server.settings import Settings

Work = Callable[..., Awaitable[Any]]


def _cashbox(s: Services) -> Cashbox:
    return Cashbox.of(s.settings, s.clock, s.queue, s.faults)


async def apply_payments(s: Services, notification_id: str = "") -> None:
    """Book the kept notifications of WeChat Pay. Jobs put by the version before name one; the others wait as well."""
    await notifications.sweep(_cashbox(s))


async def raise_fees(s: Services) -> None:
    """Make the fees of new registrations. Job and sweep."""
    await fees.raise_fees(s.clock, PayerTeller(s.settings, s.clock, s.queue))


async def close_overtaken(s: Services, order_id: int) -> None:
    """Close an open order whose fees need not be paid any more."""
    if s.pay is not None:
        await payment_polling.close_overtaken(_cashbox(s), s.pay, order_id)


async def send_refund(s: Services, refund_id: int) -> None:
    """Send an approved refund to WeChat Pay."""
    if s.pay is not None:
        await refund_sending.send(_cashbox(s), s.pay, refund_id)


async def sweep_payments(s: Services) -> None:
    """Notifications whose job was lost, open orders and refunds. Sweep `payments.sweep`."""
    await notifications.sweep(_cashbox(s))
    if s.pay is not None:
        await payment_polling.sweep(_cashbox(s), s.pay)
        await refund_sending.sweep(_cashbox(s), s.pay)


async def reconcile(s: Services) -> None:
    """Compare yesterday, from half past ten in Beijing, with WeChat Pay's bill. Sweep `payments.reconcile`."""
    if s.pay is not None:
        await reconciliation.sweep(s.clock, s.faults, s.pay)


TASKS: dict[str, Work] = {
    handling.CLEAR: upkeep.clear,
    handling.FREEZE: upkeep.freeze,
    handling.SEND: slices.send_on,
    "exams.announce": release_announcements.announce,
    "imports.run": imports.run,
    "issuance.announce": announcements.announce,
    generation.CORRECTED: corrections.complete,
    "issuance.complete": generation.finish,
    "issuance.generate": generation.generate,
    preparing.JOB: preparing.work,
    "notices.send": sender.send,
    template_check.JOB: template_check.look,
    notifications.JOB: apply_payments,
    fees.JOB: raise_fees,
    doctor_runs.JOB: doctor_runs.examine,
    open_orders.JOB: close_overtaken,
    refunds.JOB: send_refund,
    keeping.JOB: comparison.compare,
    erasing.JOB: erasing.delete_files,
    "people.tell_bound": rights_notices.tell_bound,
    "people.tell_officers": rights_notices.tell_officers,
    pushes.JOB: late_answers.answer,
    "wechat.menu": menu.put,
}
EVERY_MINUTE = "* * * * *"
EVERY_20_SECONDS = "* * * * * */20"  # what everybody is to see within a minute, whoever died over it
HOURLY = "23 * * * *"
DAILY = "47 4 * * *"
AT_DAWN = "11 21 * * *"  # UTC: five in Beijing, after the nightly backup


async def sweep_files(s: Services) -> None:
    """Clear away files that writers which died left half-written. Sweep `vault.sweep`."""
    await s.file_store.sweep()


SWEEPS: dict[str, tuple[Work, str]] = {
    "audit.chain": (chain.extend, EVERY_MINUTE),
    "campaigns.sweep": (upkeep.sweep, EVERY_MINUTE),
    "corrections.sweep": (corrections.sweep, EVERY_20_SECONDS),
    "doctor.sweep": (doctor_runs.sweep, AT_DAWN),
    "exams.sweep": (release_announcements.sweep, EVERY_MINUTE),
    "idempotency.sweep": (idempotency.sweep, HOURLY),
    "imports.sweep": (imports.sweep, EVERY_MINUTE),
    "issuance.sweep": (generation.sweep, EVERY_MINUTE),
    "keys.reencrypt": (reencryption.sweep, DAILY),
    "keys.trail": (key_events.sweep, EVERY_MINUTE),
    "log.complete": (log_completeness.sweep, EVERY_MINUTE),
    "log.sequence": (sequencer.run, EVERY_20_SECONDS),
    "logins.sweep": (session_list.sweep, DAILY),
    "lookups.sweep": (freshness.sweep, HOURLY),
    "notices.sweep": (sender.sweep, EVERY_MINUTE),
    "notices.compare": (template_check.look, DAILY),
    outside_look.SWEEP: (outside_look.look, HOURLY),
    "officers.terms": (officer_terms.sweep, HOURLY),
    "people.phones": (candidate_phones.sweep, EVERY_MINUTE),
    "payments.fees": (raise_fees, EVERY_MINUTE),
    "payments.reconcile": (reconcile, EVERY_MINUTE),
    "payments.sweep": (sweep_payments, EVERY_MINUTE),
    "privacy.retention": (retention.sweep, DAILY),
    "privacy.erasures": (erasing.sweep, EVERY_MINUTE),
    "privacy.register": (redoing.sweep, EVERY_MINUTE),
    "privacy.register_read": (redoing.mend, DAILY),
    "portal.sweep": (comparison.compare, DAILY),
    "pushes.late": (late_answers.sweep, EVERY_MINUTE),
    "pushes.sweep": (pushes.sweep, HOURLY),
    "sessions.sweep": (ended_sessions.sweep, HOURLY),
    "vault.sweep": (sweep_files, HOURLY),
}

HEARTBEAT_SECONDS = 10.0
SILENCE_SECONDS = 30.0  # a worker that has been silent for so long is dead, and its jobs are free
GRACE_SECONDS = 15.0
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)  # by any clock: the database's may be behind ours
AGAIN_SECONDS = 2.0
AGAIN_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)  # while the database comes back; after that the sweeps have it
FAILED_JOBS_KEPT_HOURS = 30 * 24

log = logging.getLogger("xcert.worker")


JOBS_PATIENCE = database.Patience(statement=60.0, lock=30.0, idle=30.0)


def _options(patience: database.Patience) -> str:
    """The same limits in libpq's words."""
    return " ".join(f"-c {name}={value}" for name, value in patience.server_settings().items())


def create_jobs(
    settings: Settings,
    services: Services,
    *,
    tasks: Mapping[str, Work] = TASKS,
    sweeps: Mapping[str, tuple[Work, str]] = SWEEPS,
) -> App:
    """The procrastinate app with all tasks and sweeps, on the service's own database: past a PgBouncer, for it listens."""
    jobs = App(
        connector=PsycopgConnector(
            conninfo=store_urls.with_word(settings.session_url, "application_name", database.named("queue")),
            min_size=1,
            max_size=2,  # one fetches and finishes, one tells that we live; a third, outside the pool, listens
            timeout=30.0,
            kwargs={
                "connect_timeout": int(database.CONNECT_SECONDS),
                "keepalives_idle": 20,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": 40_000,
                "options": _options(JOBS_PATIENCE),
            },
        )
    )
    for name, work in tasks.items():
        jobs.task(name=name, pass_context=True)(_job(services, work))
    for name, (work, cron) in sweeps.items():
        _periodic(jobs, name, cron, _sweep(services, work), lock=name)
    # Rescue has no lock: if its own worker dies in the middle, the next one must not wait for it.
    _periodic(jobs, "jobs.rescue", EVERY_20_SECONDS, _rescue(jobs), lock=None)
    _periodic(jobs, "jobs.tidy", "17 3 * * *", _tidy(jobs), lock="jobs.tidy")
    return jobs


def _periodic(jobs: App, name: str, cron: str, work: Work, *, lock: str | None) -> None:
    """Before everything else that waits, and never twice in the queue."""
    task = jobs.task(name=name, pass_context=True, priority=10, queueing_lock=name, lock=lock)(work)
    jobs.periodic(cron=cron)(task)


@contextmanager
def _named(services: Services, job: Job) -> Iterator[None]:
    """Within, log lines have the job's number; and its traces, where they are asked for, its number and try."""
    logs.request_id.set(f"job-{job.id}")
    if (tracing := services.tracing) is None:
        yield
        return
    key = f"job-{job.id}-{job.attempts}"
    logs.span_key.set(key)
    began, is_failed = time.time(), True
    try:
        yield
        is_failed = False
    finally:
        facts: dict[str, str | int] = {"xcert.job": job.id or 0, "xcert.attempt": job.attempts}
        took = max(0.0, time.time() - began)
        tracing.note(
            TracedSpan(name=f"job {job.task_name}", within=key, is_call=False, began=began, seconds=took,
                       is_failed=is_failed, facts=facts)
        )  # fmt: skip


def _job(services: Services, work: Work) -> Work:
    async def run(context: JobContext, **ids: Any) -> None:
        try:
            with _named(services, context.job):
                await work(services, **ids)
        except asyncio.CancelledError:
            # The process is stopping and its patience is at an end: the work is put again, as it is safe to repeat.
            await _again(services, context, ids)
            raise
        except Exception as error:
            await failed_jobs.note(services.cache, context.job.id, error)
            if failures.was_cut(error):
                await _again_soon(services, context, ids)
            raise

    return run


async def _again(services: Services, context: JobContext, ids: dict[str, Any], *, seconds: float = 0) -> None:
    """Put the same work, not before so many seconds."""
    job = context.job
    at = services.clock.now() + timedelta(seconds=seconds) if seconds else None
    await services.queue.put(
        job.task_name, at=at, lock=job.lock, once=job.queueing_lock, urgent=job.priority > 0, **ids
    )


async def _again_soon(services: Services, context: JobContext, ids: dict[str, Any]) -> None:
    """Put the work again as soon as the database is back; a sweep would find it, but only after minutes."""
    for pause in AGAIN_PAUSES:
        await asyncio.sleep(pause)
        try:
            await _again(services, context, ids, seconds=AGAIN_SECONDS)
        except Exception as error:
            log.info("the database is still away: %s", failures.cause_of(error) or type(error).__name__)
        else:
            return


def _sweep(services: Services, work: Work) -> Work:
    async def run(context: JobContext, timestamp: int) -> None:
        try:
            with _named(services, context.job):
                await work(services)
        except Exception as error:
            await failed_jobs.note(services.cache, context.job.id, error)
            raise

    return run


def _rescue(jobs: App) -> Work:
    async def run(context: JobContext, timestamp: int) -> None:
        """Jobs of workers that died go back into the queue."""
        for job in await jobs.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENCE_SECONDS):
            assert job.id is not None
            log.warning("a worker died in the middle of a job", extra={"job": job.id, "task": job.task_name})
            try:
                await jobs.job_manager.retry_job(job, retry_at=AT_ONCE)
            except exceptions.UniqueViolation:  # another of its name waits already and will do the work
                await jobs.job_manager.finish_job(job, Status.ABORTED, delete_job=False)
            except exceptions.ConnectorException:  # another rescue was quicker
                log.info("already rescued", extra={"job": job.id})

    return run


def _tidy(jobs: App) -> Work:
    async def run(context: JobContext, timestamp: int) -> None:
        """Forget finished and failed jobs after a month; what they worked on keeps its own record."""
        await jobs.job_manager.delete_old_jobs(
            nb_hours=FAILED_JOBS_KEPT_HOURS, include_failed=True, include_aborted=True, include_cancelled=True
        )

    return run


async def run(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Do jobs until SIGINT or SIGTERM; a job under way gets some seconds to finish.

    Args:
        settings: with database and Redis in place.
        ready: called once, when the first job is about to be fetched.
    """
    logging.config.dictConfig(logs.configuration(settings.log_level))
    logging.getLogger("procrastinate").setLevel(
        logging.WARNING
    )  # a line for each sweep each minute helps nobody
    async with composition.running(settings) as services:
        jobs = create_jobs(settings, services)
        async with process_beats.telling(services, JOBS), jobs.open_async():
            await template_check.put(services.queue)
            ready()
            await jobs.run_worker_async(
                concurrency=1,  # one process per core does one thing at a time
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=SILENCE_SECONDS,
                shutdown_graceful_timeout=GRACE_SECONDS,
            )
