"""Officers: invited, bound to a WeChat identity with a PIN, suspended at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from server.domain.actor import Actor, Caller
from server.domain.paging import Turn
from server.domain.people import officer_list, officers, pins
from server.domain.ports import Services, WeChatIdentity
from server.errors import Refused
from server.models import AuditEntry, Officer, School
from server.web.h5.officer import invitation_url
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock
from tests.kit.issuing import PIN, oa
from tests.kit.refusals import code_of

ME = make.ADMIN


@pytest.fixture
async def school(services: Services) -> School:
    return await make.school()


LAST4: dict[str, str] = {}  # of the phone, by the invitation's token


async def invited(
    s: Services, at: School, mobile: str = "", actor: Actor | None = None
) -> officers.Invitation:
    """As the school's own account does it, unless somebody else shall."""
    mobile = mobile or make.mobile()
    made = await officers.invite(
        s.clock, s.keys, at.id, "王签发", mobile, actor=actor or make.school_account(at)
    )
    LAST4[made.token] = mobile[-4:]
    return made


async def accept(
    s: Services, token: str, pin: str = PIN, *, identity: WeChatIdentity, address: str, last4: str = ""
) -> Officer:
    digits = last4 or LAST4.get(token, "0000")
    return await officers.accept(s, token, pin, phone_last4=digits, identity=identity, caller=Caller(address))


async def test_an_invitation_keeps_only_the_tokens_hash(services: Services, school: School) -> None:
    made = await invited(services, school, "199 1234 5678")
    officer = await Officer.get(id=made.officer_id)
    assert bytes(officer.invitation_hash or b"") == hashlib.sha256(made.token.encode()).digest()
    assert (officer.state, officer.name, officer.invitation_expires_at) == (
        "invited",
        "王签发",
        services.clock.now() + timedelta(days=7),
    )
    assert (
        invitation_url(services.settings.public_url, made.token)
        == f"http://127.0.0.1:8000/h5/officer?invitation={made.token}"
    )
    assert services.keys.decrypt(bytes(officer.mobile_sealed or b""), about="officer.mobile") == "19912345678"
    entry = await AuditEntry.get(action="officer.invite")
    assert made.token not in repr(entry.became) and "1991234" not in repr(entry.became)


async def test_accepting_binds_the_identity_and_sets_the_pin(services: Services, school: School) -> None:
    made = await invited(services, school)
    officer = await accept(services, made.token, PIN, identity=oa("oMe"), address="203.0.113.9")
    assert (officer.state, officer.oa_openid, officer.school.id) == ("active", "oMe", school.id)
    assert officer.pin_hash and PIN not in officer.pin_hash
    await officers.check_pin(services, officer, PIN)
    found = await officers.officer_for(oa("oMe"))
    assert found is not None and found.id == officer.id
    assert await officers.officer_for(WeChatIdentity("mp", "oMe")) is None
    assert await officers.officer_for(oa("")) is None
    entry = await AuditEntry.get(action="officer.accept")
    assert (entry.actor_kind, entry.actor_id, entry.address) == ("officer", officer.id, "203.0.113.9")


async def test_a_double_tap_on_accept_changes_nothing(services: Services, school: School) -> None:
    made = await invited(services, school)
    first = await accept(services, made.token, PIN, identity=oa(), address="a")
    again = await accept(services, made.token, "739158", identity=oa(), address="a")
    assert (again.id, again.pin_hash) == (first.id, first.pin_hash)
    assert await AuditEntry.filter(action="officer.accept").count() == 1


async def test_accepting_at_once_has_one_winner(services: Services, school: School) -> None:
    made = await invited(services, school)
    outcomes = await asyncio.gather(
        *(accept(services, made.token, PIN, identity=oa(f"oPerson{i}"), address=str(i)) for i in range(8)),
        return_exceptions=True,
    )
    refusals = [one.code for one in outcomes if isinstance(one, Refused)]
    assert refusals == ["invitation_used"] * 7
    assert await AuditEntry.filter(action="officer.accept").count() == 1


