"""How staff come in and go out: passwords, second factors, limits, sessions, API tokens."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pyotp
import pytest

from server.domain.actor import SYSTEM
from server.domain.auth import api_tokens, login_limits, logins, second_factor
from server.domain.people import passwords, staff
from server.domain.ports import PasswordHasher, Services
from server.errors import Conflict, Gone, Invalid, NotFound, Refused, TooMany, Unverified
from server.models import AuditEntry, EndedSession, Staff
from tests.kit.fakes import FakeClock

NEW = "秋天的银杏叶落满山坡"


async def account(s: Services, username: str = "wang.min", role: str = "operator") -> tuple[Staff, str]:
    password = await staff.create(s.clock, s.password_hasher, username, role, name="王敏", actor=SYSTEM)
    return await Staff.get(username=username), password


async def enter(
    s: Services, username: str, password: str, otp: str = "", at: str = "10.0.0.1"
) -> logins.Session:
    return (
        await logins.log_in(s, username, password, otp, came=login_limits.From(address=at, request_id="r1"))
    )[1]


async def refusal(work: object) -> Refused:
    with pytest.raises(Refused) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_log_in_says_who_it_is_and_is_audited(services: Services) -> None:
    made, password = await account(services)
    token, session = await logins.log_in(
        services, " Wang.Min ", password, "", came=login_limits.From(address="10.0.0.1", request_id="r1")
    )
    assert (session.staff.id, session.actor.role, session.actor.name) == (made.id, "operator", "王敏")
    opened = await logins.open_session(services, token)
    assert (opened.id, opened.csrf, opened.expires_at) == (session.id, session.csrf, session.expires_at)
    entry = await AuditEntry.get(action="session.begin")
    assert (entry.actor_id, entry.address, entry.request_id) == (made.id, "10.0.0.1", "r1")


async def test_unknown_wrong_and_closed_have_one_answer(services: Services) -> None:
    made, password = await account(services)
    answers = [await refusal(enter(services, "nobody", "x")), await refusal(enter(services, "wang.min", "x"))]
    await staff.set_active(services.clock, made.id, False, actor=SYSTEM)
    answers.append(await refusal(enter(services, "wang.min", password)))
    assert [(type(a), a.code, a.message) for a in answers] == [
        (Unverified, "login_wrong", "用户名或密码不正确，请核对后重试。")
    ] * 3


async def test_an_old_hash_is_made_anew_at_log_in(services: Services) -> None:
    made, password = await account(services)
    before = made.password_hash.replace("$cheap$", "$before$")
    await Staff.filter(id=made.id).update(password_hash=before)
    await enter(services, "wang.min", password)
    kept = (await Staff.get(id=made.id)).password_hash
    assert not services.password_hasher.is_outdated(kept)
    assert await passwords.matches(services.password_hasher, kept, password)


async def test_five_tries_from_one_address_then_wait(services: Services, clock: FakeClock) -> None:
    _, password = await account(services)
    for _ in range(5):
        assert (await refusal(enter(services, "wang.min", "x"))).code == "login_wrong"
    stopped = await refusal(enter(services, "wang.min", password))
    assert isinstance(stopped, TooMany)
    assert (stopped.code, stopped.retry_after) == ("login_too_often", 900)
    await enter(services, "wang.min", password, at="10.0.0.2")  # the person elsewhere is not locked out
    clock.forward(seconds=901)
    await enter(services, "wang.min", password)


async def test_many_addresses_against_one_account_are_stopped(services: Services) -> None:
    """The 31st is not refused, which would lock the rightful person out, but asked for an image check."""
    await account(services)
    codes = [(await refusal(enter(services, "wang.min", "x", at=f"10.0.1.{n // 5}"))).code for n in range(31)]
    assert codes == ["login_wrong"] * 30 + ["captcha_required"]


async def test_one_address_against_many_accounts_is_stopped(services: Services) -> None:
    for _ in range(login_limits.TRIES_AT_ADDRESS):
        await services.rate_limiter.hit("login-from:10.0.0.9", window=900)
    assert (await refusal(enter(services, "nobody", "x", at="10.0.0.9"))).code == "login_too_often"


async def test_a_second_factor_is_asked_for_and_taken_once(services: Services, clock: FakeClock) -> None:
    made, password = await account(services)
    secret, uri = await second_factor.enrol(services, made.id, password, actor=staff.actor_of(made))
    assert uri.startswith("otpauth://totp/")
    totp = pyotp.TOTP(secret)
    await second_factor.confirm_enrolment(services, made.id, totp.at(clock.now()), actor=staff.actor_of(made))
    assert (await refusal(enter(services, "wang.min", password))).code == "otp_required"
    clock.forward(seconds=30)
    code = totp.at(clock.now())
    await enter(services, "wang.min", password, code)
    assert (await refusal(enter(services, "wang.min", password, code))).code == "otp_wrong"
    clock.forward(seconds=30)
    assert (await refusal(enter(services, "wang.min", password, "１２３４５６"))).code == "otp_wrong"
    late = totp.at(clock.now())
    clock.forward(seconds=30)  # one step late is taken, two are not
    await enter(services, "wang.min", password, late)
    clock.forward(seconds=90)
    assert (
        await refusal(enter(services, "wang.min", password, totp.at(clock.now(), counter_offset=-3)))
    ).code == "otp_wrong"


async def test_one_code_at_once_lets_one_in(services: Services, clock: FakeClock) -> None:
    made, password = await account(services)
    secret, _ = await second_factor.enrol(services, made.id, password, actor=staff.actor_of(made))
    await second_factor.confirm_enrolment(
        services, made.id, pyotp.TOTP(secret).at(clock.now()), actor=staff.actor_of(made)
    )
    clock.forward(seconds=30)
    code = pyotp.TOTP(secret).at(clock.now())
    tries = [enter(services, "wang.min", password, code, at=f"10.0.0.{n}") for n in range(4)]
    got = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, logins.Session) for one in got) == 1


async def test_enrolment_needs_its_own_code_and_time(services: Services, clock: FakeClock) -> None:
    made, password = await account(services)
    who = staff.actor_of(made)
    assert isinstance(
        await refusal(second_factor.confirm_enrolment(services, made.id, "123456", actor=who)), Gone
    )
    secret, _ = await second_factor.enrol(services, made.id, password, actor=staff.actor_of(made))
    wrong = await refusal(second_factor.confirm_enrolment(services, made.id, "12345", actor=who))
    assert isinstance(wrong, Invalid)
    assert [e.pointer for e in wrong.errors] == ["/code"]
    clock.forward(seconds=601)
    code = pyotp.TOTP(secret).at(clock.now())
    assert isinstance(
        await refusal(second_factor.confirm_enrolment(services, made.id, code, actor=who)), Gone
    )
    secret, _ = await second_factor.enrol(services, made.id, password, actor=staff.actor_of(made))
    await second_factor.confirm_enrolment(services, made.id, pyotp.TOTP(secret).at(clock.now()), actor=who)
    made = await Staff.get(id=made.id)
    assert secret.encode() not in bytes(made.otp_sealed or b"")
    assert isinstance(
        await refusal(second_factor.enrol(services, made.id, password, actor=staff.actor_of(made))), Conflict
    )
    assert (await refusal(second_factor.drop(services, made.id, "x", actor=who))).code == "invalid"
    await second_factor.drop(services, made.id, password, actor=who)
    assert (await Staff.get(id=made.id)).otp_sealed is None


async def test_log_out_ends_this_session_alone(services: Services, clock: FakeClock) -> None:
    _, password = await account(services)
    mine, first = await logins.log_in(
        services, "wang.min", password, "", came=login_limits.From(address="a", request_id="")
    )
    other, _ = await logins.log_in(
        services, "wang.min", password, "", came=login_limits.From(address="a", request_id="")
    )
    await logins.log_out(services.clock, first, actor=first.actor)
    await logins.log_out(services.clock, first, actor=first.actor)
    assert (await refusal(logins.open_session(services, mine))).code == "session_ended"
    assert (await logins.open_session(services, other)).staff.username == "wang.min"
    assert await AuditEntry.filter(action="session.end").count() == 1
    clock.forward(hours=11)
    assert (await refusal(logins.open_session(services, other))).code == "session_expired"
    await logins.log_out(
        services.clock,
        (
            await logins.log_in(
                services, "wang.min", password, "", came=login_limits.From(address="a", request_id="")
            )
        )[1],
        actor=first.actor,
    )
    assert await EndedSession.all().count() == 1  # what had run out is swept along


async def test_log_out_everywhere(services: Services) -> None:
    made, password = await account(services)
    tokens = [
        (
            await logins.log_in(
                services, "wang.min", password, "", came=login_limits.From(address="a", request_id="")
            )
        )[0]
        for _ in range(2)
    ]
    await logins.log_out_everywhere(services.clock, made.id, actor=staff.actor_of(made))
    codes = [(await refusal(logins.open_session(services, token))).code for token in tokens]
    assert codes == ["session_ended"] * 2


async def test_a_new_password_ends_the_other_sessions(services: Services) -> None:
    _, password = await account(services)
    token, session = await logins.log_in(
        services, "wang.min", password, "", came=login_limits.From(address="a", request_id="")
    )
    fresh = await logins.change_password(services, session, password, NEW, actor=session.actor)
    assert (await refusal(logins.open_session(services, token))).code == "session_ended"
    after = await logins.open_session(services, fresh)
    assert (after.staff.must_change_password, after.id != session.id) == (False, True)
    assert (await refusal(enter(services, "wang.min", password))).code == "login_wrong"
    await enter(services, "wang.min", NEW)


async def test_a_new_password_ends_what_was_begun_while_it_was_being_changed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything was logged out meanwhile, and somebody who knew the old password came in again."""
    made, password = await account(services)
    hashed, meanwhile = passwords.hashed, []

    async def slowly(hasher: PasswordHasher, new: str) -> str:
        await logins.log_out_everywhere(services.clock, made.id, actor=staff.actor_of(made))
        meanwhile.append(logins.begin(services, await Staff.get(id=made.id))[0])
        return await hashed(hasher, new)

    monkeypatch.setattr(passwords, "hashed", slowly)
    await staff.change_password(services, made.id, password, NEW, actor=staff.actor_of(made))
    [token] = meanwhile
    assert (await refusal(logins.open_session(services, token))).code == "session_ended"


