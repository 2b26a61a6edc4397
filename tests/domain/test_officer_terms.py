"""Deputies: they sign until their last day, and no further, whether or not anybody ends it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from server.domain.beijing import day
from server.domain.issuance import scan_tickets
from server.domain.people import officer_terms, officers, school_contacts
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from server.models import AuditEntry, Officer, School
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock

LAST = "officer_term_over"


async def deputy(s: Services, of: issuing.Cohort, until: date | None) -> officers.Invitation:
    return await officers.invite(
        s.clock,
        s.keys,
        of.school.id,
        "代理人",
        make.mobile(),
        until=until,
        actor=make.school_account(of.school),
    )


@pytest.mark.parametrize("days, code", [(-1, "until_past"), (367, "until_far")])
async def test_a_term_ends_in_the_future_and_within_a_year(services: Services, days: int, code: str) -> None:
    of = await issuing.cohort(services)
    with pytest.raises(Invalid) as refused:
        await deputy(services, of, day(services.clock.now()) + timedelta(days=days))
    assert [(one.pointer, one.code) for one in refused.value.errors] == [("/until", code)]
    assert await Officer.filter(name="代理人").count() == 0


async def test_a_deputy_signs_on_the_last_day_and_not_after_it(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    today = day(clock.now())
    await Officer.filter(id=of.officer.id).update(until=today)
    shown = await issuing.shown_ticket(services, of)
    assert (await scan_tickets.look(services, shown.token, identity=of.identity)).count == 4
    await Officer.filter(id=of.officer.id).update(until=today - timedelta(days=1))
    for act in (
        scan_tickets.look(services, shown.token, identity=of.identity),
        scan_tickets.confirm(services, shown.token, issuing.PIN, identity=of.identity),
        scan_tickets.return_batch(services, shown.token, issuing.PIN, "姓名有误", identity=of.identity),
    ):
        with pytest.raises(Forbidden) as refused:
            await act
        assert refused.value.code == LAST


async def test_a_term_that_is_over_ends_by_itself(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    invitation = await deputy(services, of, day(clock.now()) + timedelta(days=2))
    permanent, invited = of.officer.id, invitation.officer_id
    signing = await issuing.officer(services, of.school, "oDeputy0000000000000000000")
    await Officer.filter(id=signing.id).update(until=day(clock.now()) + timedelta(days=2))
    clock.forward(days=2)
    await officer_terms.sweep(services)
    assert await states(permanent, invited, signing.id) == ["active", "invited", "active"]
    clock.forward(days=1)
    await officer_terms.sweep(services)
    await officer_terms.sweep(services)
    assert await states(permanent, invited, signing.id) == ["active", "withdrawn", "suspended"]
    ended = await AuditEntry.get(action="officer.suspend", subject_id=str(signing.id))
    assert (ended.actor_kind, "until" in (ended.became or {})) == ("system", True)


async def states(*ids: int) -> list[str]:
    return [(await Officer.get(id=one)).state for one in ids]


async def test_the_open_qr_of_the_school_dies_with_a_term(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    await Officer.filter(id=of.officer.id).update(until=day(clock.now()) - timedelta(days=1))
    shown = await issuing.shown_ticket(services, of)
    await officer_terms.sweep(services)
    other = await issuing.officer(services, of.school, "oOther00000000000000000000")
    assert other.state == "active"
    with pytest.raises(Gone, match="最新"):
        await scan_tickets.look(services, shown.token, identity=issuing.oa("oOther00000000000000000000"))


async def test_whose_term_is_over_is_invited_anew_and_not_resumed(
    services: Services, clock: FakeClock
) -> None:
    of = await issuing.cohort(services)
    await Officer.filter(id=of.officer.id).update(until=day(clock.now()) - timedelta(days=1))
    await officer_terms.sweep(services)
    with pytest.raises(Conflict) as refused:
        await officers.resume(
            services.clock, services.queue, of.officer.id, actor=make.school_account(of.school)
        )
    assert refused.value.code == LAST


async def test_a_school_says_how_it_is_reached(services: Services) -> None:
    school, other = await make.school(), await make.school()
    own = make.school_account(school)
    await school_contacts.set_contact(services.clock, school.id, " 教务处　010-12345678 ", actor=own)
    await school_contacts.set_contact(services.clock, school.id, "教务处 010-12345678", actor=own)
    assert await school_contacts.contact_of(school.id) == "教务处 010-12345678"
    assert await AuditEntry.filter(action="school.contact").count() == 1
    with pytest.raises(NotFound):
        await school_contacts.set_contact(services.clock, other.id, "x", actor=own)
    with pytest.raises(Invalid):
        await school_contacts.set_contact(services.clock, school.id, "长" * 101, actor=own)
    assert (await School.get(id=other.id)).contact == ""
