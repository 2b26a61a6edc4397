"""Guessing is slow, and nobody can lock another person out; what is refused leaves a trace, and not too much of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from tortoise.exceptions import BaseORMException

from server.domain import roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import incidents
from server.domain.auth import api_tokens, login_limits, logins, second_factor
from server.domain.auth.signed_in import SignedIn
from server.domain.people import common_passwords, staff
from server.domain.ports import Services
from server.domain.roles import SCOPES, Role, Verb
from server.errors import Forbidden, Refused
from server.models import AuditEntry, Staff, database
from tests.kit.console_desk import PASSWORD, account
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock
from tests.kit.statements import Reader

NAME = "user-issuer"


async def enter(
    s: Services, password: str = PASSWORD, otp: str = "", *, at: str = "203.0.113.7", **more: str
) -> str:
    try:
        await logins.log_in(s, NAME, password, otp, login_limits.From(at, "r1", **more))
    except Refused as refused:
        return refused.code
    return "in"


async def besieged(s: Services) -> Staff:
    """An account at which many addresses have guessed."""
    made = await account(Role.ISSUER)
    for _ in range(login_limits.TRIES_OF_ONE):
        await s.rate_limiter.hit(
            f"login:{NAME.encode().hex()}:{made.login_epoch}", window=login_limits.WINDOW
        )
    exchange(s, image_check=Reader())
    return made


async def test_codes_are_not_guessed_from_many_addresses(services: Services, clock: FakeClock) -> None:
    """Who knows the password has thirty tries at the code in six hours, whatever their addresses; the owner's device goes on."""
    made = await account(Role.ISSUER)
    secret = pyotp.random_base32()
    sealed = services.keys.encrypt(secret, about="staff.otp")
    await Staff.filter(id=made.id).update(otp_sealed=sealed, otp_last_step=0)
    code = pyotp.TOTP(secret).at(clock.now())
    wrong = f"{(int(code) + 500_000) % 1_000_000:06}"
    device = login_limits.device_token(services, made.id, "")
    said = []
    for n in range(login_limits.CODES_OF_ONE + 1):
        if n % 20 == 0:  # what is counted of the account alone, not of its codes, is forgotten meanwhile
            await services.rate_limiter.clear(f"login:{NAME.encode().hex()}:{made.login_epoch}")
        said.append(await enter(services, otp=wrong, at=f"198.51.{n}.7"))
    assert said == ["otp_wrong"] * login_limits.CODES_OF_ONE + ["login_codes_too_often"]
    await services.rate_limiter.clear(f"login:{NAME.encode().hex()}:{made.login_epoch}")
    assert await enter(services, otp=code, at="192.0.2.1") == "login_codes_too_often"
    assert await enter(services, otp=code, at="192.0.2.1", device=device) == "in"
    clock.forward(seconds=login_limits.CODES_WINDOW + 60)
    code = pyotp.TOTP(secret).at(clock.now())
    assert await enter(services, otp=code, at="192.0.2.2") == "in"


async def test_over_the_limit_a_code_tells_nothing_of_the_password(services: Services) -> None:
    made = await besieged(services)
    await Staff.filter(id=made.id).update(
        otp_sealed=services.keys.encrypt("JBSWY3DPEHPK3PXP", about="staff.otp"), otp_last_step=0
    )
    for _ in range(login_limits.CODES_OF_ONE):
        await services.rate_limiter.hit(
            f"login-codes:{made.id}:{made.login_epoch}", window=login_limits.CODES_WINDOW
        )
    assert await enter(services, otp="000000") == "login_wrong"


async def test_the_rightful_person_comes_in_by_an_image_check(services: Services) -> None:
    await besieged(services)
    assert await enter(services) == "captcha_required"
    number, png = await login_limits.draw(services, "203.0.113.7")
    answer = png.removeprefix(b"\x89PNG ").decode()
    assert await enter(services, picture=number, answer="?" + answer[1:]) == "captcha_wrong"
    number, png = await login_limits.draw(services, "203.0.113.7")
    answer = png.removeprefix(b"\x89PNG ").decode().lower()
    assert await enter(services, picture=number, answer=answer) == "in"


async def test_a_known_device_passes_and_is_counted_by_itself(services: Services, clock: FakeClock) -> None:
    made = await besieged(services)
    device = login_limits.device_token(services, made.id, "")
    assert await enter(services, device=device) == "in"
    assert login_limits.device_of(
        services, made.id, login_limits.device_token(services, made.id, device)
    ) == (login_limits.device_of(services, made.id, device))
    other = await account(Role.ADMIN)
    assert login_limits.device_of(services, other.id, device) == ""
    assert login_limits.device_of(services, made.id, device[:-1]) == ""
    for _ in range(login_limits.TRIES_OF_DEVICE):
        assert await enter(services, "x", device=device) == "login_wrong"
    assert await enter(services, device=device) == "login_too_often"
    clock.forward(seconds=login_limits.DEVICE_SECONDS)
    assert login_limits.device_of(services, made.id, device) == ""