async def test_invitations_that_are_no_good(services: Services, school: School, clock: FakeClock) -> None:
    async def attempt(token: str, who: str = "oMe", pin: str = PIN) -> str:
        return await code_of(accept(services, token, pin, identity=oa(who), address=who))

    assert await attempt("no such token") == "invitation_unknown"
    used = await invited(services, school)
    await accept(services, used.token, PIN, identity=oa("oFirst"), address="x")
    assert await attempt(used.token) == "invitation_used"
    assert await attempt((await invited(services, school)).token, "oFirst") == "already_officer"
    withdrawn = await invited(services, school)
    await officers.suspend(services.clock, services.event_bus, withdrawn.officer_id, actor=ME)
    assert await attempt(withdrawn.token) == "invitation_withdrawn"
    late = await invited(services, school)
    clock.forward(days=7)
    assert (await officers.invitation_of(services.clock, late.token)).officer_id == late.officer_id
    clock.forward(seconds=1)
    assert await attempt(late.token) == "invitation_expired"


async def test_a_snapshot_user_is_refused(services: Services, school: School) -> None:
    made = await invited(services, school)
    who = WeChatIdentity("oa", "oMe", is_snapshot=True)
    assert await code_of(accept(services, made.token, PIN, identity=who, address="a")) == "snapshot_user"


async def test_guessing_invitations_is_slowed(services: Services) -> None:
    for _ in range(officers.TRIES):
        await code_of(accept(services, "guess", PIN, identity=oa(), address="203.0.113.9"))
    call = accept(services, "guess", PIN, identity=oa(), address="203.0.113.9")
    assert await code_of(call) == "too_many_tries"


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        ("12345", "pin_form"),
        ("1234567", "pin_form"),
        ("12345a", "pin_form"),
        ("１２３４５６", "pin_form"),
        ("", "pin_form"),
        *(
            (pin, "pin_weak")
            for pin in ("123456", "654321", "111111", "000000", "135791", "123123", "121212")
        ),
        *((pin, "pin_weak") for pin in ("112233", "147258", "900215", "021590", "101010", "789456")),
    ],
)
async def test_weak_pins_are_refused(services: Services, school: School, pin: str, code: str) -> None:
    made = await invited(services, school)
    assert await code_of(accept(services, made.token, pin, identity=oa(), address="a")) == code
    assert (await Officer.get(id=made.officer_id)).state == "invited"


def test_most_pins_are_free_to_choose() -> None:
    weak = sum(pins.is_weak(f"{pin:06d}") for pin in range(0, 1_000_000, 37))
    assert weak / (1_000_000 / 37) < 0.09


async def test_a_pin_locks_after_five_wrong_tries_and_opens_again(
    services: Services, school: School, clock: FakeClock
) -> None:
    officer = await issuing.officer(services, school)

    async def attempt(pin: str) -> str:
        try:
            await officers.check_pin(services, await Officer.get(id=officer.id), pin)
        except Refused as refused:
            return refused.code
        return "right"

    assert [await attempt("000001") for _ in range(4)] == ["pin_wrong"] * 4
    assert await attempt(PIN) == "right"
    assert [await attempt("000001") for _ in range(5)] == ["pin_wrong"] * 4 + ["pin_locked"]
    assert await attempt(PIN) == "pin_locked"
    clock.forward(minutes=15)
    assert await attempt("000001") == "pin_wrong"
    assert await attempt(PIN) == "right"
    assert (await Officer.get(id=officer.id)).pin_failures == 0


async def test_the_right_pin_among_many_guesses_at_once_does_not_get_around_the_lock(
    services: Services, school: School
) -> None:
    officer = await issuing.officer(services, school)
    stale = await Officer.get(id=officer.id)  # every guess starts from the row as it was before the first

    async def attempt(pin: str) -> str:
        try:
            await officers.check_pin(services, stale, pin)
        except Refused as refused:
            return refused.code
        return "right"

    for _ in range(5):
        await attempt("000001")
    assert await attempt(PIN) == "pin_locked"


async def test_without_a_pin_nobody_signs(services: Services, school: School) -> None:
    officer = await make.officer(school, openid="oNoPin")
    assert await code_of(officers.check_pin(services, officer, PIN)) == "pin_missing"


async def test_suspending_works_at_once_and_once(services: Services, school: School) -> None:
    officer = await issuing.officer(services, school)
    await officers.suspend(services.clock, services.event_bus, officer.id, actor=ME)
    await officers.suspend(services.clock, services.event_bus, officer.id, actor=ME)
    stored = await Officer.get(id=officer.id)
    assert (stored.state, stored.suspended_at) == ("suspended", services.clock.now())
    assert await AuditEntry.filter(action="officer.suspend").count() == 1


