"""Many messages as a workbook: every one of them, in the memory of a slice, with sums that are the database's counts.

The whole: `XCERT_MESSAGES=150000 .venv/bin/python -m pytest tests/large/test_deliveries_export.py`.
"""

from __future__ import annotations

import os
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
import python_calamine

from server.adapters.workbooks import OpenpyxlWriter
from server.domain.campaigns import deliveries_export, queries
from server.domain.campaigns.deliveries_export import ExportDesk
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.notices.states import NoticeState
from server.domain.ports import Services
from server.models import Candidate, Delivery
from server.models.database import write
from tests.kit import campaigning, make

PEOPLE = int(os.environ.get("XCERT_MESSAGES", "30000"))
# A slice of 5,000 rows and what is made of it, however many there are; 150,000 at once take ten times that, 30,000 twice.
MOST_BYTES = 40_000_000
_FILL = """
INSERT INTO delivery (dedup, campaign_id, topic, account, channel, openid, candidate_id, fields_shown, path, state, attempts,
                      retries, msgid, last_error, remedy, next_try_at, created_at, sent_at, settled_at)
SELECT 'filled:' || i, $1, 'campaign', 'oa', 'template', 'o' || i, $2, '{}', '',
       (ARRAY['delivered', 'delivered', 'delivered', 'refused', 'unreported', 'failed'])[1 + i % 6], 1, 0, '',
       CASE WHEN i % 6 < 3 THEN '' ELSE '43004：没有关注公众号' END, '', NULL, now(), now(), now()
FROM generate_series(1, $3) i
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.rule("C3")
async def test_a_workbook_of_all_in_flat_memory(services: Services, tmp_path: Path) -> None:
    plan = await make.plan()
    await campaigning.people(services, 1, on=plan)
    campaign = await campaigning.submitted(services, plan)
    somebody = await Candidate.first()
    assert somebody is not None
    await Delivery.all().delete()
    await write(_FILL, campaign.id, somebody.id, PEOPLE)
    desk = ExportDesk(clock=services.clock, writer=OpenpyxlWriter(), channels={"template": "公众号模板消息"})
    wanted = Wanted(campaign_id=campaign.id)
    path = tmp_path / "messages.xlsx"
    tracemalloc.start()
    try:
        with path.open("wb") as file:
            async for piece in deliveries_export.pieces(desk, wanted, actor=campaigning.WRITER):
                file.write(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    book = python_calamine.CalamineWorkbook.from_path(str(path))
    rows = book.get_sheet_by_name("通知").to_python()[1:]
    assert len({row[0] for row in rows}) == len(rows) == PEOPLE
    found = Counter(row[6] for row in rows)
    sums = {row[0]: row[1] for row in book.get_sheet_by_name("合计").to_python() if row[0]}
    counts = {NoticeState(name).label: count for name, count in (await queries.ends(campaign.id)).items()}
    assert {label: sums[label] for label in counts} == counts == dict(found)
    assert sums["合计"] == PEOPLE
