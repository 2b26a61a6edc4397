"""The phone a holder gives in the mini-program: once, sealed, masked, and never at the cost of the binding."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sanic import Sanic

from server.adapters.wechat.errcodes import refusal_of
from server.domain.auth import sessions
from server.domain.people import binding_limits, phones
from server.domain.people.candidates import ABOUT_MOBILE
from server.domain.ports import Services
from server.errors import OutsideFailure, Refused
from server.models import AuditEntry, Binding, Candidate
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLogins

App = Sanic[Any, Any]
OPENID = "m-somebody-0000000000000000"
NUMBER = make.id_number(77)
MOBILE = "19912345678"
MASKED = "199****5678"


class OutOfOrder(FakeWeChatLogins):
    """Has no phone numbers to give, for a reason of its own."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    async def phone_number(self, code: str) -> str:
        raise self.failure


async def ask(app: App, s: Services, method: str, path: str, **body: Any) -> Any:
    headers = {"authorization": f"Bearer {sessions.mint(s, 'mp', OPENID, 3600)}"}
    more = {"json": body} if body else {}
    _, response = await getattr(app.asgi_client, method)(f"/mp/v1{path}", headers=headers, **more)
    return response


async def bind(app: App, s: Services, phone_code: str) -> Any:
    return await ask(app, s, "post", "/binding", name="崔子涵", id_number=NUMBER, phone_code=phone_code)


def phones_of(s: Services) -> dict[str, str]:
    assert isinstance(s.wechat_logins, FakeWeChatLogins)
    return s.wechat_logins.phones


def given(s: Services, who: Candidate) -> str | None:
    sealed = who.given_phone_sealed
    assert sealed is None or MOBILE.encode() not in bytes(sealed)
    return None if sealed is None else s.keys.decrypt(bytes(sealed), about=phones.ABOUT)


@pytest.mark.parametrize(("imported", "same"), [(MOBILE, True), ("19900000000", False), (None, False)])
async def test_given_with_the_binding_and_kept_beside_the_schools_own(
    app: App, services: Services, caplog: pytest.LogCaptureFixture, imported: str | None, same: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    who = await make.candidate(services, "崔子涵", NUMBER)
    if imported is not None:
        sealed = services.keys.encrypt(imported, about=ABOUT_MOBILE)
        await Candidate.filter(id=who.id).update(mobile_sealed=sealed)
    phones_of(services)["phone-1"] = MOBILE
    bound = await bind(app, services, "phone-1")
    masked = {"name_masked": "崔**", "id_masked": f"{NUMBER[:2]}************{NUMBER[-4:]}"}
    assert (bound.status, bound.json) == (
        200,
        {"candidate": masked, "phone": {"masked": MASKED, "problem": None}},
    )
    await who.refresh_from_db()
    assert (given(services, who), who.given_phone_at) == (MOBILE, services.clock.now())
    kept = who.mobile_sealed and services.keys.decrypt(bytes(who.mobile_sealed), about=ABOUT_MOBILE)
    assert kept == imported
    trail = await AuditEntry.get(action="candidate.phone_given")
    assert (trail.subject_id, trail.became) == (str(who.id), {"phone": MASKED, "same_as_imported": same})
    assert (await ask(app, services, "get", "/binding")).json == {
        "bound": True,
        "candidate": masked,
        "phone_masked": MASKED,
    }
    assert MOBILE not in caplog.text + str(await AuditEntry.all().values())
    assert "phone-1" not in caplog.text


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (None, "phone_code_invalid"),
        (OutsideFailure("微信没有及时回答", unknown=True), "phone_unavailable"),
        (refusal_of(45009, "quota"), "phone_unavailable"),
    ],
)
async def test_what_wechat_says_to_the_code_does_not_undo_the_binding(
    app: App, services: Services, failure: Exception | None, code: str
) -> None:
    who = await make.candidate(services, "崔子涵", NUMBER)
    if failure is not None:
        exchange(services, wechat_logins=OutOfOrder(failure))
    for _ in range(
        binding_limits.CHECK_AFTER + 2
    ):  # nor does it count as a miss that asks for an image check
        bound = await bind(app, services, "old")
        assert (bound.status, bound.json["phone"]["masked"], bound.json["phone"]["problem"]["code"]) == (
            200,
            None,
            code,
        )
        assert "重新点击获取手机号" in bound.json["phone"]["problem"]["detail"]
    assert await Binding.filter(candidate=who, unbound_at=None).count() == 1
    await who.refresh_from_db()
    assert given(services, who) is None
    exchange(services, wechat_logins=FakeWeChatLogins())
    phones_of(services)["fresh"] = MOBILE
    later = await ask(app, services, "post", "/binding/phone", phone_code="fresh")
    assert (later.status, later.json) == (200, {"phone": {"masked": MASKED, "problem": None}})


async def test_a_binding_that_fails_does_not_use_up_the_code(app: App, services: Services) -> None:
    await make.candidate(services, "别人", NUMBER)
    phones_of(services)["phone-1"] = MOBILE
    refused = await bind(app, services, "phone-1")
    assert (refused.status, refused.json["code"]) == (422, "binding_not_matched")
    assert phones_of(services) == {"phone-1": MOBILE}
    unbound = await ask(app, services, "post", "/binding/phone", phone_code="phone-1")
    assert (unbound.status, unbound.json["code"]) == (404, "not_bound")
    assert phones_of(services) == {"phone-1": MOBILE}


async def test_alone_and_again_the_last_one_counts_and_not_too_often(app: App, services: Services) -> None:
    who = await make.candidate(services, "崔子涵", NUMBER)
    await Binding.create(account="mp", openid=OPENID, candidate=who, bound_at=services.clock.now())
    phones_of(services).update({"a": MOBILE, "b": "+447700900123", "c": "12"})
    assert (await ask(app, services, "post", "/binding/phone", phone_code="a")).status == 200
    foreign = await ask(app, services, "post", "/binding/phone", phone_code="b")
    assert foreign.json["phone"]["masked"] == "+44******0123"
    for code, refusal in (("c", "phone_unreadable"), ("a", "phone_code_invalid")):
        refused = await ask(app, services, "post", "/binding/phone", phone_code=code)
        assert (refused.status, refused.json["code"]) == (422, refusal)
    await who.refresh_from_db()
    assert given(services, who) == "+447700900123"
    for _ in range(phones.MOST_A_DAY - 4):
        await ask(app, services, "post", "/binding/phone", phone_code="x")
    phones_of(services)["d"] = MOBILE
    late = await ask(app, services, "post", "/binding/phone", phone_code="d")
    assert (late.status, late.json["code"], phones_of(services)) == (429, "phone_too_often", {"d": MOBILE})


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("19912345678", "19912345678"),
        ("+8619912345678", "19912345678"),
        ("+86 199-1234-5678", "19912345678"),
        ("+14155552671", "+14155552671"),
        ("+85291234567", "+85291234567"),
    ],
)
def test_numbers(raw: str, number: str) -> None:
    assert phones.clean(raw) == number


@pytest.mark.parametrize(
    "raw", ["", "110", "+0123456789", "+44", "+1234567890123456", "电话", "+861234", "4155552671"]
)
def test_no_numbers(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        phones.clean(raw)
    assert refused.value.code == "phone_unreadable"
