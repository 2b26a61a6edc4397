"""Accounts changed by two administrators: who asks, who decides, what it does, and what each guard alone forbids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tortoise.exceptions import IntegrityError

from server.domain.actor import SYSTEM, Actor
from server.domain.auth import api_tokens, logins
from server.domain.people import passwords, staff, staff_changes
from server.domain.people.staff_change_states import STEPS
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unverified
from server.models import ApiToken, AuditEntry, Staff, StaffChange
from tests.kit import make
from tests.kit.console_desk import PASSWORD, account
from tests.kit.lives import without_row

REASON = "本人当面提出，已核对证件"
RESET = WantedChange(act="reset_password", reason=REASON)
DROP = WantedChange(act="drop_second_factor", reason=REASON)


async def admin(name: str) -> Actor:
    return staff.actor_of(await account(Role.ADMIN, username=name))


async def asked(s: Services, wanted: WantedChange = RESET) -> tuple[Staff, StaffChange, Actor, Actor]:
    """An operator's account, a change of it that waits, who asked for it, and another administrator."""
    first, second = await admin("first"), await admin("second")
    of = await account(Role.OPERATOR)
    await Staff.filter(id=of.id).update(otp_sealed=b"x", recovery_codes=["aa"])
    change_id = await staff_changes.ask(s.clock, of.id, wanted, actor=first)
    return of, await StaffChange.get(id=change_id), first, second


def approved(s: Services, change: StaffChange, actor: Actor) -> Awaitable[staff_changes.Approval]:
    return staff_changes.approve(s.clock, s.password_hasher, change.id, actor=actor)


async def test_a_password_reset_takes_two_and_leaves_the_second_factor(services: Services) -> None:
    of, change, _, second = await asked(services)
    token, _ = logins.begin(services, await Staff.get(id=of.id))
    made = await api_tokens.create(
        services, (await account(Role.AUDITOR)).id, "x", proof=api_tokens.Proof(PASSWORD), actor=SYSTEM
    )
    await ApiToken.filter(id=made.view.id).update(staff_id=of.id)
    assert await passwords.matches(services.password_hasher, of.password_hash, PASSWORD)
    done = await approved(services, change, second)
    after = await Staff.get(id=of.id)
    assert done.one_time_password is not None
    assert await passwords.matches(services.password_hasher, after.password_hash, done.one_time_password)
    assert (after.must_change_password, after.otp_sealed, after.recovery_codes) == (True, b"x", ["aa"])
    with pytest.raises(Unverified):
        await logins.open_session(services, token)
    assert (await ApiToken.get()).revoked_at is not None
    trail = await AuditEntry.filter(action__startswith="staff_change.").order_by("id")
    assert [(one.action, one.actor_name, one.subject_id) for one in trail] == [
        ("staff_change.ask", "王敏", str(of.id)),
        ("staff_change.approve", "王敏", str(of.id)),
    ]
    assert done.one_time_password not in str([one.became for one in trail])
    assert done.one_time_password not in repr(done)


async def test_a_lost_second_factor_is_taken_away_by_two(services: Services) -> None:
    of, change, _, second = await asked(services, DROP)
    assert (await approved(services, change, second)).one_time_password is None
    after = await Staff.get(id=of.id)
    assert (after.otp_sealed, after.recovery_codes, after.session_epoch) == (None, None, 2)
    assert after.password_hash == of.password_hash
    with pytest.raises(Conflict) as refused:
        await staff_changes.ask(services.clock, of.id, DROP, actor=second)
    assert refused.value.code == "nothing_to_drop"


async def test_another_role_takes_two(services: Services) -> None:
    school = await make.school()
    to_school = WantedChange(act="set_role", reason=REASON, role="school", school_id=school.id)
    of, change, _, second = await asked(services, to_school)
    await approved(services, change, second)
    after = await Staff.get(id=of.id)
    assert (after.role, after.school_id, after.session_epoch) == ("school", school.id, 2)
    entry = await AuditEntry.get(action="staff_change.approve")
    assert (entry.was, entry.became) == (
        {"role": "operator"},
        {"act": "set_role", "role": "school", "school_id": school.id},
    )


async def test_it_is_listed_and_counted_for_whom_it_waits(services: Services) -> None:
    _, change, first, second = await asked(services)
    page = await staff_changes.listing(actor=second)
    [one] = page.items
    assert (one.id, one.reason, one.may_approve, one.may_withdraw) == (change.id, REASON, True, False)
    [one] = (await staff_changes.listing(actor=first)).items
    assert (one.may_approve, one.may_decide, one.may_withdraw) == (False, False, True)
    assert [await staff_changes.waiting(who) for who in (first, second, make.OPERATOR)] == [0, 1, 0]
    await staff_changes.refuse(services.clock, change.id, "没有核实", actor=second)
    [one] = (await staff_changes.listing(state="refused", actor=first)).items
    assert (one.note, one.decided_by) == ("没有核实", "王敏")
    assert await staff_changes.waiting(second) == 0


