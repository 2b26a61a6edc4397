"""What was overtaken before it was sent is not sent: reminders of what is signed, of fees that are paid or waived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.domain import beijing
from server.domain.issuance import announcements, organisation, scan_tickets
from server.domain.notices import overtaken, sender
from server.domain.payments import fees, waivers
from server.domain.payments.payer_notices import PayerTeller
from server.domain.people import officer_transitions
from server.domain.ports import Services
from server.models import Candidate, Delivery, Fee, Issuance
from tests.kit import issuing, make, paying
from tests.kit.campaigning import bind
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.issuing import Cohort
from tests.kit.noticing import clock, wechat

ME = make.ISSUER_STAFF


async def reminded(s: Services, *, days: int = 8) -> Cohort:
    """A batch that waits for its school, and a reminder that waits to be sent."""
    of = await issuing.cohort(s)
    await issuing.pending(s, of)
    clock(s).forward(days=days)
    await announcements.remind(s.clock, s.queue)
    assert await ends() == [("signing_reminder", "pending", "")]
    return of


async def ends() -> list[tuple[str, str, str]]:
    found = await Delivery.all().order_by("id").values_list("topic", "state", "last_error")
    return [(str(topic), str(state), str(error)) for topic, state, error in found]


@pytest.mark.rule("C1")
async def test_what_is_withdrawn_is_not_reminded_of(services: Services) -> None:
    await reminded(services)
    batch = await Issuance.get()
    await organisation.withdraw(services, batch.id, actor=ME)
    assert await ends() == [("signing_reminder", "cancelled", overtaken.SIGNED_OR_WITHDRAWN)]
    assert await sender.send(services) == 0
    await announcements.remind(services.clock, services.queue)
    assert len(await ends()) == 1


async def test_what_is_signed_is_not_reminded_of(services: Services) -> None:
    of = await reminded(services)
    batch = await Issuance.get()
    ticket = await scan_tickets.show(services, batch.id, actor=ME)
    await scan_tickets.confirm(services, ticket.token, issuing.PIN, identity=of.identity)
    assert await ends() == [("signing_reminder", "cancelled", overtaken.SIGNED_OR_WITHDRAWN)]


async def test_an_officer_who_has_left_is_not_reminded(services: Services) -> None:
    of = await reminded(services)
    assert await officer_transitions.advance(services.clock, of.officer, "suspend", actor=make.ADMIN)
    await sender.send(services)
    assert await ends() == [("signing_reminder", "failed", sender.NO_LONGER_OFFICER)]
    assert wechat(services).sent == []


async def test_what_was_sent_stays_sent_and_other_batches_wait_on(services: Services) -> None:
    await reminded(services)
    await sender.send(services)
    batch = await Issuance.get()
    assert await overtaken.stop_batch(services.clock.now(), batch.id, batch.site_id) == 0
    assert [state for _, state, _ in await ends()] == ["accepted"]
    await Delivery.all().update(state="pending")
    assert await overtaken.stop_batch(services.clock.now(), batch.id + 1, batch.site_id) == 0
    assert [state for _, state, _ in await ends()] == ["pending"]
    assert await overtaken.stop_batch(services.clock.now(), batch.id, batch.site_id) == 1


async def test_a_batch_that_moved_on_between_the_reading_and_the_putting(services: Services) -> None:
    """The sweep read it as waiting; it was signed before the reminder was put."""
    of = await issuing.cohort(services)
    await issuing.pending(services, of)
    clock(services).forward(days=3)
    await Issuance.all().update(revision=7)
    stale = await Issuance.get()
    stale.revision = 1
    assert not await announcements.still_waits(stale)
    await Issuance.all().update(revision=1)
    assert await announcements.still_waits(stale)


async def due(s: Services) -> Fee:
    """A fee that its candidate was told of, by a notice that waits."""
    exchange(s, settings=replace(s.settings, oa_template_fee_due="tpl-due", oa_template_fee_paid="tpl-paid"))
    plan = await paying.priced(s)
    who = await make.candidate(s)
    await Candidate.filter(id=who.id).update(kind="social")
    await bind(who)
    await make.registration(s, who, on=plan, outcome="pending")
    for _ in range(2):
        await fees.raise_fees(s.clock, PayerTeller(s.settings, s.clock, s.queue))
    return await Fee.get(candidate_id=who.id)


@pytest.mark.rule("C1")
@pytest.mark.rule("S57")
async def test_who_owes_is_told_once(services: Services) -> None:
    fee = await due(services)
    await sender.send(services)
    [sent] = wechat(services).sent
    assert (sent.template, sent.url, sent.dedup_id) == (
        "tpl-due",
        "http://127.0.0.1:8000/h5/orders",
        f"fee_due:{fee.id}",
    )
    plan = await make.plan()
    assert sent.fields == {
        "thing1": "初级考试费",
        "amount2": "¥120.50",
        "date3": beijing.say_day(plan.exam_date),
    }


async def test_who_has_paid_is_not_told_to(services: Services, pay: FakePay) -> None:
    fee = await due(services)
    await paying.paid(services, pay, fee)
    assert ("fee_due", "cancelled", "已经缴费") in await ends()


async def test_whose_fee_is_waived_is_not_told_to(services: Services) -> None:
    fee = await due(services)
    waiver = await waivers.ask(services.clock, fee.id, "家庭困难，已核实", actor=paying.FINANCE)
    clock(services).forward(minutes=5)
    await waivers.approve(
        services.clock, services.queue, services.faults, waiver.id, actor=paying.OTHER_FINANCE
    )
    assert await ends() == [("fee_due", "cancelled", "费用已减免")]


async def test_schools_are_not_told_and_whoever_bound_nothing_is_not(services: Services) -> None:
    exchange(services, settings=replace(services.settings, oa_template_fee_due="tpl-due"))
    plan = await paying.priced(services)
    await paying.priced(services, kind="school", on=plan)
    bound = await make.candidate(services, at=await make.school())
    await bind(bound)
    stranger = await make.candidate(services)
    await Candidate.filter(id=stranger.id).update(kind="social")
    for who in (bound, stranger):
        await make.registration(services, who, on=plan, outcome="pending")
    made = await fees.raise_fees(
        services.clock, PayerTeller(services.settings, services.clock, services.queue)
    )
    assert (made, await Delivery.all().count()) == (2, 0)
