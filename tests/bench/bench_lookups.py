"""Looking up: hot against bare Sanic and against Redis, cold against raw asyncpg, and with many candidates on record.

Servers run in processes of their own; ours and the ceiling take turns (A B A B …) and the middle of the ratios counts.
Throughput is answers per second of the server's processor time, which neighbours on the machine cannot distort.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg

from miniprogram_api import results
from server.adapters.cache import connect
from server.composition import running
from server.domain.auth import sessions
from server.domain.lookups import queries
from server.domain.ports import Services, WeChatIdentity
from server.models import Binding, database
from server.settings import Settings
from tests.bench.load import Load, get, processor_seconds
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import make

PEOPLE = 64
ROUNDS, SECONDS = 7, 1.2
SIZES = (1_000, 100_000, 1_000_000)


def run() -> list[Row]:
    with place() as settings:
        folder = settings.data_dir.parent
        return [*hot_and_cold(settings, folder), *by_size(settings, folder)]


# hot


def hot_and_cold(settings: Settings, folder: Path) -> list[Row]:
    requests, body = asyncio.run(_people(settings))
    (folder / "body").write_bytes(body)
    with ExitStack() as stack:
        servers = {
            kind: stack.enter_context(_server(kind, settings, body=str(folder / "body")))
            for kind in ("ours", "bare", "redis")
        }
        loads = {kind: Load(port, requests) for kind, (port, _) in servers.items()}
        rates = asyncio.run(_turns(loads, {kind: pid for kind, (_, pid) in servers.items()}))
    rows = [
        _row("成绩查询（热）", rates, "ours", "bare", "Sanic 直接返回同样的字节", "≥ 0.75"),
        _row("成绩查询（热）", rates, "ours", "redis", "Sanic + Redis GET", ""),
    ]
    return [*rows, asyncio.run(_cold(settings))]


async def _people(settings: Settings) -> tuple[list[bytes], bytes]:
    """Candidates with released results, bound; their requests, and one answer."""
    async with running(settings) as s:
        plan, site = await make.plan(release_at=datetime(2026, 1, 1, tzinfo=UTC)), await make.site()
        requests = []
        for serial in range(PEOPLE):
            who = WeChatIdentity("mp", f"openid-{serial:026d}")
            candidate = await make.candidate(s, number=make.id_number(serial, date(1999, 1, 1)))
            await Binding.create(account="mp", openid=who.openid, candidate=candidate, bound_at=s.clock.now())
            await make.registration(s, candidate, on=plan, at=site)
            requests.append(_request(s, who.openid))
        body, _ = await results.read(s, who)
        client = connect(settings.redis_url)
        await client.set("bench", body)
        await client.aclose()
        return requests, body


def _request(s: Services, openid: str) -> bytes:
    token = sessions.mint(s, "mp", openid, 3600)
    return get("/mp/v1/results", Authorization=f"Bearer {token}", Accept="application/json")


async def _turns(loads: dict[str, Load], pids: dict[str, int]) -> dict[str, list[float]]:
    """Answers per processor second, round by round."""
    rates: dict[str, list[float]] = {kind: [] for kind in loads}
    for load in loads.values():
        await load.run(seconds=0.5, connections=8)
    for _ in range(ROUNDS):
        for kind, load in loads.items():
            before = processor_seconds(pids[kind])
            answers = await load.run(seconds=SECONDS, connections=16)
            rates[kind].append(answers / (processor_seconds(pids[kind]) - before))
    return rates


def _row(name: str, rates: dict[str, list[float]], ours: str, other: str, against: str, aim: str) -> Row:
    ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[other], strict=True))
    return Row(
        name, statistics.median(rates[ours]), statistics.median(rates[other]), "次/核秒", against, aim, ratio
    )


# cold


async def _cold(settings: Settings) -> Row:
    """The domain's whole cold reading against nothing but its statement on the same kind of pool."""
    async with running(settings) as s:
        pool = await asyncpg.create_pool(settings.database_url, min_size=4, max_size=10)
        people = [WeChatIdentity("mp", f"openid-{serial:026d}") for serial in range(PEOPLE)]

        async def ours(who: WeChatIdentity) -> None:
            await results.read(s, who)

        async def raw(who: WeChatIdentity) -> None:
            await pool.fetch(queries.RESULTS, who.account, who.openid, s.clock.now())

        rates: dict[str, list[float]] = {"ours": [], "raw": []}
        for _ in range(ROUNDS):
            for kind, ask in (("ours", ours), ("raw", raw)):
                began, asked = time.perf_counter(), 0
                while time.perf_counter() - began < SECONDS:
                    await asyncio.gather(*(ask(people[(asked + i) % PEOPLE]) for i in range(8)))
                    asked += 8
                rates[kind].append(asked / (time.perf_counter() - began))
        await pool.close()
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["raw"], strict=True))
    middle = {kind: statistics.median(found) for kind, found in rates.items()}
    return Row("成绩查询（冷）", middle["ours"], middle["raw"], "次/秒", "asyncpg 同一条 SQL", "", ratio)


