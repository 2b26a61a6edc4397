"""An officer's particulars are put right, with a trail; who does it stands behind the officer."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from server.domain import beijing
from server.domain.people import conflicts, invitations, officer_changes
from server.domain.people.officer_changes import Particulars
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import AuditEntry, Officer
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock
from tests.kit.refusals import code_of

WHY = "录入有误"


async def changed(
    s: Services, officer: Officer, to: Particulars, *, actor: object = make.OPERATOR, why: str = WHY
) -> Officer:
    await officer_changes.change(s.clock, s.keys, officer.id, to, why, actor=actor)  # type: ignore[arg-type]
    return await Officer.get(id=officer.id)


async def test_name_phone_and_term_are_put_right(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    last = beijing.day(clock.now()) + timedelta(days=30)
    number = make.mobile()
    it = await changed(services, of.officer, Particulars(name=" 王 签法", mobile=number, until=last))
    assert (it.name, it.until, it.state) == ("王签法", last, "active")
    assert services.keys.decrypt(bytes(it.mobile_sealed or b""), about=invitations.ABOUT_MOBILE) == number
    entry = await AuditEntry.get(action="officer.change")
    assert entry.was == {"name": "王签发", "until": None}
    assert entry.became == {"name": "王签法", "until": last.isoformat(), "phone_changed": True, "reason": WHY}
    assert number not in str(entry.became)
    again = await changed(services, of.officer, Particulars(name="王签法", mobile=number, until=last))
    assert (again.mobile_sealed, await AuditEntry.filter(action="officer.change").count()) == (
        it.mobile_sealed,
        1,
    )
    assert (await changed(services, of.officer, Particulars(name="王签法"))).until is None
    assert await conflicts.blocks_staff(of.school.id, make.OPERATOR.id), (
        "who writes the name does not sign for it"
    )


async def test_an_invitation_is_taken_up_with_the_new_phone(services: Services, clock: FakeClock) -> None:
    at = await make.school()
    made = await invitations.invite(clock, services.keys, at.id, "李敏", make.mobile(), actor=make.ADMIN)
    it = await Officer.get(id=made.officer_id)
    number = make.mobile()
    assert bytes(
        (await changed(services, it, Particulars(name="李敏", mobile=number))).mobile_index or b""
    ) in (services.keys.blinds(number, about=invitations.ABOUT_MOBILE))


async def test_what_is_refused(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    other = make.mobile()
    await invitations.invite(clock, services.keys, of.school.id, "李敏", other, actor=make.ADMIN)
    good = Particulars(name="王签发")
    for to, why, wrong in (
        (good, " ", "reason_short"),
        (Particulars(name="王签发", until=date(2020, 1, 1)), WHY, "until_past"),
        (Particulars(name="王签发", mobile="12"), WHY, "mobile_invalid"),
    ):
        with pytest.raises(Invalid) as refused:
            await changed(services, of.officer, to, why=why)
        assert [one.code for one in refused.value.errors] == [wrong]
    with pytest.raises(Conflict) as known:
        await changed(services, of.officer, Particulars(name="王签发", mobile=other))
    assert known.value.code == "officer_known"
    stranger = make.school_account(await make.school())
    assert await code_of(changed(services, of.officer, good, actor=stranger)) == "officer_not_found"
    for role, error in ((make.school_account(await make.school()), NotFound), (make.ISSUER_STAFF, None)):
        if error is not None:
            with pytest.raises(error):
                await changed(services, of.officer, Particulars(name="张三"), actor=role)
    await Officer.filter(id=of.officer.id).update(state="suspended")
    assert await code_of(changed(services, of.officer, Particulars(name="张三"))) == "officer_gone"
    auditor = make.ADMIN.__class__("staff", 9, "审计员", role="auditor")
    with pytest.raises(Forbidden):
        await changed(services, of.officer, good, actor=auditor)
    assert (await Officer.get(id=of.officer.id)).name == "王签发"