@pytest.mark.parametrize(
    ("wanted", "pointer", "code"),
    [
        (WantedChange(act="king", reason=REASON), "/act", "act_unknown"),
        (WantedChange(act="reset_password", reason="　不 "), "/reason", "reason_short"),
        (WantedChange(act="set_role", reason=REASON, role="king"), "/role", "role_unknown"),
        (WantedChange(act="set_role", reason=REASON, role="school"), "/school_id", "school_missing"),
    ],
)
async def test_what_is_not_asked_for_well(
    services: Services, wanted: WantedChange, pointer: str, code: str
) -> None:
    of = await account(Role.OPERATOR)
    with pytest.raises(Invalid) as refused:
        await staff_changes.ask(services.clock, of.id, wanted, actor=await admin("first"))
    assert [(one.pointer, one.code) for one in refused.value.errors] == [(pointer, code)]
    assert await StaffChange.all().count() == 0


async def test_what_makes_no_sense_to_ask_for(services: Services) -> None:
    of, _, first, second = await asked(services)
    same = WantedChange(act="set_role", reason=REASON, role="operator")
    for account_id, wanted, who, code in (
        (of.id, RESET, second, "change_open"),
        (of.id, same, second, "role_same"),
        (first.id, RESET, first, "own_account"),
        (987_654, RESET, first, "staff_not_found"),
    ):
        assert account_id is not None
        with pytest.raises(Refused) as refused:
            await staff_changes.ask(services.clock, account_id, wanted, actor=who)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        await staff_changes.withdraw(services.clock, 987_654, actor=first)
    with pytest.raises(Invalid):
        await staff_changes.refuse(services.clock, 1, "  ", actor=second)
    assert await StaffChange.all().count() == 1


async def test_the_console_alone_resets_nothing(services: Services) -> None:
    of = await account(Role.OPERATOR)
    with pytest.raises(Forbidden) as refused:
        await staff.reset_password(
            services.clock, services.password_hasher, of.id, actor=await admin("first")
        )
    assert refused.value.message == "重置密码须由两位管理员办理：一位提出，另一位批准。"


Act = Callable[[Services, StaffChange, Actor, Actor], Awaitable[object]]
ACTS: dict[str, Act] = {
    "approve": lambda s, change, _, second: approved(s, change, second),
    "refuse": lambda s, change, _, second: staff_changes.refuse(s.clock, change.id, "不对", actor=second),
    "withdraw": lambda s, change, first, _: staff_changes.withdraw(s.clock, change.id, actor=first),
}


@pytest.mark.parametrize("name", STEPS)
async def test_what_a_row_allows_it_alone_allows_and_once(services: Services, name: str) -> None:
    _, change, first, second = await asked(services)
    with without_row(STEPS, name), pytest.raises(KeyError):
        await ACTS[name](services, change, first, second)
    assert (await StaffChange.get(id=change.id)).state == "requested"
    await ACTS[name](services, change, first, second)
    assert (await StaffChange.get(id=change.id)).state == STEPS[name].target.value
    before = await Staff.all().order_by("id").values()
    for again in ACTS.values():
        with pytest.raises(Conflict) as refused:
            await again(services, change, first, second)
        assert refused.value.code == "already_decided"
    assert await Staff.all().order_by("id").values() == before


async def by_the_asker(s: Services, name: str) -> tuple[StaffChange, Awaitable[object]]:
    _, change, first, _ = await asked(s)
    return change, ACTS[name](s, change, first, first)


async def by_the_owner(s: Services, name: str) -> tuple[StaffChange, Awaitable[object]]:
    of, change, _, _ = await asked(s)
    return change, ACTS[name](s, change, make.ADMIN, replace(make.ADMIN, id=of.id))


async def by_somebody_else(s: Services, name: str) -> tuple[StaffChange, Awaitable[object]]:
    _, change, _, second = await asked(s)
    return change, ACTS[name](s, change, second, second)


async def after_another_role(s: Services, name: str) -> tuple[StaffChange, Awaitable[object]]:
    of, change, first, second = await asked(s, WantedChange(act="set_role", reason=REASON, role="issuer"))
    await Staff.filter(id=of.id).update(role="finance")
    return change, ACTS[name](s, change, first, second)


SCENARIOS = {
    ("approve", "another_decides"): (by_the_asker, "same_person"),
    ("approve", "nobody_decides_on_their_own_account"): (by_the_owner, "own_account"),
    ("approve", "the_role_is_unmoved"): (after_another_role, "role_moved"),
    ("refuse", "another_decides"): (by_the_asker, "same_person"),
    ("withdraw", "the_asker_withdraws"): (by_somebody_else, "not_yours"),
}


def test_every_guard_has_its_scenario() -> None:
    assert {(step.name, guard.__name__) for step in STEPS.values() for guard in step.guards} == set(SCENARIOS)


@pytest.mark.parametrize(("name", "guard"), SCENARIOS)
async def test_what_a_guard_forbids_it_alone_forbids(
    services: Services, name: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange, code = SCENARIOS[name, guard]
    change, act = await arrange(services, name)
    with pytest.raises(Refused) as refused:
        await act
    assert refused.value.code == code
    assert (await StaffChange.get(id=change.id)).state == "requested"


@pytest.mark.parametrize("who", ["asker", "owner"])
async def test_the_database_has_the_last_word(
    services: Services, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the guards taken out, nobody still decides alone."""
    of, change, first, _ = await asked(services)
    monkeypatch.setitem(STEPS, "approve", replace(STEPS["approve"], guards=()))
    actor = first if who == "asker" else replace(make.ADMIN, id=of.id)
    with pytest.raises(IntegrityError, match=r"staff_change_(two_people|not_ones_own)"):
        await approved(services, change, actor)
