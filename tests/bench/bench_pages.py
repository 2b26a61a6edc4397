"""Every page, list and file of the console over years of history, beside the same with hardly anything on record.

The service answers in this process, one request after the other, so that what is measured is the work for one page.
Prints the slowest addresses; the table holds each route's slowest address, as whoever waits longest for it.
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import time
from dataclasses import replace
from typing import Any

from server.adapters.keys import KeyFolder
from server.models import database
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import make
from tests.kit.fakes import FakeClock
from tests.kit.reused_apps import own_app
from tests.kit.stand_ins import stand_ins
from tests.large import console_walk, filled
from tests.large.console_walk import Visit
from tests.large.living import living, of_the_years

TURNS = 20
MOST_MILLISECONDS = 200.0
# What the living ones need of the settings.
MERCHANT: dict[str, Any] = {
    "public_url": "http://127.0.0.1:8000",
    "oa_appid": "wxsandboxoa00000001",
    "mp_appid": "wxsandboxmp00000001",
    "oa_secret": "s" * 32,
    "mp_secret": "m" * 32,
}
Times = dict[Visit, list[float]]  # milliseconds


def run() -> list[Row]:
    found = []
    for years in (False, True):
        with place() as settings:
            found.append(asyncio.run(_measured(settings, years=years)))
            print(f"  {len(found[-1])} addresses", flush=True)
    small, large = found
    return _rows(small, large)


def p(part: float, times: list[float]) -> float:
    """The percentile, by nearest rank."""
    return sorted(times)[math.ceil(part * len(times)) - 1]


def slowest(walked: dict[Visit, float]) -> list[Visit]:
    """Of each route, as each of those who may: the address that took longest."""
    of: dict[tuple[str, str], Visit] = {}
    for visit, took in walked.items():
        if (visit.route, visit.who) not in of or took > walked[of[visit.route, visit.who]]:
            of[visit.route, visit.who] = visit
    return list(of.values())


async def _measured(settings: Settings, *, years: bool) -> Times:
    await database.connect(settings.database_url)
    try:
        s = stand_ins(
            replace(settings, **MERCHANT), FakeClock(), KeyFolder(settings.keys_dir, production=False)
        )
        if years:
            await filled.fill(settings.database_url, (await make.kind()).id, s.keys)
        own, values = await living(s)
        app = own_app(s)
        people = await console_walk.seats(app, s, own)
        walked = await console_walk.walk(app, people, of_the_years(values) if years else values)
        seen = {visit.route for visit in walked}
        print(f"  nobody got anything of: {sorted(set(console_walk.routes(app)) - seen)}", flush=True)
        found = slowest(walked)
        times: Times = {visit: [] for visit in found}
        for _ in range(TURNS):
            for visit in found:
                gc.collect(0)
                began = time.perf_counter()
                answer = await console_walk.get(people[visit.who], visit.address)
                times[visit].append((time.perf_counter() - began) * 1000)
                assert answer.status == 200, (visit, answer.status, answer.text[:300])
        return times
    finally:
        await database.close()


def _rows(small: Times, large: Times) -> list[Row]:
    """Of each route the address that takes longest, beside the same route's where hardly anything is."""
    worst: dict[str, Visit] = {}
    for visit, times in large.items():
        if visit.route not in worst or p(0.95, times) > p(0.95, large[worst[visit.route]]):
            worst[visit.route] = visit
    rows = []
    for route, visit in sorted(worst.items(), key=lambda one: -p(0.95, large[one[1]])):
        beside = max((p(0.95, times) for of, times in small.items() if of.route == route), default=math.nan)
        mine = p(0.95, large[visit])
        print(
            f"  {mine:8.1f} ms (median {p(0.5, large[visit]):.1f}), beside {beside:.1f}: {visit.who} {visit.address}",
            file=sys.stderr,
        )
        rows.append(Row(route, mine, beside, "毫秒", "同一页，几乎空的数据库", "≤ 200 毫秒"))
    return rows