async def test_a_second_factor_passes_and_says_nothing_of_the_password(
    services: Services, clock: FakeClock
) -> None:
    made = await besieged(services)
    secret = pyotp.random_base32()
    await Staff.filter(id=made.id).update(otp_sealed=services.keys.encrypt(secret, about="staff.otp"))
    code = pyotp.TOTP(secret).at(clock.now())
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert await enter(services, "x", wrong) == "login_wrong"
    assert await enter(services, PASSWORD, wrong) == "login_wrong"  # the same answer
    assert await enter(services, PASSWORD, code) == "in"


async def test_an_address_of_ipv6_is_its_network(services: Services) -> None:
    await account(Role.ISSUER)
    codes = [await enter(services, "x", at=f"2001:db8:1:2::{n:x}") for n in range(6)]
    assert codes == ["login_wrong"] * 5 + ["login_too_often"]
    assert await enter(services, at="2001:db8:1:3::1") == "in"


async def test_a_reset_and_an_unlock_forget_what_was_counted(services: Services) -> None:
    made = await account(Role.ISSUER)
    for _ in range(5):
        await enter(services, "x")
    assert await enter(services) == "login_too_often"
    await staff.unlock(services.clock, made.id, actor=SYSTEM)
    assert await enter(services) == "in"
    for _ in range(5):
        await enter(services, "x")
    fresh = await staff.reset_password(services.clock, services.password_hasher, made.id, actor=SYSTEM)
    assert await enter(services, fresh) == "in"


async def test_an_outage_is_no_wrong_password(services: Services, db: str) -> None:
    """F6: five tries with the right password while the database was away locked the person out."""
    await account(Role.ISSUER)
    away = db.rpartition("/")[0] + "/no_such_database"
    await database.close()
    await database.connect(away)
    for _ in range(8):
        with pytest.raises(BaseORMException):
            await logins.log_in(
                services, NAME, PASSWORD, "", came=login_limits.From(address="203.0.113.7", request_id="")
            )
    await database.close()
    await database.connect(db)
    assert await enter(services) == "in"


async def test_refused_log_ins_are_in_the_trail_once_and_then_rarely(services: Services) -> None:
    made = await account(Role.ISSUER)
    for _ in range(7):
        await enter(services, "x")
    entries = await AuditEntry.filter(action__startswith="session.").order_by("id")
    assert [(e.action, e.actor_kind, e.subject_id, e.became, e.address) for e in entries] == [
        ("session.refused", "stranger", str(made.id), None, "203.0.113.7"),
        ("session.refused", "stranger", str(made.id), {"tries": 5}, "203.0.113.7"),
        ("session.locked", "stranger", str(made.id), None, "203.0.113.7"),
    ]


