"""Every query of pages, scan steps, jobs and sweeps has a plan that does not grow with history.

The real functions are run over a small living batch in a database full of history; each statement they send is then
explained. Nothing is timed. And who writes to all people of the years needs the memory of a few.
"""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sanic import Sanic

from server.adapters.keys import KeyFolder
from server.domain.campaigns import (
    campaign_views,
    handling,
    rehearsal,
    upkeep,
)
from server.domain.campaigns import (
    queries as campaign_queries,
)
from server.domain.campaigns.audience import Audience
from server.domain.portal_lists import comparison, portal_differences
from server.domain.portal_lists.portal_differences import Wanted as PortalWanted
from server.domain.ports import Services
from server.models import (
    FeeOrder,
    Plan,
    PortalDifference,
    PortalList,
    PortalRow,
    database,
)
from server.models.database import rows
from server.worker import JOBS_PATIENCE
from tests.kit import campaigning, make
from tests.kit.databases import ReusedDatabase, with_database
from tests.large import console_walk, filled, filled_money, hot_paths, money_paths
from tests.large.console_walk import Visit
from tests.large.living import living, of_the_years
from tests.large.plans import MOST_ROWS, listening, poor_plans

App = Sanic[Any, Any]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # filling the years takes most of it
MOST_BYTES = 4_000_000  # 300,000 people would be a hundred times that
LONG = {
    "log_entry",
    "candidate",
    "registration",
    "score",
    "certificate",
    "audit_entry",
    "binding",
    "delivery",
}
LONG_MONEY = {
    "fee",
    "fee_order",
    "fee_order_line",
    "fee_refund",
    "ledger_posting",
    "ledger_entry",
    "pay_inbox",
}
COUNTED = "plans"  # counts every registration of every plan shown, by an index alone


@pytest.fixture(scope="module")
def years(postgres_url: str, key_folder: KeyFolder) -> Iterator[tuple[str, str]]:
    """Two databases of this file alone, filled once: what one walk makes in the first is not in the other's way."""
    made = ReusedDatabase(postgres_url, name="years")
    url = made.take()
    asyncio.run(_filled(url, key_folder))
    with psycopg.connect(postgres_url, autocommit=True) as link:
        link.execute(f'CREATE DATABASE years_again TEMPLATE "{urlsplit(url).path[1:]}" STRATEGY FILE_COPY')
        yield url, with_database(postgres_url, "years_again")
        link.execute("DROP DATABASE years_again WITH (FORCE)")
    made.drop()


async def _filled(url: str, keys: KeyFolder) -> None:
    await database.connect(url)
    try:
        kind = await make.kind()
    finally:
        await database.close()
    await filled.fill(url, kind.id, keys)


@pytest.fixture
async def history(db: str) -> str:
    """Years of people and of money are there. The database's URL."""
    return db


@pytest.fixture
async def untouched(db: str) -> str:
    """The same in a database of its own."""
    return db


@pytest.fixture
def db_url(years: tuple[str, str], request: pytest.FixtureRequest) -> str:
    return years["untouched" in request.fixturenames]


async def test_no_hot_path_grows_with_history(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(monkeypatch) as spy:
        await hot_paths.walk(services, spy)
    assert len(spy.sent) > 100
    poor = await poor_plans(
        history, spy, long=LONG, counted=lambda part, _: "registration_outcome" if part == COUNTED else ""
    )
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)


async def test_no_path_of_money_grows_with_the_years(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(monkeypatch) as spy:
        await money_paths.walk(services, spy)
    assert len(spy.sent) > 100
    assert await FeeOrder.all().count() > filled_money.ORDERS
    poor = await poor_plans(history, spy, long=LONG_MONEY, counted=money_paths.counted)
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)


async def test_no_page_of_the_console_grows_with_history(
    app: App, untouched: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every GET, by its filters and its next page, as who sees most of it and as a school's account."""
    own, values = await living(services)
    people = await console_walk.seats(app, services, own)
    with listening(monkeypatch) as spy:

        def begin(visit: Visit) -> None:
            spy.part = visit.route

        walked = await console_walk.walk(app, people, of_the_years(values), everybody=False, begin=begin)
        spy.part = ""
    assert set(console_walk.routes(app)) - {visit.route for visit in walked} == console_walk.NOTHING_THERE
    poor = await poor_plans(untouched, spy, long=LONG | LONG_MONEY, counted=console_walk.counted)
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)