# by size


def by_size(settings: Settings, folder: Path) -> list[Row]:
    """Cold and hot latency of one caller with 1,000, 100,000 and 1,000,000 candidates on record.

    The lower quartile of each turn counts: what is above it is mostly the machine's other work.
    """
    with ExitStack() as stack:
        loads: dict[str, dict[int, Load]] = {"cold": {}, "ours": {}}
        for size in SIZES:
            own = Settings(**{**asdict(settings), **asyncio.run(_filled(settings, size))})
            requests = asyncio.run(_sample(own, size))
            for kind, found in loads.items():
                port, _ = stack.enter_context(_server(kind, own))
                found[size] = Load(port, requests)
        return [
            *asyncio.run(_latencies(loads["cold"], "成绩查询延迟（冷）")),
            *asyncio.run(_latencies(loads["ours"], "成绩查询延迟（热）")),
        ]


async def _latencies(loads: dict[int, Load], name: str) -> list[Row]:
    found: dict[int, list[float]] = {size: [] for size in loads}
    for load in loads.values():
        await load.run(seconds=0.8, connections=1)
    for _ in range(ROUNDS):
        for size, load in loads.items():
            await load.run(seconds=SECONDS, connections=1)
            found[size].append(statistics.quantiles(load.seconds, n=4)[0] * 1000)
    least = SIZES[0]
    return [
        Row(
            f"{name}，{size:,} 名考生",
            statistics.median(found[size]),
            statistics.median(found[least]),
            "毫秒",
            f"{least:,} 名考生",
            "≤ 1.3",
            statistics.median(a / b for a, b in zip(found[size], found[least], strict=True)),
        )
        for size in loads
        if size != least
    ]


async def _filled(settings: Settings, size: int) -> dict[str, str]:
    """A database of its own with that many bound candidates, each with a released result."""
    name = f"size_{size}"
    admin = await asyncpg.connect(settings.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = settings.database_url.rsplit("/", 1)[0] + f"/{name}"
    await database.migrate(url)
    own = Settings(**{**asdict(settings), "database_url": url})
    async with running(own) as s:
        plan, site = await make.plan(release_at=datetime(2026, 1, 1, tzinfo=UTC)), await make.site()
        sealed = s.keys.encrypt(make.id_number(1), about="candidate.id_number")
    filler = await asyncpg.connect(url)
    for statement, values in (
        (
            "INSERT INTO candidate (id, name, id_kind, id_sealed, id_index, kind, school_id, major_code, major_name,"
            " major_version, major_tier, photo_key, created_at, updated_at)"
            " SELECT n, '崔子涵', '居民身份证', $2, sha256(n::text::bytea), 'school', $3, '', '', '', '', '', now(), now()"
            " FROM generate_series(1, $1::int) AS n",
            (size, sealed, site.school_id),
        ),
        (
            "INSERT INTO binding (account, openid, unionid, candidate_id, bound_at)"
            " SELECT 'mp', 'openid-' || lpad(n::text, 26, '0'), '', n, now() FROM generate_series(1, $1::int) AS n",
            (size,),
        ),
        (
            "INSERT INTO registration (id, candidate_id, plan_id, site_id, admission_number, outcome, created_at)"
            " SELECT n, n, $2, $3, n::text, 'passed', now() FROM generate_series(1, $1::int) AS n",
            (size, plan.id, site.id),
        ),
        (
            "INSERT INTO score (registration_id, subject, score, status, updated_at)"
            " SELECT n, '社会心理服务（机考）', 78.5, 'scored', now() FROM generate_series(1, $1::int) AS n",
            (size,),
        ),
    ):
        await filler.execute(statement, *values)
    await filler.execute("VACUUM ANALYZE")
    await filler.close()
    return {"database_url": url}


async def _sample(settings: Settings, size: int) -> list[bytes]:
    """Requests of people spread over the whole table."""
    async with running(settings) as s:
        return [_request(s, f"openid-{1 + n * size // 500:026d}") for n in range(500)]


# processes


@contextmanager
def _server(kind: str, settings: Settings, **more: Any) -> Iterator[tuple[int, int]]:
    """A server process. Yields its port and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    wanted = {
        name: str(getattr(settings, name))
        for name in ("database_url", "redis_url", "keys_dir", "data_dir", "log_level")
    }
    said = json.dumps({"kind": kind, "port": port, "settings": wanted, **more})
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.lookup_servers", said])
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"the server {kind} did not start")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)