async def test_a_suspended_officer_may_be_invited_anew(services: Services, school: School) -> None:
    first = await issuing.officer(services, school)
    await officers.suspend(services.clock, services.event_bus, first.id, actor=ME)
    again = await issuing.officer(services, school)
    found = await officers.officer_for(oa())
    assert found is not None and (found.id, found.state.value) == (again.id, "active")
    assert (await Officer.get(id=first.id)).oa_openid == ""


async def test_the_second_account_is_bound_by_a_code_and_the_pin(
    services: Services, school: School, clock: FakeClock
) -> None:
    officer = await issuing.officer(services, school)
    mp = WeChatIdentity("mp", "mpMe")
    code = await officers.pairing_code(services.cache, oa())

    def bind(code: str, pin: str = PIN) -> Awaitable[officers.SigningOfficer]:
        return officers.bind_mp(services, code, pin, identity=mp, caller=Caller("a"))

    assert await code_of(bind("00000000" if code != "00000000" else "1" * 8)) == "pairing_unknown"
    assert await code_of(bind("")) == "pairing_unknown"
    assert await code_of(bind(code, "000001")) == "pin_wrong"
    assert (await bind(code)).id == officer.id
    found = await officers.officer_for(mp)
    assert found is not None and found.id == officer.id
    assert await code_of(bind(code)) == "pairing_unknown"  # used up
    late = await officers.pairing_code(services.cache, oa())
    clock.forward(seconds=officers.PAIRING_SECONDS + 1)
    assert await code_of(bind(late)) == "pairing_unknown"
    assert await code_of(officers.pairing_code(services.cache, oa("oStranger"))) == "not_an_officer"


async def test_who_may_invite_and_suspend(services: Services, school: School) -> None:
    other = await make.school()
    own = Actor("staff", 7, "教务处", role="school", school_id=school.id)
    made = await officers.invite(services.clock, services.keys, school.id, "王签发", make.mobile(), actor=own)
    theirs = await officers.invite(
        services.clock, services.keys, other.id, "李签发", make.mobile(), actor=make.OPERATOR
    )
    assert (
        await code_of(officers.invite(services.clock, services.keys, other.id, "某", "", actor=own))
        == "school_not_found"
    )
    assert (
        await code_of(officers.suspend(services.clock, services.event_bus, theirs.officer_id, actor=own))
        == "officer_not_found"
    )
    await officers.suspend(services.clock, services.event_bus, made.officer_id, actor=own)
    auditor = Actor("staff", 8, "审计", role="auditor")
    assert (
        await code_of(officers.invite(services.clock, services.keys, school.id, "某", "", actor=auditor))
        == "role_not_allowed"
    )
    assert (
        await code_of(officers.suspend(services.clock, services.event_bus, theirs.officer_id, actor=auditor))
        == "role_not_allowed"
    )
    assert (
        await code_of(officers.invite(services.clock, services.keys, 10**9, "某", make.mobile(), actor=ME))
        == "school_not_found"
    )
    assert (
        await code_of(officers.invite(services.clock, services.keys, school.id, " ", "", actor=ME))
        == "name_missing"
    )
    assert (
        await code_of(officers.invite(services.clock, services.keys, school.id, "某", "123", actor=ME))
        == "mobile_invalid"
    )
    assert (
        await code_of(officers.invite(services.clock, services.keys, school.id, "某", " ", actor=ME))
        == "mobile_missing"
    )


async def test_listing_masks_phones_and_pages(services: Services, school: School) -> None:
    other = await make.school()
    made = [await invited(services, school, f"1991234567{n}") for n in range(3)]
    await officers.invite(services.clock, services.keys, other.id, "别校", make.mobile(), actor=ME)
    own = Actor("staff", 7, "教务处", role="school", school_id=school.id)
    page = await officer_list.listing(services.clock, services.keys, turn=Turn(limit=2), actor=own)
    assert [one.id for one in page.items] == [made[2].officer_id, made[1].officer_id]
    assert [one.mobile_masked for one in page.items] == ["199****5672", "199****5671"]
    page = await officer_list.listing(
        services.clock, services.keys, turn=Turn(cursor=page.next_cursor, limit=2), actor=own
    )
    assert ([one.id for one in page.items], page.next_cursor) == ([made[0].officer_id], None)
    assert len((await officer_list.listing(services.clock, services.keys, actor=ME)).items) == 4
    assert (
        len(
            (
                await officer_list.listing(
                    services.clock, services.keys, officer_list.Wanted(school_id=other.id), actor=ME
                )
            ).items
        )
        == 1
    )