@pytest.mark.rule("C3")
async def test_an_audience_of_years_is_frozen_in_flat_memory(history: str, services: Services) -> None:
    """One statement counts it and one writes it down, without its people passing through here."""
    plans = tuple(range(filled.FIRST, filled.FIRST + filled.PLANS))
    campaign = await campaigning.written(
        services, await Plan.get(id=plans[0]), audience=Audience(plans=plans)
    )
    tracemalloc.start()
    try:
        shown = await campaign_views.audience(services.clock, campaign.id, actor=campaigning.WRITER)
        [preview] = await rehearsal.preview(services.clock, campaign.id, actor=campaigning.WRITER)
        await database.close()
        await database.connect(history, patience=database.UNHURRIED)  # as a job, which takes its time
        await handling.submit(services, campaign.id, actor=campaigning.WRITER)
        await upkeep.freeze(services, campaign.id)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert preview.lines
    assert [one.why_not for one in shown.without_way] == ["没有绑定微信"] * 10  # far behind the first of all
    assert (shown.people, shown.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert await campaign_queries.ends(campaign.id) == {
        "pending": filled.BOUND,
        "no_way": filled.CANDIDATES - filled.BOUND,
    }
    again = await campaigning.again(campaign)
    assert (again.people, again.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert peak < MOST_BYTES


@pytest.mark.rule("S94")
async def test_the_portals_list_of_years_is_compared_in_one_statement(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three ways over 150,000 certificates: each table read once, no row looked up by itself, and it adds up."""
    s = services
    of = await PortalList.create(
        taken_at=s.clock.now(), taken_by_name="李考务", rows=filled.CERTIFICATES - 1_000
    )
    await rows(
        "INSERT INTO portal_row (list_id, number, portal_number, name, level)"
        " SELECT $1, number, portal_number, CASE WHEN id % 1000 = 0 THEN '别人' ELSE '历年考生' END, 'primary'"
        " FROM certificate WHERE id >= 900000 ORDER BY id OFFSET 1000",
        of.id,
    )
    await rows(
        "INSERT INTO portal_row (list_id, number, portal_number, name, level) VALUES ($1, 'X', 'P', '', '')",
        of.id,
    )
    await rows("ANALYZE portal_row")
    await database.close()
    await database.connect(history, patience=JOBS_PATIENCE)
    with listening(monkeypatch) as spy:
        spy.part = "portal"
        await comparison.compare(s)
        spy.part = ""
    sums = await portal_differences.sums(actor=make.OPERATOR)
    assert sums is not None
    assert (sums.kept, sums.theirs_only, sums.ours_only) == (filled.CERTIFICATES - 999, 1, 1_000)
    assert sums.kept == sums.same + sums.differs + sums.theirs_only
    assert sums.ours == sums.listed + sums.ours_only + sums.uncompared
    assert sums.differs == 149
    [(_, compared, given)] = [one for one in spy.sent.values() if "INSERT INTO portal_difference" in one[1]]
    link = await database.line(history)
    try:
        told = await link.fetchval(f"EXPLAIN (FORMAT JSON) {compared}", *given)
    finally:
        await link.close()
    assert "Nested Loop" not in big_joins(json.loads(told)[0]["Plan"])
    await portal_differences.listing(PortalWanted(), actor=make.OPERATOR)
    await PortalDifference.all().delete()
    await PortalRow.all().delete()
    await PortalList.all().delete()


def big_joins(plan: dict[str, Any]) -> set[str]:
    """How two tables of which both are long are joined."""
    below = plan.get("Plans", [])
    long = [one for one in below if one.get("Plan Rows", 0) > MOST_ROWS]
    kinds = {plan["Node Type"]} if len(long) > 1 else set()
    return kinds.union(*(big_joins(one) for one in below))