async def test_nobody_fills_the_trail(services: Services) -> None:
    for n in range(incidents.MOST_AN_HOUR + 50):
        who = incidents.stranger(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
        await incidents.note(services, who, "session.refused", "staff", "-")
    assert await AuditEntry.filter(action="session.refused").count() == incidents.MOST_AN_HOUR
    [full] = await AuditEntry.filter(action="audit.flooded")
    assert full.became == {"most": incidents.MOST_AN_HOUR}
    assert sorted(incidents.WRITTEN)[:5] == [1, 5, 10, 50, 100]


async def test_recovery_codes_are_good_once(services: Services, clock: FakeClock) -> None:
    made = await account(Role.ISSUER)
    me = staff.actor_of(made)
    secret, _ = await second_factor.enrol(services, made.id, PASSWORD, actor=me)
    code = pyotp.TOTP(secret).at(clock.now())
    codes = await second_factor.confirm_enrolment(services, made.id, code, actor=me)
    made = await Staff.get(id=made.id)
    assert len(set(codes)) == 10 and not set(codes) & set(made.recovery_codes or [])
    assert await enter(services, PASSWORD, codes[3].upper().replace("-", " ")) == "in"
    assert await enter(services, PASSWORD, codes[3]) == "otp_wrong"
    assert await AuditEntry.filter(action="session.recovery", subject_id=str(made.id)).count() == 1
    made = await Staff.get(id=made.id)
    fresh = await second_factor.renew_recovery_codes(services, made.id, PASSWORD, actor=me)
    assert await enter(services, PASSWORD, codes[4]) == "otp_wrong"
    assert await enter(services, PASSWORD, fresh[0]) == "in"


@pytest.mark.parametrize("role", Role)
async def test_who_must_have_a_second_factor(services: Services, role: Role) -> None:
    at = None
    made = await account(role, school=at)
    assert not second_factor.is_due(services.settings, SignedIn.of(made))  # development
    exchange(services, settings=replace(services.settings, env="production"))
    must = role in {Role.OPERATOR, Role.ISSUER, Role.FINANCE, Role.NOTIFIER, Role.ADMIN}
    assert second_factor.is_due(services.settings, SignedIn.of(made)) is must
    made.otp_sealed = b"there"
    assert not second_factor.is_due(services.settings, SignedIn.of(made))


async def test_a_token_needs_password_and_code_and_ends_with_the_password(
    services: Services, clock: FakeClock
) -> None:
    made = await account(Role.ISSUER)
    me = staff.actor_of(made)

    async def token(password: str = PASSWORD, otp: str = "") -> str:
        kept = await Staff.get(id=made.id)
        got = await api_tokens.create(
            services, kept.id, "夜间导出", proof=api_tokens.Proof(password=password, otp=otp), actor=me
        )
        return got.token

    async def code_of(value: str) -> str:
        try:
            await api_tokens.account_of(services.clock, value)
        except Refused as refused:
            return refused.code
        return "open"

    with pytest.raises(Refused, match="请按提示修改"):
        await token("x")
    first = await token()
    assert (await api_tokens.listing(made.id))[0].expires_at == clock.now() + timedelta(days=90)
    await logins.log_out_everywhere(services.clock, made.id, actor=me)
    assert await code_of(first) == "token_invalid"
    second = await token()
    session = logins.begin(services, await Staff.get(id=made.id))[1]
    await logins.change_password(services, session, PASSWORD, "四只白鹭停在晚风里面", actor=me)
    assert await code_of(second) == "token_invalid"
    secret = pyotp.random_base32()
    await Staff.filter(id=made.id).update(otp_sealed=services.keys.encrypt(secret, about="staff.otp"))
    with pytest.raises(Refused, match="请按提示修改"):
        await token("四只白鹭停在晚风里面")
    third = await token("四只白鹭停在晚风里面", pyotp.TOTP(secret).at(clock.now()))
    assert await code_of(third) == "open"


def test_a_token_does_what_its_scopes_name() -> None:
    admin = Actor("staff", 1, "管理员", role="admin")
    reader = replace(admin, scopes=frozenset({"read"}))
    assert roles.may(reader, Verb.SEE_AUDIT) and not roles.may(reader, Verb.SIGN)
    with pytest.raises(Forbidden) as refused:
        roles.require(reader, Verb.SIGN)
    assert refused.value.code == "scope_not_allowed"
    everything = replace(admin, scopes=frozenset(SCOPES))
    assert all(roles.may(everything, verb) for verb in Verb)
    named = [verb for _, verbs in SCOPES.values() for verb in verbs]
    assert sorted(verb.name for verb in named) == sorted(verb.name for verb in Verb)  # each in one scope
    assert not any(roles.may(replace(admin, scopes=frozenset()), verb) for verb in Verb)
    clerk = Actor("staff", 1, "考务", role="operator", scopes=frozenset(SCOPES))
    with pytest.raises(Forbidden) as refused:
        roles.require(clerk, Verb.SIGN)
    assert refused.value.code == "role_not_allowed"  # a scope gives nothing that the role has not


@pytest.mark.parametrize(
    "poor",
    [
        *("1234567890", "password123", "qwertyuiop", "abcdeabcde", "1qaz2wsx1990", "P@ssw0rd2026!"),
        *("zhangwei@2026", "xcert-2026-admin", "社会心理服务证书2026", "woaini1314520", "liming19900101"),
        *("iloveyou1314", "qq123456789", "王敏王敏王敏123456"),
    ],
)
def test_common_passwords_are_refused(poor: str) -> None:
    assert common_passwords.is_common(poor, context=("li.hua", "王敏"))


@pytest.mark.parametrize(
    "good",
    [
        "秋天的银杏叶落满山坡",
        "correct horse battery staple",
        "kQ7-vuPz9m",
        "journey-long-enough-passphrase-7",
        PASSWORD,
    ],
)
def test_passwords_that_nobody_would_try_first_are_taken(good: str) -> None:
    assert not common_passwords.is_common(good, context=("li.hua", "王敏"))
