"""An audience of 300,000 is counted and written down by one statement each, without its people passing through here."""

from __future__ import annotations

import tracemalloc

import pytest

from server.domain.campaigns import campaign_views, handling, queries, rehearsal, upkeep
from server.domain.campaigns.audience import Audience
from server.domain.ports import Services
from server.models import Plan, database
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER
from tests.large import filled

MOST_BYTES = 4_000_000  # 300,000 people would be a hundred times that


@pytest.mark.slow
@pytest.mark.timeout(400)  # filling the tables takes most of it
@pytest.mark.rule("C3")
async def test_an_audience_of_years_is_frozen_in_flat_memory(db: str, services: Services) -> None:
    await filled.fill(db, (await make.kind()).id)
    plans = tuple(await Plan.all().values_list("id", flat=True))
    everybody = Audience(plans=tuple(int(str(one)) for one in plans))
    campaign = await campaigning.written(services, await Plan.get(id=plans[0]), audience=everybody)
    tracemalloc.start()
    try:
        shown = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
        [preview] = await rehearsal.preview(services.clock, campaign.id, actor=WRITER)
        await database.close()
        await database.connect(db, patience=database.UNHURRIED)  # as a job, which takes its time
        await handling.submit(services, campaign.id, actor=WRITER)
        await upkeep.freeze(services, campaign.id)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert preview.lines
    assert [one.why_not for one in shown.without_way] == ["没有绑定微信"] * 10  # far behind the first of all
    assert (shown.people, shown.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert await queries.ends(campaign.id) == {
        "pending": filled.BOUND,
        "no_way": filled.CANDIDATES - filled.BOUND,
    }
    again = await campaigning.again(campaign)
    assert (again.people, again.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert peak < MOST_BYTES
