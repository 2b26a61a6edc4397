"""The officer's scan under pressure: one effect of a thousand taps, one living ticket, and who may show one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest

from server.domain.issuance import organisation, scan_tickets
from server.domain.issuance.states import BatchState
from server.domain.people import officers, pins
from server.domain.ports import Services
from server.errors import Refused
from server.models import AuditEntry, Candidate, Certificate, Issuance, Receipt, ScanTicket
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock, MemoryEventBus
from tests.kit.issuing import PIN, Cohort
from tests.kit.refusals import code_of
from tests.kit.scanning import untouched


@pytest.mark.slow
async def test_a_thousand_confirmations_at_once_have_one_effect(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    outcomes = await asyncio.gather(
        *(scan_tickets.confirm(services, shown.token, PIN, identity=of.identity) for _ in range(1000))
    )
    assert len(set(outcomes)) == 1
    assert await Receipt.all().count() == 1
    assert await AuditEntry.filter(action="issuance.confirm_scan").count() == 1
    assert (await Issuance.get(plan_id=of.plan.id)).state == "school_signed"


async def test_confirm_return_and_withdraw_at_once_have_one_winner(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    calls: list[Awaitable[Any]] = []
    for _ in range(5):
        calls += [
            scan_tickets.confirm(services, shown.token, PIN, identity=of.identity),
            scan_tickets.return_batch(services, shown.token, PIN, "有误", identity=of.identity),
            organisation.withdraw(services, batch.id, actor=make.ISSUER_STAFF),
        ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [one for one in outcomes if isinstance(one, BaseException)]
    assert all(isinstance(one, Refused) for one in refusals)
    steps = await AuditEntry.filter(
        action__in=["issuance.confirm_scan", "issuance.school_return", "issuance.withdraw"]
    ).values_list("action", flat=True)
    assert len(steps) == 1
    state = (await Issuance.get(id=batch.id)).state
    assert {"issuance." + n for n, to in TARGETS.items() if to == state} >= set(steps)


TARGETS = {"confirm_scan": "school_signed", "school_return": "returned", "withdraw": "prepared"}


async def test_two_screens_showing_at_once_leave_one_living_ticket(services: Services, of: Cohort) -> None:
    batch = await issuing.pending(services, of)
    shown = await asyncio.gather(
        *(scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF) for _ in range(8))
    )
    assert await ScanTicket.filter(replaced_at=None).count() == 1
    codes: Counter[str] = Counter()
    for one in shown:
        try:
            await scan_tickets.look(services, one.token, identity=of.identity)
            codes["living"] += 1
        except Refused as refused:
            codes[refused.code] += 1
    assert codes == {"living": 1, "scan_replaced": 7}


async def test_a_ticket_is_not_shown_for_a_changed_list(services: Services, of: Cohort) -> None:
    batch = await issuing.pending(services, of)
    await Candidate.filter(name="崔子涵").update(name="崔子函")
    assert await code_of(scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)) == "list_changed"


async def test_a_ticket_is_shown_only_while_the_batch_waits(services: Services, of: Cohort) -> None:
    batch = await issuing.prepared(services, of)
    assert await code_of(scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)) == "not_site_pending"


async def test_who_may_show_a_ticket(services: Services, of: Cohort) -> None:
    batch = await issuing.pending(services, of)
    own = make.ADMIN.__class__("staff", 9, "教务处", role="school", school_id=of.school.id)
    assert (await scan_tickets.show(services, batch.id, actor=own)).revision == 1
    other = make.ADMIN.__class__("staff", 9, "别校", role="school", school_id=of.school.id + 1000)
    assert await code_of(scan_tickets.show(services, batch.id, actor=other)) == "issuance_not_found"
    assert await code_of(scan_tickets.show(services, batch.id, actor=make.OPERATOR)) == "role_not_allowed"


async def test_suspension_kills_the_schools_open_codes_and_colleagues_get_a_new_one(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    await issuing.officer(services, of.school, "oColleague")
    colleague = issuing.oa("oColleague")
    await officers.suspend(services.clock, services.event_bus, of.officer.id, actor=make.ADMIN)
    assert (
        await code_of(scan_tickets.confirm(services, shown.token, PIN, identity=colleague)) == "scan_replaced"
    )
    batch = await Issuance.get(plan_id=of.plan.id)
    renewed = await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)
    assert (
        await scan_tickets.confirm(services, renewed.token, PIN, identity=colleague)
    ).state is BatchState.SCHOOL_SIGNED


async def test_five_wrong_pins_lock_even_when_sent_at_once(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket, clock: FakeClock
) -> None:
    async def attempt(pin: str) -> str:
        try:
            await scan_tickets.confirm(services, shown.token, pin, identity=of.identity)
        except Refused as refused:
            return refused.code
        return "signed"

    codes = Counter(await asyncio.gather(*(attempt("000001") for _ in range(30))))
    assert codes == {"pin_wrong": pins.TRIES - 1, "pin_locked": 30 - (pins.TRIES - 1)}
    assert await attempt(PIN) == "pin_locked"
    clock.forward(minutes=14, seconds=59)
    assert await attempt(PIN) == "pin_locked"
    await untouched(of)


async def test_certificates_of_a_confirmed_batch_are_those_of_the_receipt(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)
    batch = await Issuance.get(plan_id=of.plan.id)
    one = await Certificate.all().first()
    assert one is not None
    await Certificate.filter(id=one.id).update(line=bytes(one.line).replace("崔".encode(), "翠".encode()))
    assert (
        await code_of(organisation.hand_over(services, batch.id, actor=make.ISSUER_STAFF))
        == "list_not_signed"
    )
    assert (await Issuance.get(id=batch.id)).state == "school_signed"


async def test_a_second_desk_tells_the_first_that_its_code_is_dead(
    services: Services, of: Cohort, shown: scan_tickets.ShownTicket
) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    newer = await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)
    assert isinstance(services.event_bus, MemoryEventBus)
    told = [event for channel, event in services.event_bus.events if channel == f"issuance:{batch.id}"]
    assert told[-1] == {"event": "superseded", "ticket": f"{newer.id:016x}"}