@pytest.mark.parametrize(
    ("old", "new", "pointer", "code"),
    [
        ("wrong", NEW + "更黄", "/old_password", "password_wrong"),
        (None, "短", "/new_password", "password_too_short"),
        (None, "长" * 129, "/new_password", "password_too_long"),
        (None, "aaaaaaaaaaaa", "/new_password", "password_too_simple"),
        (None, "12Wang.Min34", "/new_password", "password_has_username"),
        (None, None, "/new_password", "password_same"),
    ],
)
async def test_a_poor_new_password_is_refused(
    services: Services, old: str | None, new: str | None, pointer: str, code: str
) -> None:
    _, password = await account(services)
    session = await enter(services, "wang.min", password)
    refused = await refusal(
        logins.change_password(services, session, old or password, new or password, actor=session.actor)
    )
    assert isinstance(refused, Invalid)
    assert [(e.pointer, e.code) for e in refused.errors] == [(pointer, code)]


async def test_api_token_lives_until_revoked_expired_or_reset(services: Services, clock: FakeClock) -> None:
    made, password = await account(services)
    await Staff.filter(id=made.id).update(must_change_password=False)
    who = staff.actor_of(made)
    first = await api_tokens.create(
        services, made.id, "教务系统", 30, proof=api_tokens.Proof(password=password), actor=who
    )
    second = await api_tokens.create(
        services, made.id, "夜间导入", 1, proof=api_tokens.Proof(password=password), actor=who
    )
    assert (await api_tokens.account_of(services.clock, first.token))[1] == replace(
        who, scopes=frozenset({"read"})
    )
    assert first.token not in repr(await api_tokens.listing(made.id))
    await api_tokens.revoke(services.clock, made.id, first.view.id, actor=who)
    clock.forward(days=1)
    for dead in (first.token, second.token, "xct_" + "A" * 43, "Bearer", "", "xct_\x00"):
        assert (await refusal(api_tokens.account_of(services.clock, dead))).code == "token_invalid"
    third = await api_tokens.create(
        services, made.id, "新的", 30, proof=api_tokens.Proof(password=password), actor=who
    )
    await staff.reset_password(services.clock, services.password_hasher, made.id, actor=SYSTEM)
    assert (await refusal(api_tokens.account_of(services.clock, third.token))).code == "token_invalid"


async def test_api_token_refusals(services: Services) -> None:
    made, password = await account(services)
    other, _ = await account(services, "li.hua")
    who = staff.actor_of(made)
    for label, days in ((" ", 1), ("x" * 61, 1), ("a", 0), ("a", 367)):
        assert isinstance(
            await refusal(
                api_tokens.create(
                    services, made.id, label, days, proof=api_tokens.Proof(password=password), actor=who
                )
            ),
            Invalid,
        )
    mine = await api_tokens.create(
        services, made.id, "a", 1, proof=api_tokens.Proof(password=password), actor=who
    )
    stranger = api_tokens.revoke(services.clock, other.id, mine.view.id, actor=staff.actor_of(other))
    assert isinstance(await refusal(stranger), NotFound)
    for n in range(19):
        await api_tokens.create(
            services, made.id, f"{n}", 1, proof=api_tokens.Proof(password=password), actor=who
        )
    full = await refusal(
        api_tokens.create(services, made.id, "b", 1, proof=api_tokens.Proof(password=password), actor=who)
    )
    assert isinstance(full, Invalid)
    assert full.errors[0].code == "tokens_too_many"
