"""What `/metrics` says of the service itself: jobs, processes, tokens and quotas, log-ins, people's work, backup, the chain."""

from __future__ import annotations

import math
import platform

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from server.domain.go_live import checklist
from server.domain.operations import outside_look, process_beats, standing
from server.domain.ports import Services
from server.web.collecting import Collect, gauge, gauges
from server.web.log_metrics import public_log
from server.web.notice_metrics import deliveries, notices, resting
from server.web.sealing_metrics import seal, sealing, tls

TOKEN_PATH = "/cgi-bin/stable_token"  # noqa: S105 -- the address at which WeChat gives tokens


async def build(_: Services) -> list[Metric]:
    told = {"version": process_beats.version(), "python": platform.python_version()}
    return [InfoMetricFamily("xcert_build", "What runs here", value=told)]


async def jobs(_: Services) -> list[Metric]:
    found = await standing.jobs()
    waiting = {one.queue: float(one.waiting) for one in found.queues}
    oldest = {one.queue: one.oldest_seconds for one in found.queues}
    return [
        gauges("xcert_jobs_waiting", "Jobs that may be done now (10000 at most)", "queue", waiting),
        gauges("xcert_jobs_oldest_seconds", "How long the oldest of them could have been done", "queue", oldest),
        gauge("xcert_jobs_running", "Jobs that are being done", found.running),
        gauge("xcert_jobs_failed", "Jobs that failed and were not tried again (10000 at most)", sum(found.failed.values())),
        gauges("xcert_jobs_failed_by_task", "The same by task", "task", found.failed),
    ]  # fmt: skip


async def living(s: Services) -> list[Metric]:
    kinds = process_beats.by_kind(await process_beats.living(s))
    return [
        gauges("xcert_processes", "Processes that were heard of within 50 seconds", "kind", {one.kind: one.processes for one in kinds}),
        gauges("xcert_hosts", "Hosts on which they run", "kind", {one.kind: one.hosts for one in kinds}),
        gauges("xcert_database_connections_used", "Connections in use, of all their pools", "kind", {one.kind: one.pool_used for one in kinds}),
        gauges("xcert_database_connections_most", "Connections that all their pools may have", "kind", {one.kind: one.pool_most for one in kinds}),
        gauges("xcert_database_pool_fullest", "The fullest pool of one process: 0 empty, 1 full", "kind", {one.kind: one.fullest for one in kinds}),
    ]  # fmt: skip


async def tokens(s: Services) -> list[Metric]:
    """An account of whose token nothing is kept has no line: nobody has needed one, or nobody gets one."""
    found = await s.wechat_health.tokens()
    ages = {one.account: one.age_seconds for one in found if one.age_seconds is not None}
    left = {one.account: one.left_seconds for one in found if one.left_seconds is not None}
    return [
        gauges("xcert_wechat_token_age_seconds", "Age of the kept access token", "account", ages),
        gauges("xcert_wechat_token_left_seconds", "How long it still works", "account", left),
    ]


async def alarms(s: Services) -> list[Metric]:
    """What only a person can mend: wrong secret, white list, template, permission."""
    since = s.clock.now() - standing.HOUR
    recent = [one.account for one in await s.wechat_health.alarms() if one.at > since]
    counts = {account: float(recent.count(account)) for account in outside_look.ACCOUNTS}
    return [gauges("xcert_wechat_alarms", "Alarms of the last hour, of the newest 20", "account", counts)]


async def quotas(s: Services) -> list[Metric]:
    seen = await outside_look.last(s)
    left = GaugeMetricFamily(
        "xcert_wechat_quota_left",
        "Calls of an API that WeChat still allows today",
        labels=["account", "path"],
    )
    part = GaugeMetricFamily(
        "xcert_wechat_quota_left_ratio",
        "The same, of what it allows a day: 0 to 1",
        labels=["account", "path"],
    )
    for one in seen.quotas if seen is not None else []:
        left.add_metric([one.account, one.path], float(one.left))
        part.add_metric([one.account, one.path], one.left / one.limit if one.limit else 1.0)
    return [left, part]


async def calls(s: Services) -> list[Metric]:
    """By all processes, job workers too: they are counted in Redis, not here."""
    family = CounterMetricFamily(
        "xcert_wechat_calls",
        "Calls to WeChat by account, path and outcome",
        labels=["account", "path", "outcome"],
    )
    failures = dict.fromkeys(outside_look.ACCOUNTS, 0)
    for one in await s.wechat_quota.calls():
        family.add_metric([one.account, one.path, one.outcome], one.count)
        if one.path == TOKEN_PATH and one.outcome != "ok":
            failures[one.account] = failures.get(one.account, 0) + one.count
    failed = CounterMetricFamily(
        "xcert_wechat_token_failures", "Times that WeChat gave no access token", labels=["account"]
    )
    for account, count in failures.items():
        failed.add_metric([account], count)
    return [family, failed]


async def pushes(s: Services) -> list[Metric]:
    late = await standing.late_pushes(s.clock)
    return [
        gauge("xcert_pushes_late", "Pushes whose answer is still owed (10000 at most)", late.items),
        gauge(
            "xcert_pushes_late_oldest_seconds", "How long the oldest of them has waited", late.oldest_seconds
        ),
    ]


async def work(s: Services) -> list[Metric]:
    found = await standing.waiting(s.clock)
    items = {one.what: float(one.items) for one in found}
    oldest = {one.what: one.oldest_seconds for one in found}
    return [
        gauges("xcert_waiting", "What waits for a person: corrections, releases, score changes, differences, alarms", "what", items),
        gauges("xcert_waiting_oldest_seconds", "Since when the oldest of it has waited", "what", oldest),
    ]  # fmt: skip


async def log_ins(s: Services) -> list[Metric]:
    refused, locked = await standing.log_ins(s.clock)
    return [
        gauge("xcert_sign_ins_refused", "Refused log-ins on the trail of the last hour", refused),
        gauge("xcert_sign_ins_locked", "Lock-outs on the trail of the last hour", locked),
    ]


async def backup(s: Services) -> list[Metric]:
    at = await checklist.last_backup()
    age = (s.clock.now() - at).total_seconds() if at is not None else math.inf
    return [gauge("xcert_backup_age_seconds", "Age of the last backup; +Inf: there is none", age)]


async def chain(s: Services) -> list[Metric]:
    found = await standing.chain(s.clock)
    told = [
        gauge("xcert_audit_unlinked", "Entries of the trail that the chain does not hold yet (10000 at most)", found.waiting),
        gauge("xcert_audit_still_seconds", "How long the oldest of them has waited; the chain stands still when this grows", found.still_seconds),
        gauge("xcert_audit_unpublished", "Links whose hash is not in the file store yet", found.unpublished),
    ]  # fmt: skip
    if found.made_at is not None:
        age = max(0.0, (s.clock.now() - found.made_at).total_seconds())
        told.append(gauge("xcert_audit_link_age_seconds", "Age of the newest link", age))
    return told


COLLECTORS: dict[str, Collect] = {
    "build": build,
    "jobs": jobs,
    "processes": living,
    "wechat_calls": calls,
    "wechat_tokens": tokens,
    "wechat_alarms": alarms,
    "wechat_quotas": quotas,
    "wechat_rest": resting,
    "pushes": pushes,
    "notices": notices,
    "deliveries": deliveries,
    "work": work,
    "log_ins": log_ins,
    "backup": backup,
    "audit": chain,
    "sealing": sealing,
    "seal": seal,
    "tls": tls,
    "log": public_log,
}
