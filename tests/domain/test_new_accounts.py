"""An account is asked for by one administrator and approved by another; until then nobody gets in, and nobody opens it."""

from __future__ import annotations

import pytest
from tortoise.exceptions import IntegrityError

from server.domain.actor import Actor
from server.domain.auth import login_limits, logins
from server.domain.people import new_accounts, passwords, same_person, staff, staff_changes
from server.domain.people.new_accounts import AskedAccount, WantedAccount
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import Conflict, Forbidden, Invalid, Refused
from server.models import AuditEntry, LoginWeChat, Staff, StaffChange, StaffWeChat
from tests.kit import make
from tests.kit.console_desk import account
from tests.kit.fakes import FakeClock

WANTED = WantedAccount(username="Li.Hua", role="issuer", name="李华", reason="接替王敏")


async def two_admins() -> tuple[Actor, Actor]:
    first, second = [staff.actor_of(await account(Role.ADMIN, username=name)) for name in ("first", "second")]
    return first, second


async def asked(s: Services, wanted: WantedAccount = WANTED) -> tuple[AskedAccount, Actor, Actor]:
    first, second = await two_admins()
    return await new_accounts.ask(s.clock, wanted, actor=first), first, second


async def test_two_make_an_account(services: Services, clock: FakeClock) -> None:
    it, first, second = await asked(services)
    waiting = await Staff.get(id=it.staff_id)
    assert (waiting.username, waiting.is_active, waiting.password_hash) == ("li.hua", False, "")
    [seen] = (await staff_changes.listing(actor=second)).items
    assert (seen.act.label, seen.role, seen.was_role, seen.may_approve) == (
        "建立账号",
        Role.ISSUER,
        None,
        True,
    )
    with pytest.raises(Forbidden) as alone:
        await staff_changes.approve(clock, services.password_hasher, it.change_id, actor=first)
    assert alone.value.code == "same_person"
    done = await staff_changes.approve(clock, services.password_hasher, it.change_id, actor=second)
    made = await Staff.get(id=it.staff_id)
    assert done.one_time_password is not None and (made.is_active, made.must_change_password) == (True, True)
    assert await passwords.matches(services.password_hasher, made.password_hash, done.one_time_password)
    trail = await AuditEntry.filter(subject_kind="staff", subject_id=str(it.staff_id)).order_by("id")
    assert [one.action for one in trail] == ["staff_change.ask", "staff_change.approve"]
    assert trail[0].became == {
        "act": "create", "username": "li.hua", "role": "issuer", "school_id": None, "reason": "接替王敏",
    }  # fmt: skip


async def test_until_then_nobody_gets_in_and_nobody_opens_it(services: Services, clock: FakeClock) -> None:
    it, first, second = await asked(services)
    for password in ("", " ", "anything at all"):
        with pytest.raises(Refused) as nobody:
            came = login_limits.From(address="127.0.0.1", request_id="r1")
            await logins.log_in(services, "li.hua", password, "", came=came)
        assert nobody.value.code == "login_wrong"
    for actor in (first, second):
        with pytest.raises(Conflict) as refused:
            await staff.set_active(clock, it.staff_id, True, actor=actor)
        assert refused.value.code == "account_waits"
        for act in ("reset_password", "set_role", "drop_second_factor"):
            wish = WantedChange(act=act, reason="本人当面提出", role="admin")
            with pytest.raises(Conflict):
                await staff_changes.ask(clock, it.staff_id, wish, actor=actor)
    with pytest.raises(IntegrityError):
        await Staff.filter(id=it.staff_id).update(is_active=True)
    with pytest.raises(Invalid) as odd:
        await staff_changes.ask(
            clock, it.staff_id, WantedChange(act="create", reason="本人当面提出"), actor=first
        )
    assert odd.value.errors[0].code == "act_unknown"
    with pytest.raises(Forbidden) as refused_alone:
        await staff.create(clock, services.password_hasher, "other", "admin", actor=first)
    assert refused_alone.value.code == "role_not_allowed"


async def test_a_name_that_was_not_approved_may_be_asked_for_again(
    services: Services, clock: FakeClock
) -> None:
    it, first, second = await asked(services)
    with pytest.raises(Conflict) as waits:
        await new_accounts.ask(clock, WANTED, actor=second)
    assert waits.value.code == "account_waits"
    await staff_changes.refuse(clock, it.change_id, "角色不对", actor=second)
    with pytest.raises(Conflict) as closed:
        await staff.set_active(clock, it.staff_id, True, actor=second)
    assert closed.value.code == "account_waits"
    again = await new_accounts.ask(clock, WantedAccount(username="li.hua", role="operator"), actor=first)
    assert (again.staff_id, (await Staff.get(id=it.staff_id)).role) == (it.staff_id, "operator")
    await staff_changes.approve(clock, services.password_hasher, again.change_id, actor=second)
    with pytest.raises(Conflict) as taken:
        await new_accounts.ask(clock, WANTED, actor=first)
    assert taken.value.code == "username_taken"
    assert await StaffChange.filter(staff_id=it.staff_id).count() == 2


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        (WantedAccount(username="x", role="issuer"), "/username"),
        (WantedAccount(username="li.hua", role="king"), "/role"),
        (WantedAccount(username="li.hua", role="school"), "/school_id"),
    ],
)
async def test_what_is_wrong_is_named(services: Services, wanted: WantedAccount, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await new_accounts.ask(services.clock, wanted, actor=make.ADMIN)
    assert [one.pointer for one in refused.value.errors] == [pointer]
    assert await Staff.all().count() == 0


async def test_a_second_account_of_the_same_person_is_not_another(
    services: Services, clock: FakeClock
) -> None:
    """As far as it can be known: the same WeChat is bound to both, for log-in or for test messages."""
    it, first, second = await asked(services)
    assert first.id is not None and second.id is not None
    await LoginWeChat.create(staff_id=first.id, openid="oOne", bound_at=clock.now())
    await StaffWeChat.create(staff_id=second.id, openid="oOther", linked_at=clock.now())
    assert not await same_person.are_one(first.id, second.id)
    await StaffWeChat.all().update(openid="oOne")
    with pytest.raises(Forbidden) as refused:
        await staff_changes.approve(clock, services.password_hasher, it.change_id, actor=second)
    assert refused.value.code == "same_person"
    third = staff.actor_of(await account(Role.ADMIN, username="third"))
    await staff_changes.approve(clock, services.password_hasher, it.change_id, actor=third)
