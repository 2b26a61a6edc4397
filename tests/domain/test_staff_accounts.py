"""Accounts of staff: how one begins, changes and ends; the table of roles."""

from __future__ import annotations

import pytest

from server.domain import roles
from server.domain.actor import SYSTEM, Actor
from server.domain.people import passwords, staff
from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role, Verb
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import AuditEntry, Staff
from tests.kit import make
from tests.kit.columns import column


async def test_create_gives_a_one_time_password(services: Services) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "Li.Hua", "issuer", name="李华", actor=SYSTEM
    )
    made = await Staff.get(username="li.hua")
    assert (made.name, made.role, made.school_id, made.must_change_password) == ("李华", "issuer", None, True)
    assert len(password) == 19
    assert await passwords.matches(services.password_hasher, made.password_hash, password)
    entry = await AuditEntry.get(action="staff.create")
    assert entry.became == {"username": "li.hua", "role": "issuer", "school_id": None}
    assert password not in str(entry.became)


async def test_a_school_account_belongs_to_a_school(services: Services) -> None:
    at = await make.school()
    await staff.create(
        services.clock, services.password_hasher, "school-1", "school", school=at, actor=SYSTEM
    )
    made = await Staff.get(username="school-1")
    assert staff.actor_of(made) == Actor("staff", made.id, "school-1", "school", at.id)


@pytest.mark.parametrize(
    ("username", "role", "name", "school", "pointer"),
    [
        ("a", "issuer", None, None, "/username"),
        ("有汉字的", "issuer", None, None, "/username"),
        ("good-name", "issuer", "", None, "/name"),
        ("good-name", "issuer", "坏\x00名", None, "/name"),
        ("good-name", "king", None, None, "/role"),
        ("good-name", "school", None, None, "/school_id"),
        ("good-name", "school", None, 999, "/school_id"),
        ("good-name", "issuer", None, 1, "/school_id"),
    ],
)
async def test_what_an_account_cannot_be(
    services: Services, username: str, role: str, name: str | None, school: int | None, pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await staff.create(
            services.clock, services.password_hasher, username, role, name=name, school=school, actor=SYSTEM
        )
    assert [e.pointer for e in caught.value.errors] == [pointer]
    assert await Staff.all().count() == 0


async def test_a_username_is_taken_once(services: Services) -> None:
    await staff.create(services.clock, services.password_hasher, "li.hua", "issuer", actor=SYSTEM)
    with pytest.raises(Conflict) as caught:
        await staff.create(services.clock, services.password_hasher, "LI.HUA", "operator", actor=SYSTEM)
    assert caught.value.code == "username_taken"
    assert await AuditEntry.all().count() == 1


async def test_close_and_open_an_account(services: Services) -> None:
    await staff.create(services.clock, services.password_hasher, "li.hua", "issuer", actor=SYSTEM)
    made = await Staff.get(username="li.hua")
    await staff.set_active(services.clock, made.id, False, actor=SYSTEM)
    await staff.set_active(services.clock, made.id, False, actor=SYSTEM)
    await staff.set_active(services.clock, made.id, True, actor=SYSTEM)
    assert (await Staff.get(id=made.id)).session_epoch == 3
    actions = await column(AuditEntry.all().order_by("id"), "action")
    assert actions == ["staff.create", "staff.deactivate", "staff.activate"]
    with pytest.raises(Forbidden) as caught:
        await staff.set_active(services.clock, made.id, False, actor=staff.actor_of(made))
    assert caught.value.code == "own_account"
    with pytest.raises(NotFound):
        await staff.set_active(services.clock, made.id + 1, False, actor=SYSTEM)


async def test_reset_gives_a_new_one_time_password(services: Services) -> None:
    first = await staff.create(services.clock, services.password_hasher, "li.hua", "issuer", actor=SYSTEM)
    made = await Staff.get(username="li.hua")
    await Staff.filter(id=made.id).update(must_change_password=False, otp_sealed=b"x")
    second = await staff.reset_password(services.clock, services.password_hasher, made.id, actor=SYSTEM)
    after = await Staff.get(id=made.id)
    assert first != second
    assert await passwords.matches(services.password_hasher, after.password_hash, second)
    assert (after.must_change_password, after.otp_sealed, after.session_epoch) == (True, None, 2)
    with pytest.raises(NotFound):
        await staff.reset_password(services.clock, services.password_hasher, made.id + 1, actor=SYSTEM)


async def test_listing_goes_on_after_an_id(services: Services) -> None:
    for n in range(3):
        await staff.create(services.clock, services.password_hasher, f"staff-{n}", "issuer", actor=SYSTEM)
    first = await staff.listing(0, 2)
    rest = await staff.listing(first[-1].id, 2)
    assert [row.username for row in first + rest] == ["staff-0", "staff-1", "staff-2"]
    assert not hasattr(first[0], "password_hash")


def test_every_role_is_in_the_table_and_every_verb_is_somebodys() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert set().union(*(PERMISSIONS[role] for role in Role if role is not Role.ADMIN)) | {
        Verb.MANAGE_STAFF,
        Verb.APPROVE_STAFF_CHANGE,
        Verb.CHECK_UP,
    } == set(Verb)
    assert PERMISSIONS[Role.SCHOOL].isdisjoint({Verb.SIGN, Verb.HAND_OVER, Verb.REVOKE, Verb.IMPORT})


@pytest.mark.parametrize("actor", [Actor("officer", 1, "王"), Actor("staff", 1, "王", "king")])
def test_who_is_no_staff_may_nothing(actor: Actor) -> None:
    assert not any(roles.may(actor, verb) for verb in Verb)
    with pytest.raises(Forbidden) as caught:
        roles.require(actor, Verb.SIGN)
    assert caught.value.code == "role_not_allowed"
