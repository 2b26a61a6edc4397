"""纸质证书 (S91), interrupted: at every fault point of every verb the process dies, and doing it again comes to the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.domain.paper import parcels, print_file, print_runs
from server.domain.ports import Services
from server.models import AuditEntry, Issuance, PaperHand, PaperRun, PaperSheet
from tests.kit import printing
from tests.kit.crashes import arm
from tests.kit.fakes import Killed
from tests.kit.printing import COLLEAGUE, FIRST, PRINTER, WAYBILL

pytestmark = pytest.mark.rule("S91")
Act = Callable[[], Awaitable[object]]


async def prepared(s: Services, verb: str) -> Act:
    """A run before this verb, and the verb."""
    of, batch = await printing.issued(s)
    if verb == "begin":
        return lambda: printing.a_run(s, batch.id)
    if verb in ("print", "spoil", "extend", "finish", "cancel"):
        run_id = await printing.a_run(s, batch.id)
        acts: dict[str, Act] = {
            "print": lambda: print_file.sheets_pdf(s, run_id, actor=PRINTER),
            "spoil": lambda: print_runs.spoil(s, run_id, FIRST, "卡纸", actor=PRINTER),
            "extend": lambda: print_runs.extend(s, run_id, "A0001209", actor=PRINTER),
            "finish": lambda: print_runs.finish(s, run_id, actor=PRINTER),
            "cancel": lambda: print_runs.cancel(s, run_id, "编号填错", actor=PRINTER),
        }
        return acts[verb]
    run = await (printing.sent if verb == "receive" else printing.printed)(s, batch.id)
    school = printing.school_account(of)
    more: dict[str, Act] = {
        "hand_over": lambda: parcels.hand_over(s, run.id, run.slip, actor=COLLEAGUE),
        "send": lambda: parcels.send(s, run.id, *WAYBILL, actor=PRINTER),
        "receive": lambda: parcels.receive(s, run.id, run.slip, 2, actor=school),
    }
    return more[verb]


async def all_rows() -> list[list[Any]]:
    """Everything that the verbs write."""
    runs = [
        (one.state, one.last_sheet, one.holder_name, one.tracking_number, one.received_count, one.taken_at)
        for one in await PaperRun.all().order_by("id")
    ]
    sheets = [(one.serial, one.state, one.certificate_id) for one in await PaperSheet.all().order_by("id")]
    hands = [(one.step, one.from_name, one.to_name) for one in await PaperHand.all().order_by("id")]
    trail = [one.action for one in await AuditEntry.filter(action__startswith="paper.").order_by("id")]
    settled = [one.paper_settled for one in await Issuance.all().order_by("id")]
    return [runs, sheets, hands, trail, settled]


VERBS = {
    "begin": ("the run is written", "the sheets are bound"),
    "print": (),
    "spoil": ("the sheet is spoiled",),
    "extend": (),
    "finish": (),
    "cancel": ("the run is cancelled",),
    "hand_over": (),
    "send": ("the parcel is sent",),
    "receive": (),
}
PLACES = [
    (verb, f"paper.{verb}: {point}")
    for verb, points in VERBS.items()
    for point in (*points, "before the commit", "after the commit")
]


@pytest.mark.parametrize("verb", VERBS)
async def test_the_places_are_those_that_a_run_reaches(services: Services, verb: str) -> None:
    act = await prepared(services, verb)
    faults = arm(services)
    await act()
    assert list(dict.fromkeys(faults.reached)) == [place for of, place in PLACES if of == verb]


@pytest.mark.parametrize(("verb", "place"), PLACES)
async def test_killed_and_done_again_it_is_done_once(services: Services, verb: str, place: str) -> None:
    act = await prepared(services, verb)
    before = await all_rows()
    arm(services, place)
    with pytest.raises(Killed):
        await act()
    if not place.endswith("after the commit"):
        assert await all_rows() == before
        await act()
        after = await all_rows()
    else:
        after = await all_rows()
    assert after != before
    if verb == "print":  # every file that is taken is in the trail
        after[3] = [*after[3], "paper.print"]
    if verb != "cancel":  # a cancelled run says so; everything else says the same again
        await act()
    assert await all_rows() == after
