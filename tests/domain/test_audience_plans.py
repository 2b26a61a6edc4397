"""An audience in a young database: PostgreSQL believes that its tables are empty, and the ways are worked out once all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from server.domain.campaigns import audience_queries, campaign_views
from server.domain.ports import Services
from server.models import database
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER

PEOPLE = 60


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.mark.rule("C3")
async def test_no_persons_way_is_worked_out_anew_for_everybody(
    services: Services, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await asyncpg.connect(db_url)
    try:
        for table in ("candidate", "registration", "binding", "follower", "notice_grant", "plan"):
            await link.execute(f"VACUUM ANALYZE {table}")  # empty, and known to be so from now on
    finally:
        await link.close()
    genuine = database.rows
    plans: list[dict[str, Any]] = []

    async def explained(statement: str, *values: Any) -> Any:
        if "open_way" in statement:
            [row] = await genuine(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
            told = row["QUERY PLAN"]
            plans.append((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])
        return await genuine(statement, *values)

    monkeypatch.setattr(audience_queries, "rows", explained)
    plan = await make.plan()
    await campaigning.people(services, PEOPLE, on=plan)
    campaign = await campaigning.written(services, plan)
    shown = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    assert (shown.people, shown.reachable, len(plans)) == (PEOPLE, PEOPLE, 2)
    repeated = [
        node
        for one in plans
        for node in nodes(one)
        if node["Node Type"] == "Unique" and node["Actual Loops"] > 1
    ]
    assert repeated == []
