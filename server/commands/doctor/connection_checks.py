"""Whether all processes of all machines get by with the connections that database and PgBouncer let in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.rows import dict_row

from server.commands.doctor.findings import Finding, bad, look, ok
from server.commands.preflight import TROUBLES
from server.models import database
from server.settings import Settings

TITLE = "数据库连接数"
QUEUE = 3  # of each job process, for the queue of jobs: past any PgBouncer
_TIGHT = 0.8  # of what is let in
# What is left for ordinary roles; `reserved_connections` came with PostgreSQL 16.
_LET_IN = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int
"""
_HELD = """
SELECT application_name AS name, count(*) AS count FROM pg_stat_activity
WHERE datid IS NOT NULL AND pid <> pg_backend_pid() GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds connections now, beside this machine."""

    of_hosts: Mapping[str, int] = field(default_factory=dict)
    of_strangers: int = 0

    @property
    def all(self) -> int:
        return sum(self.of_hosts.values()) + self.of_strangers

    def __str__(self) -> str:
        hosts = "、".join(f"{host} {count}" for host, count in sorted(self.of_hosts.items()))
        return f"别的机器现在用着 {sum(self.of_hosts.values())} 个{f'（{hosts}）' if hosts else ''}，其余程序 {self.of_strangers} 个"


def held_by_others(counts: Mapping[str, int], *, me: str, roles: tuple[str, ...]) -> Held:
    """What others hold, by the names of connections (`database.named`).

    Args:
        counts: connections by name.
        me: this machine.
        roles: whose connections count as a machine's; others of ours are a PgBouncer's and not counted.
    """
    hosts: dict[str, int] = {}
    strangers = 0
    for name, count in counts.items():
        role, at, host = name.removeprefix("xcert-").partition("@")
        if not name.startswith("xcert-") or not at:
            strangers += count
        elif role in roles and host != me:
            hosts[host] = hosts.get(host, 0) + count
    return Held(hosts, strangers)


async def check(settings: Settings) -> Finding:
    """One finding: what this machine uses at most and the others use now, against what is let in."""
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        return bad(TITLE, "无法查看，请先解决数据库连接")
    try:
        most = int(await link.fetchval(_LET_IN))
        counts = {row["name"]: row["count"] for row in await link.fetch(_HELD)}
    finally:
        await link.close()
    web, jobs = max(1, settings.workers), settings.job_workers or os.cpu_count() or 1
    me = socket.gethostname()
    if settings.database_session_url:
        return await _through_pgbouncer(
            settings, most, jobs * QUEUE, held_by_others(counts, me=me, roles=("queue",))
        )
    needed = web * (settings.database_pool + 1) + jobs * (settings.job_database_pool + QUEUE)
    text = (
        f"本机最多用 {needed} 个（网页 {web} × {settings.database_pool + 1}，"
        f"任务 {jobs} × {settings.job_database_pool + QUEUE}）"
    )
    return judged(text, needed, held_by_others(counts, me=me, roles=("web", "jobs", "queue")), most)


def judged(text: str, needed: int, held: Held, most: int) -> Finding:
    """The finding for one server that lets in `most`."""
    free = most - held.all
    text = f"{text}，{held}，数据库最多接受 {most} 个"
    if needed > free:
        return bad(
            TITLE,
            f"{text}，不够；请调小 XCERT_DATABASE_POOL、XCERT_JOB_DATABASE_POOL 或进程数，调大 max_connections，"
            "或在前面放一个 PgBouncer",
        )
    if needed > free - (1 - _TIGHT) * most:
        return look(TITLE, f"{text}，快不够了，再加一台机器之前请调大 max_connections，或放一个 PgBouncer")
    return ok(TITLE, f"{text}，还够 {free // needed} 台这样的机器（连本机）")


async def _through_pgbouncer(settings: Settings, most: int, direct: int, held: Held) -> Finding:
    """Two servers with limits: the PgBouncer for clients, and PostgreSQL for the PgBouncer and the queue."""
    web, jobs = max(1, settings.workers), settings.job_workers or os.cpu_count() or 1
    clients = web * (settings.database_pool + 1) + jobs * settings.job_database_pool
    text = f"本机最多向 PgBouncer 要 {clients} 个，直连 {direct} 个（任务 {jobs} × {QUEUE}）"
    try:
        found = await asyncio.to_thread(_ask_pgbouncer, settings.database_url)
    except psycopg.Error:
        user = urlsplit(settings.database_url).username
        return look(
            TITLE,
            f"{text}；看不到 PgBouncer 的上限，请把用户 {user} 写进它的 stats_users，"
            f"并核对 max_client_conn 和 default_pool_size（数据库最多接受 {most} 个，{held}）",
        )
    others = held_by_others(found.clients, me=socket.gethostname(), roles=("web", "jobs"))
    if clients + others.all > found.most_clients:
        return bad(
            TITLE,
            f"{text}；PgBouncer 最多接受 {found.most_clients} 个（max_client_conn），{others}，不够，请调大",
        )
    text = f"{text}；PgBouncer 最多接受 {found.most_clients} 个，向数据库用 {found.pool} 个"
    return judged(text, direct + found.pool, held, most)


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """What a PgBouncer says of itself: clients let in, connections to our database, clients by name."""

    most_clients: int
    pool: int
    clients: Mapping[str, int]


def _ask_pgbouncer(url: str) -> PgBouncer:
    """Ask its console. Raises psycopg.Error: nobody there, or we may not."""
    parts = urlsplit(url)
    console = urlunsplit(parts._replace(path="/pgbouncer"))
    ours = parts.path.strip("/")
    with psycopg.connect(console, autocommit=True, connect_timeout=5, row_factory=dict_row) as link:
        limits = {row["key"]: row["value"] for row in link.execute("SHOW CONFIG").fetchall()}
        pools = {row["name"]: row for row in link.execute("SHOW DATABASES").fetchall()}
        clients: dict[str, int] = {}
        for row in link.execute("SHOW CLIENTS").fetchall():
            if row["database"] != "pgbouncer":
                name = row.get("application_name") or ""
                clients[name] = clients.get(name, 0) + 1
    return PgBouncer(int(limits["max_client_conn"]), _pool(pools.get(ours, {}), limits), clients)


def _pool(mine: Mapping[str, Any], limits: Mapping[str, str]) -> int:
    """How many connections to our database it opens at most."""
    size = int(mine.get("pool_size") or limits["default_pool_size"])
    size += int(mine.get("reserve_pool") or limits.get("reserve_pool_size") or 0)
    most = int(mine.get("max_connections") or limits.get("max_db_connections") or 0)
    return min(size, most) if most else size
