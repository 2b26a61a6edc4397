"""Nobody issues alone: who stands behind an officer, who confirms one, and how an officer's life goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.domain.actor import Actor, Caller
from server.domain.issuance import organisation, roster_access, scan_tickets
from server.domain.people import conflicts, invitation_acceptance, officers, rights_notices
from server.domain.people.officer_states import STEPS, OfficerState
from server.domain.ports import Services, WeChatIdentity
from server.errors import Invalid, Refused
from server.models import AuditEntry, Issuance, Officer, OfficerBacker, School
from tests.kit import issuing, make
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.issuing import PIN, oa
from tests.kit.refusals import code_of

ISSUER = make.ISSUER_STAFF


@pytest.fixture
async def school(services: Services) -> School:
    return await make.school()


async def joined(
    s: Services, at: School, actor: Actor, *, openid: str = "oNew", mobile: str = ""
) -> tuple[Officer, str]:
    """Somebody whom `actor` invited, after taking up the invitation; and the token."""
    mobile = mobile or make.mobile()
    made = await officers.invite(s.clock, s.keys, at.id, "李新任", mobile, actor=actor)
    officer = await officers.accept(
        s, made.token, PIN, phone_last4=mobile[-4:], identity=oa(openid), caller=Caller(openid)
    )
    return officer, made.token


async def state_of(officer: Officer) -> str:
    return (await Officer.get(id=officer.id)).state


@pytest.mark.rule("S22")
@pytest.mark.parametrize("role", ["issuer", "admin"])
async def test_who_invited_the_officer_neither_signs_nor_hands_over(services: Services, role: str) -> None:
    of = await issuing.cohort(services)
    alone = Actor("staff", 41, "独行", role=role)
    officer, _ = await joined(services, of.school, alone)
    batch = await issuing.prepared(services, of)
    assert await code_of(organisation.org_sign(services, batch.id, actor=alone)) == "officer_backer"
    assert (await Issuance.get(id=batch.id)).state == "prepared"
    await organisation.org_sign(services, batch.id, actor=ISSUER)
    shown = await scan_tickets.show(services, batch.id, actor=ISSUER)
    assert (
        await code_of(scan_tickets.confirm(services, shown.token, PIN, identity=oa("oNew")))
        == "officer_pending"
    )
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)
    assert await code_of(organisation.hand_over(services, batch.id, actor=alone)) == "officer_backer"
    assert (await Issuance.get(id=batch.id)).state == "school_signed"
    await officers.suspend(services.clock, services.event_bus, officer.id, actor=ISSUER)
    assert await code_of(organisation.hand_over(services, batch.id, actor=alone)) == "officer_backer"
    await organisation.hand_over(services, batch.id, actor=ISSUER)


@pytest.mark.rule("S22")
async def test_who_signed_cannot_appoint_the_officer_who_confirms(services: Services) -> None:
    """The same two acts in the other order: sign first, then invite somebody to confirm."""
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    officer, _ = await joined(services, of.school, ISSUER)
    await officers.confirm(services.clock, services.queue, officer.id, actor=make.school_account(of.school))
    shown = await scan_tickets.show(services, batch.id, actor=make.ADMIN)
    assert (
        await code_of(scan_tickets.confirm(services, shown.token, PIN, identity=oa("oNew")))
        == "officer_of_signer"
    )
    assert (await Issuance.get(id=batch.id)).state == "site_pending"
    await scan_tickets.confirm(services, shown.token, PIN, identity=of.identity)


async def test_who_confirmed_the_officer_is_bound_as_well(services: Services, school: School) -> None:
    officer, _ = await joined(services, school, make.OPERATOR)
    await officers.confirm(services.clock, services.queue, officer.id, actor=ISSUER)
    assert await officers.blocks_staff(school.id, ISSUER.id)
    assert await officers.blocks_staff(school.id, make.OPERATOR.id)
    assert not await officers.blocks_staff(school.id, make.ADMIN.id)
    assert not await officers.blocks_staff((await make.school()).id, ISSUER.id)
    assert await conflicts.blocked_schools(ISSUER.id) == {school.id}


async def test_a_withdrawn_invitation_binds_nobody(services: Services, school: School) -> None:
    made = await officers.invite(
        services.clock, services.keys, school.id, "李新任", make.mobile(), actor=ISSUER
    )
    assert await officers.blocks_staff(school.id, ISSUER.id)
    await officers.withdraw(services.clock, made.officer_id, actor=ISSUER)
    assert not await officers.blocks_staff(school.id, ISSUER.id)


@pytest.mark.parametrize(
    ("inviter", "confirmer", "code"),
    [
        (make.OPERATOR, make.OPERATOR, "own_invitation"),
        (make.OPERATOR, Actor("staff", 51, "考务乙", role="operator"), "same_role"),
        (make.ADMIN, replace(make.ADMIN, role="issuer"), "own_invitation"),
        (make.OPERATOR, Actor("staff", 52, "审计", role="auditor"), "role_not_allowed"),
        (make.OPERATOR, Actor("staff", 53, "外校", role="school", school_id=10**6), "officer_not_found"),
    ],
)
async def test_who_may_not_confirm(
    services: Services, school: School, inviter: Actor, confirmer: Actor, code: str
) -> None:
    officer, _ = await joined(services, school, inviter)
    assert (
        await code_of(officers.confirm(services.clock, services.queue, officer.id, actor=confirmer)) == code
    )
    assert await state_of(officer) == "pending"


async def test_a_second_person_or_the_school_confirms(services: Services, school: School) -> None:
    first, _ = await joined(services, school, make.OPERATOR)
    await officers.confirm(services.clock, services.queue, first.id, actor=make.ADMIN)
    await officers.confirm(services.clock, services.queue, first.id, actor=make.ADMIN)
    second, _ = await joined(services, school, make.ADMIN, openid="oSecond")
    await officers.confirm(services.clock, services.queue, second.id, actor=make.school_account(school))
    third, _ = await joined(services, school, make.school_account(school), openid="oThird")
    assert [await state_of(one) for one in (first, second, third)] == ["active"] * 3
    assert await AuditEntry.filter(action="officer.confirm", subject_id=str(first.id)).count() == 1
    entry = await AuditEntry.get(action="officer.confirm", subject_id=str(third.id))
    assert (entry.actor_kind, entry.became) == ("system", {"state": "active", "by": "school_invitation"})


async def test_who_resends_the_link_has_invited(services: Services, school: School) -> None:
    mobile = make.mobile()
    made = await officers.invite(
        services.clock, services.keys, school.id, "李新任", mobile, actor=make.OPERATOR
    )
    again = await officers.resend(services.clock, made.officer_id, actor=make.ADMIN)

    async def take(token: str) -> Officer:
        return await officers.accept(
            services, token, PIN, phone_last4=mobile[-4:], identity=oa("oNew"), caller=Caller("a")
        )

    assert await code_of(take(made.token)) == "invitation_unknown"
    officer = await take(again.token)
    assert (
        await code_of(officers.confirm(services.clock, services.queue, officer.id, actor=make.ADMIN))
        == "own_invitation"
    )
    assert await code_of(officers.resend(services.clock, officer.id, actor=make.ADMIN)) == "not_invited"


async def test_an_invitation_is_for_one_phone_number(services: Services, school: School) -> None:
    made = await officers.invite(
        services.clock, services.keys, school.id, "李新任", "19912340987", actor=make.OPERATOR
    )

    async def take(digits: str) -> str:
        try:
            await officers.accept(
                services,
                made.token,
                PIN,
                phone_last4=digits,
                identity=oa(),
                caller=Caller(f"a{digits}"),
            )
        except Refused as refused:
            return refused.errors[0].code if isinstance(refused, Invalid) else refused.code
        return "taken"

    assert [await take(digits) for digits in ("", "098", "0986", "0985")] == [
        *["phone_form"] * 2,
        *["phone_wrong"] * 2,
    ]
    # the rest of the tries, many at once, and the right one behind them
    found = await asyncio.gather(*(take(f"{n:04d}") for n in range(1, 20)), take("0987"))
    assert found.count("phone_wrong") <= invitation_acceptance.WRONG_DIGITS - 3
    assert await take("0987") in ("invitation_locked", "taken")
    stored = await Officer.get(id=made.officer_id)
    assert stored.invitation_failures <= invitation_acceptance.WRONG_DIGITS
    assert await AuditEntry.filter(action="officer.phone_wrong").count() == stored.invitation_failures


async def test_a_dead_invitation_is_sent_anew(services: Services, school: School) -> None:
    made = await officers.invite(
        services.clock, services.keys, school.id, "李新任", "19912340987", actor=make.OPERATOR
    )
    for n in range(invitation_acceptance.WRONG_DIGITS):
        await code_of(
            officers.accept(
                services, made.token, PIN, phone_last4=f"111{n}", identity=oa(), caller=Caller("a")
            )
        )
    right = officers.accept(services, made.token, PIN, phone_last4="0987", identity=oa(), caller=Caller("b"))
    assert await code_of(right) == "invitation_locked"
    again = await officers.resend(services.clock, made.officer_id, actor=make.OPERATOR)
    officer = await officers.accept(
        services, again.token, PIN, phone_last4=" 0 9 8 7", identity=oa(), caller=Caller("c")
    )
    assert officer.state == "pending"


async def test_the_same_person_is_not_invited_twice(services: Services, school: School) -> None:
    own = make.school_account(school)
    made = await officers.invite(
        services.clock, services.keys, school.id, "王建华", "199 1234 5678", actor=own
    )
    again = officers.invite(
        services.clock, services.keys, school.id, "王建华", "19912345678", actor=make.ADMIN
    )
    assert await code_of(again) == "officer_known"
    at_once = await asyncio.gather(
        *(
            officers.invite(services.clock, services.keys, school.id, "李", "19900000001", actor=own)
            for _ in range(6)
        ),
        return_exceptions=True,
    )
    assert sorted(one.code for one in at_once if isinstance(one, Refused)) == ["officer_known"] * 5
    assert await Officer.filter(school=school).count() == 2
    await officers.withdraw(services.clock, made.officer_id, actor=own)
    await officers.invite(services.clock, services.keys, school.id, "王建华", "19912345678", actor=own)


async def test_a_forgotten_pin_is_set_anew_by_the_same_wechat_alone(
    services: Services, school: School
) -> None:
    officer = await issuing.officer(services, school)
    sealed = (await Officer.get(id=officer.id)).mobile_sealed
    digits = services.keys.decrypt(bytes(sealed or b""), about="officer.mobile")[-4:]
    link = await officers.reset_pin(services.clock, officer.id, actor=make.OPERATOR)
    stored = await Officer.get(id=officer.id)
    assert (stored.state, stored.pin_hash, stored.oa_openid) == ("active", "", issuing.OPENID)
    assert await code_of(officers.check_pin(services, stored, PIN)) == "pin_missing"

    async def take(who: WeChatIdentity, last4: str, pin: str = "739105") -> Officer:
        return await officers.accept(
            services, link.token, pin, phone_last4=last4, identity=who, caller=Caller("a")
        )

    assert await code_of(take(oa("oStranger"), digits)) == "other_wechat"
    assert await code_of(take(oa(), "0000" if digits != "0000" else "1111")) == "phone_wrong"
    assert await code_of(take(oa(), digits, "123456")) == "pin_weak"
    after = await take(oa(), digits)
    await officers.check_pin(services, after, "739105")
    assert (after.state, await Officer.all().count()) == ("active", 1)
    assert (await take(oa(), digits, "482916")).pin_hash == after.pin_hash  # a double tap changes nothing
    assert not await officers.blocks_staff(school.id, make.OPERATOR.id)  # appointed nobody


async def test_a_suspended_officer_comes_back_and_is_confirmed_again(
    services: Services, school: School
) -> None:
    officer = await issuing.officer(services, school)
    await officers.suspend(services.clock, services.event_bus, officer.id, actor=ISSUER)
    await officers.resume(services.clock, services.queue, officer.id, actor=make.ADMIN)
    assert await state_of(officer) == "pending"
    assert (
        await code_of(officers.confirm(services.clock, services.queue, officer.id, actor=make.ADMIN))
        == "own_invitation"
    )
    await officers.confirm(services.clock, services.queue, officer.id, actor=make.OPERATOR)
    await officers.check_pin(services, await Officer.get(id=officer.id), PIN)
    assert (
        await code_of(officers.resume(services.clock, services.queue, officer.id, actor=make.ADMIN))
        == "not_suspended"
    )
    await officers.suspend(services.clock, services.event_bus, officer.id, actor=ISSUER)
    await officers.resume(services.clock, services.queue, officer.id, actor=make.school_account(school))
    assert await state_of(officer) == "active"
    acts = await OfficerBacker.filter(officer_id=officer.id).order_by("id").values_list("act", "staff_id")
    assert acts == [("invited", 90), ("resumed", 2), ("confirmed", 3), ("resumed", 90)]


async def test_who_was_replaced_does_not_come_back(services: Services, school: School) -> None:
    first = await issuing.officer(services, school)
    await officers.suspend(services.clock, services.event_bus, first.id, actor=ISSUER)
    await issuing.officer(services, school)  # the same WeChat joins anew
    assert (
        await code_of(officers.resume(services.clock, services.queue, first.id, actor=make.ADMIN))
        == "officer_replaced"
    )


async def test_the_schools_other_officers_are_told(services: Services, school: School) -> None:
    old = await issuing.officer(services, school)
    new, _ = await joined(services, school, make.OPERATOR)
    services.queue.jobs.clear()  # type: ignore[attr-defined]
    await officers.confirm(services.clock, services.queue, new.id, actor=make.ADMIN)
    [(job, args)] = services.queue.jobs  # type: ignore[attr-defined]
    assert (job, args) == ("people.tell_officers", {"officer_id": new.id})
    await rights_notices.tell_officers(services, **args)
    assert isinstance(services.wechat_sender, FakeWeChatSender)
    [(account, openid, text)] = services.wechat_sender.texts
    assert (account, openid) == ("oa", old.oa_openid)
    assert "李新任" in text and text.endswith("。")
    me = await officers.officer_for(oa(old.oa_openid))
    assert me is not None and me.id == old.id
    assert [one.id for one in await officers.colleagues(me)] == [new.id]


def test_every_state_is_reached_and_only_active_ones_sign() -> None:
    assert {step.target for step in STEPS.values()} | {OfficerState.INVITED} == set(OfficerState)
    into_active = [step.name for step in STEPS.values() if step.target is OfficerState.ACTIVE]
    assert into_active == ["confirm"]


async def test_reading_a_whole_list_leaves_a_trace_once_an_hour(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    for _ in range(3):
        await roster_access.people(services, batch.id, actor=ISSUER)
    await roster_access.people(
        services, batch.id, actor=Actor("staff", 8, "财务", role="finance")
    )  # masked for them
    [entry] = await AuditEntry.filter(action="people.viewed")
    assert (entry.actor_id, entry.subject_kind, entry.subject_id, entry.became) == (
        ISSUER.id,
        "issuance",
        str(batch.id),
        {"list": "issuance_people"},
    )
    services.clock.forward(hours=1, seconds=1)  # type: ignore[attr-defined]
    await roster_access.people(services, batch.id, actor=ISSUER)
    assert await AuditEntry.filter(action="people.viewed").count() == 2


async def test_a_wrong_pin_and_its_lock_leave_a_trace(services: Services, school: School) -> None:
    officer = await issuing.officer(services, school)
    for _ in range(5):
        stored = await Officer.get(id=officer.id)
        await code_of(officers.check_pin(services, stored, "000001", caller=Caller("203.0.113.7", "r9")))
    entries = await AuditEntry.filter(action__startswith="officer.pin_").order_by("id")
    assert [(e.action, e.actor_id, e.address, e.request_id) for e in entries] == [
        ("officer.pin_wrong", officer.id, "203.0.113.7", "r9"),
        ("officer.pin_locked", officer.id, "203.0.113.7", "r9"),
    ]
