"""Passkeys: made, used as the whole log-in and as the second factor, removed; and everything that is not one's key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable

import pyotp
import pytest

from server.adapters.webauthn_keys import WebAuthnPasskeys
from server.domain.actor import Caller
from server.domain.auth import api_tokens, login_limits, logins, passkeys, second_factor, session_list
from server.domain.auth.passkeys import Assertion
from server.domain.auth.session_list import Proof
from server.domain.people import staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import Conflict, Gone, Invalid, NotFound, Refused, TooMany, Unverified
from server.models import ApiToken, AuditEntry, Passkey, Staff
from tests.kit.authenticator import SoftAuthenticator, plain, text
from tests.kit.console_desk import PASSWORD, account
from tests.kit.fakes import FakeClock

HERE = login_limits.From("10.0.0.1", "r1", agent="Windows 上的 Chrome")


async def owner(
    s: Services, device: SoftAuthenticator, *, label: str = "办公室电脑"
) -> tuple[Staff, list[str]]:
    """An account with a passkey in this device, and its recovery codes."""
    made = await Staff.get_or_none(username="user-operator") or await account(Role.OPERATOR)
    codes = await added(s, made, device, label)
    return await Staff.get(id=made.id), codes


async def added(s: Services, made: Staff, device: SoftAuthenticator, label: str = "手机") -> list[str]:
    who = staff.actor_of(made)
    offer = await passkeys.offer(s, made.id, PASSWORD, actor=who)
    return await passkeys.register(
        s, made.id, Assertion(offer.ticket, device.create(offer.options)), label, actor=who
    )


async def answer(s: Services, device: SoftAuthenticator) -> Assertion:
    asked = await passkeys.ask(s, HERE.address)
    return Assertion(asked.ticket, device.get(asked.options))


async def refused(work: Awaitable[object], kind: type[Refused] = Unverified) -> str:
    with pytest.raises(kind) as caught:
        await work
    return caught.value.code


async def test_a_passkey_is_the_whole_log_in(services: Services, clock: FakeClock) -> None:
    device = SoftAuthenticator()
    made, codes = await owner(services, device)
    assert (len(codes), made.has_passkey, made.otp_sealed) == (10, True, None)
    asked = json.loads((await passkeys.ask(services, HERE.address)).options)
    assert (asked["rpId"], asked["userVerification"], asked.get("allowCredentials")) == (
        "localhost",
        "required",
        [],
    )
    _, session = await logins.log_in_with_passkey(services, await answer(services, device), HERE)
    assert (session.staff.id, session.staff.has_second_factor) == (made.id, True)
    [one] = await session_list.own(clock, made.id)
    assert one.proofs == (Proof.PASSKEY,)
    [view] = await passkeys.listing(made.id)
    assert (view.label, view.last_used_at) == ("办公室电脑", clock.now())
    entry = await AuditEntry.get(action="session.begin")
    assert (entry.actor_id, entry.became) == (made.id, {"proofs": ["通行密钥"]})


async def test_a_passkey_stands_in_for_the_code_after_the_password(services: Services) -> None:
    device, stranger = SoftAuthenticator(), SoftAuthenticator()
    made, codes = await owner(services, device)
    other = await account(Role.FINANCE)
    await added(services, other, stranger)

    async def enter(otp: str = "", by: Assertion | None = None) -> logins.Session:
        return (await logins.log_in(services, made.username, PASSWORD, otp, HERE, by))[1]

    assert await refused(enter()) == "passkey_required"
    assert await refused(enter(by=await answer(services, stranger))) == "passkey_wrong"
    assert await refused(enter("123456")) == "otp_wrong"
    await enter(by=await answer(services, device))
    await enter(codes[0])
    assert await refused(enter(codes[0])) == "otp_wrong"
    ways = {one.proofs for one in await session_list.own(services.clock, made.id)}
    assert ways == {(Proof.PASSWORD, Proof.PASSKEY), (Proof.PASSWORD, Proof.RECOVERY)}


async def test_codes_are_given_once_and_go_with_the_last_factor(services: Services, clock: FakeClock) -> None:
    device = SoftAuthenticator()
    made, first = await owner(services, device)
    who = staff.actor_of(made)
    secret, _ = await second_factor.enrol(services, made.id, PASSWORD, actor=who)
    code = pyotp.TOTP(secret).at(clock.now())
    assert (
        await second_factor.confirm_enrolment(services, made.id, code, actor=who),
        await added(services, made, device),
    ) == ([], [])
    kept = (await Staff.get(id=made.id)).recovery_codes
    assert kept is not None and len(kept) == len(first)
    await second_factor.drop(services, made.id, PASSWORD, actor=who)
    keys = await passkeys.listing(made.id)
    await passkeys.remove(services, made.id, keys[0].id, PASSWORD, actor=who)
    assert (await Staff.get(id=made.id)).recovery_codes == kept
    await passkeys.remove(services, made.id, keys[1].id, PASSWORD, actor=who)
    after = await Staff.get(id=made.id)
    assert (after.recovery_codes, after.has_passkey, staff.has_second_factor(after)) == (None, False, False)
    removed = await AuditEntry.filter(action="staff.remove_passkey").order_by("id")
    assert [one.was for one in removed] == [{"label": "办公室电脑"}, {"label": "手机"}]
    assert await refused(logins.log_in_with_passkey(services, await answer(services, device), HERE)) == (
        "passkey_wrong"
    )


async def test_an_administrators_drop_takes_the_keys_as_well(services: Services) -> None:
    made, _ = await owner(services, SoftAuthenticator())
    await staff.drop_second_factors(made.id)
    assert not staff.has_second_factor(await Staff.get(id=made.id))
    assert await Passkey.all().count() == 0


async def test_what_a_key_must_not_be(services: Services, clock: FakeClock) -> None:
    device = SoftAuthenticator()
    made = await account(Role.OPERATOR)
    who = staff.actor_of(made)
    assert await refused(passkeys.offer(services, made.id, "x", actor=who), Invalid) == "invalid"

    async def tried(device: SoftAuthenticator, label: str = "x", sends: str = "") -> list[str]:
        offer = await passkeys.offer(services, made.id, PASSWORD, actor=who)
        sent = Assertion(offer.ticket, sends or device.create(offer.options))
        return await passkeys.register(services, made.id, sent, label, actor=who)

    for bad in (SoftAuthenticator(verifies=False), SoftAuthenticator(origin="http://localhost.evil.cn")):
        assert await refused(tried(bad), Refused) == "passkey_invalid"
    deep = "[" * 7900
    for junk in ("[]", "{}", "x", '{"rawId": 1}', '{"id":"a","rawId":"a","response":{}}', deep):
        assert await refused(tried(device, sends=junk), Refused) == "passkey_invalid"
    assert await refused(tried(SoftAuthenticator(id_bytes=1024)), Refused) == "passkey_invalid"
    assert await refused(tried(device, label=" "), Invalid) == "invalid"
    offer = await passkeys.offer(services, made.id, PASSWORD, actor=who)
    sent = Assertion(offer.ticket, device.create(offer.options))
    other = await account(Role.FINANCE)
    for staff_id in (other.id, made.id):  # another's offer is no use, and is spent by the try
        assert (
            await refused(passkeys.register(services, staff_id, sent, "x", actor=who), Gone)
            == "passkey_offer_over"
        )
    offer = await passkeys.offer(services, made.id, PASSWORD, actor=who)
    clock.forward(seconds=passkeys.SECONDS + 1)
    late = Assertion(offer.ticket, device.create(offer.options))
    assert await refused(passkeys.register(services, made.id, late, "x", actor=who), Gone) == (
        "passkey_offer_over"
    )
    assert await Passkey.all().count() == 0
    assert (await Staff.get(id=made.id)).recovery_codes is None


async def test_one_key_is_kept_once_and_ten_at_most(services: Services) -> None:
    device = SoftAuthenticator()
    made, _ = await owner(services, device)
    who = staff.actor_of(made)
    offer = await passkeys.offer(services, made.id, PASSWORD, actor=who)
    [number] = device.keys
    assert [plain(one["id"]) for one in json.loads(offer.options)["excludeCredentials"]] == [number]
    kept = await Passkey.get()
    await Passkey.filter(id=kept.id).update(credential_id=b"other")
    sent = Assertion(offer.ticket, device.create(offer.options))
    await Passkey.filter(id=kept.id).update(credential_id=plain(json.loads(sent.credential)["rawId"]))
    assert await refused(passkeys.register(services, made.id, sent, "x", actor=who), Conflict) == (
        "passkey_known"
    )
    for n in range(passkeys.MOST - 1):
        await Passkey.create(
            staff_id=made.id, label="x", credential_id=b"%d" % n, public_key=b"", sign_count=0,
            is_backed_up=False, created_at=services.clock.now(),
        )  # fmt: skip
    assert await refused(passkeys.offer(services, made.id, PASSWORD, actor=who), Invalid) == "invalid"
    assert await refused(passkeys.remove(services, made.id, 987, PASSWORD, actor=who), NotFound) == (
        "passkey_not_found"
    )
    assert await refused(passkeys.remove(services, made.id, kept.id, "x", actor=who), Invalid) == "invalid"


async def test_answers_that_open_nothing(services: Services, clock: FakeClock) -> None:
    device = SoftAuthenticator(count=1)
    made, _ = await owner(services, device)

    async def tried(sent: Assertion, kind: type[Refused] = Unverified) -> str:
        return await refused(logins.log_in_with_passkey(services, sent, HERE), kind)

    good = await answer(services, device)
    await logins.log_in_with_passkey(services, good, HERE)
    assert await tried(good, Gone) == "passkey_offer_over"
    elsewhere = SoftAuthenticator(origin="http://evil.cn", keys=device.keys, count=50)
    lazy = SoftAuthenticator(verifies=False, keys=device.keys, count=60)
    unknown = SoftAuthenticator()
    unknown.create(services.passkeys.creation(b"1" * 32, user=b"u", names=("a", "b"), known=()))
    copied = SoftAuthenticator(keys=device.keys, count=1)
    for bad in (elsewhere, lazy, unknown, copied):
        assert await tried(await answer(services, bad)) == "passkey_wrong"
    asked, later = await passkeys.ask(services, "10.0.0.1"), await passkeys.ask(services, "10.0.0.1")
    assert await tried(Assertion(asked.ticket, device.get(later.options))) == "passkey_wrong"
    forged = json.loads((await answer(services, device)).credential)
    forged["response"]["signature"] = text(b"0" * 70)
    asked = await passkeys.ask(services, "10.0.0.1")
    for junk in (json.dumps(forged), "x", "[]", "{}", "[" * 7900, '{"rawId":' * 800):
        asked = await passkeys.ask(services, "10.0.0.1")
        assert await tried(Assertion(asked.ticket, junk)) == "passkey_wrong"
    waiting = await answer(services, device)
    clock.forward(seconds=passkeys.SECONDS + 1)
    assert await tried(waiting, Gone) == "passkey_offer_over"
    await Staff.filter(id=made.id).update(is_active=False)
    assert await tried(await answer(services, device)) == "passkey_wrong"
    assert await AuditEntry.filter(action="session.refused").count() >= 1
    assert await AuditEntry.filter(action="session.begin").count() == 1


async def test_two_answers_of_one_count_let_one_in(services: Services) -> None:
    device = SoftAuthenticator(count=7)
    await owner(services, device)
    first = await answer(services, device)
    device.count -= 1
    second = await answer(services, device)
    got = await asyncio.gather(
        *(logins.log_in_with_passkey(services, one, HERE) for one in (first, second)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, tuple) for one in got) == 1


async def test_challenges_for_one_address_are_bounded(services: Services) -> None:
    for _ in range(passkeys.ASKED_MOST):
        await services.rate_limiter.hit("passkey-from:10.0.0.1", window=900)
    assert await refused(passkeys.ask(services, "10.0.0.1"), TooMany) == "login_too_often"


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://cert.example.cn", "https://cert.example.cn"),
        ("http://127.0.0.1:8000", "http://localhost:8000"),
        ("http://[::1]:9000", "http://localhost:9000"),
    ],
)
def test_where_keys_are_good_for(public_url: str, origin: str) -> None:
    assert WebAuthnPasskeys(public_url).origin == origin


async def test_over_the_limit_a_passkey_says_nothing_of_the_password(services: Services) -> None:
    """A void passkey is no way around the image check: whichever password comes with it, the answer is the same."""
    device = SoftAuthenticator()
    made, _ = await owner(services, device)
    who = f"login:{made.username.encode().hex()}:{made.login_epoch}"
    for _ in range(login_limits.TRIES_OF_ONE):
        await services.rate_limiter.hit(who, window=login_limits.WINDOW)

    async def tried(password: str, sent: Assertion) -> str:
        return await refused(logins.log_in(services, made.username, password, "", HERE, sent), Refused)

    void = Assertion("no such ticket", "{}")
    assert [await tried("x", void), await tried(PASSWORD, void)] == ["login_wrong"] * 2
    asked = await passkeys.ask(services, HERE.address)
    assert await tried(PASSWORD, Assertion(asked.ticket, "{}")) == "login_wrong"
    await logins.log_in(services, made.username, PASSWORD, "", HERE, await answer(services, device))


async def test_many_offers_at_once_make_no_eleventh_key(services: Services) -> None:
    made = await account(Role.OPERATOR)
    who = staff.actor_of(made)
    offers = [await passkeys.offer(services, made.id, PASSWORD, actor=who) for _ in range(passkeys.MOST + 2)]
    sent = [Assertion(one.ticket, SoftAuthenticator().create(one.options)) for one in offers]
    got = await asyncio.gather(
        *(passkeys.register(services, made.id, one, "x", actor=who) for one in sent), return_exceptions=True
    )
    assert await Passkey.all().count() == passkeys.MOST
    assert [one.errors[0].code for one in got if isinstance(one, Invalid)] == ["passkeys_too_many"] * 2


async def test_a_passkey_stands_for_the_code_when_an_api_token_is_made(services: Services) -> None:
    device, other = SoftAuthenticator(), SoftAuthenticator()
    made, _ = await owner(services, device)
    who = staff.actor_of(made).called_by(Caller(address="10.0.0.1", request_id="r1"))

    async def token(key: Assertion | None, otp: str = "") -> str:
        proof = api_tokens.Proof(PASSWORD, otp, key)
        return (await api_tokens.create(services, made.id, "夜间导出", proof=proof, actor=who)).token

    assert (await token(await answer(services, device))).startswith("xct_")
    spent = await answer(services, device)
    await token(spent)
    another = await account(Role.AUDITOR)
    await added(services, another, other)
    for key, code in (
        (spent, "passkey_offer_over"),
        (await answer(services, other), "passkey_wrong"),
        (None, "otp_wrong"),
    ):
        with pytest.raises(Invalid) as caught:
            await token(key)
        assert [(one.pointer, one.code) for one in caught.value.errors] == [("/otp", code)]
    assert await ApiToken.filter(staff_id=made.id).count() == 2
