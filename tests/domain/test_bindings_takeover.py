"""A bound candidate is not taken over by name and number alone, and staff can undo a binding."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from server.domain.actor import Actor
from server.domain.people import binding_removal, bindings, bound_people, rights_notices
from server.domain.people.candidates import ABOUT_MOBILE
from server.domain.ports import Services, WeChatIdentity
from server.errors import Invalid, Refused
from server.models import AuditEntry, Binding, Candidate, School
from tests.kit import make
from tests.kit.binding import ME, MINE_IN_MP, NUMBER, bind
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLogins, FakeWeChatSender
from tests.kit.refusals import code_of

STRANGER = WeChatIdentity("mp", "openid-thief", "union-thief")
NAMELESS = WeChatIdentity("mp", "openid-no-union")
PHONE = "19912345678"


async def somebody(s: Services, *, phone: str = PHONE) -> Candidate:
    candidate = await make.candidate(s, "崔子涵", NUMBER)
    if phone:
        candidate.mobile_sealed = s.keys.encrypt(phone, about=ABOUT_MOBILE)
        await candidate.save(update_fields=["mobile_sealed"])
    return candidate


async def outcome(s: Services, who: WeChatIdentity, **given: Any) -> tuple[str, str]:
    try:
        return "bound", str((await bind(s, who, **given)).candidate_id)
    except Refused as refused:
        return refused.code, refused.message


@pytest.fixture
def logins(services: Services) -> FakeWeChatLogins:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    return services.wechat_logins


@pytest.fixture
def wechat(services: Services) -> FakeWeChatSender:
    assert isinstance(services.wechat_sender, FakeWeChatSender)
    return services.wechat_sender


@pytest.mark.parametrize("who", [STRANGER, NAMELESS])
async def test_name_and_number_alone_do_not_take_over(services: Services, who: WeChatIdentity) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    code, said = await outcome(services, who)
    assert code == "binding_not_matched" and "手机号后四位" in said and "联系报考的院校" in said
    assert await outcome(services, who, phone_last4="0000") == (code, said)
    assert await outcome(services, who, number=make.id_number(4056)) == (code, said)  # one answer shape
    assert await Binding.filter(unbound_at=None).count() == 1
    assert await outcome(services, who, phone_last4=" ５６ 78") == ("bound", str(candidate.id))


async def test_the_same_union_is_let_through(services: Services) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    assert await outcome(services, MINE_IN_MP) == ("bound", str(candidate.id))
    assert services.queue.jobs == []  # type: ignore[attr-defined]  # the same person needs no warning


async def test_wechats_phone_number_is_a_proof(services: Services, logins: FakeWeChatLogins) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    logins.phones |= {"other": "19900000000", "mine": PHONE}
    assert (await outcome(services, STRANGER, phone_code="other"))[0] == "binding_not_matched"
    assert (await outcome(services, STRANGER, phone_code="invented"))[0] == "binding_not_matched"
    assert (await outcome(services, STRANGER, name="别人", phone_code="mine"))[0] == "binding_not_matched"
    assert "mine" in logins.phones  # a miss costs nobody's number
    bound = await bind(services, STRANGER, phone_code="mine")
    assert (bound.candidate_id, bound.phone) == (candidate.id, PHONE)


async def test_without_a_phone_on_record_the_school_has_to_help(services: Services) -> None:
    candidate = await somebody(services, phone="")
    await bind(services, ME)
    assert (await outcome(services, STRANGER, phone_last4="5678"))[0] == "binding_not_matched"
    ended = await binding_removal.release(services, candidate.id, "本人到校申请", actor=make.OPERATOR)
    assert ended == 1
    assert (await outcome(services, STRANGER))[0] == "bound"


async def test_a_first_binding_needs_no_phone(services: Services) -> None:
    candidate = await somebody(services)
    assert await outcome(services, STRANGER) == ("bound", str(candidate.id))


async def test_with_the_setting_a_phone_on_record_is_checked_at_the_first_binding(
    services: Services, wechat: FakeWeChatSender
) -> None:
    exchange(services, settings=replace(services.settings, binding_phone="required"))
    candidate = await somebody(services)
    code, said = await outcome(services, STRANGER)
    assert code == "binding_not_matched" and "登记了手机号的，请填写它的后四位" in said
    for wrong in ({"phone_last4": "0000"}, {"phone_code": "invented"}, {"number": make.id_number(4056)}):
        assert await outcome(services, STRANGER, **wrong) == (code, said)  # one answer shape
    assert await Binding.all().count() == 0
    assert await outcome(services, STRANGER, phone_last4="5678") == ("bound", str(candidate.id))
    assert await outcome(services, STRANGER) == ("bound", str(candidate.id))  # once more changes nothing


async def test_with_the_setting_who_has_no_phone_on_record_binds_as_before(services: Services) -> None:
    exchange(services, settings=replace(services.settings, binding_phone="required"))
    candidate = await somebody(services, phone="")
    assert await outcome(services, STRANGER) == ("bound", str(candidate.id))


async def test_whoever_is_bound_in_both_accounts_may_say_so_again_without_the_phone(
    services: Services,
) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    assert await outcome(services, STRANGER, phone_last4="5678") == ("bound", str(candidate.id))
    assert await outcome(services, STRANGER) == ("bound", str(candidate.id))
    assert (await outcome(services, STRANGER, name="别人"))[0] == "already_bound"


async def test_the_first_binding_is_told(services: Services, wechat: FakeWeChatSender) -> None:
    await somebody(services)
    await bind(services, ME)
    second = await bind(services, STRANGER, phone_last4="5678")
    [(job, args)] = services.queue.jobs  # type: ignore[attr-defined]
    assert job == "people.tell_bound"
    await rights_notices.tell_bound(services, **args)
    [(account, openid, text)] = wechat.texts
    assert (account, openid) == ("oa", ME.openid)
    assert "小程序" in text and second.name_masked not in text


async def test_staff_undo_a_binding_with_a_reason(services: Services, wechat: FakeWeChatSender) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    services.queue.jobs.clear()  # type: ignore[attr-defined]
    release = binding_removal.release
    assert await code_of(release(services, candidate.id, " ", actor=make.OPERATOR)) == "reason_form"
    assert (
        await code_of(release(services, candidate.id, "核实本人", actor=make.ISSUER_STAFF))
        == "role_not_allowed"
    )
    assert await code_of(release(services, 10**9, "核实本人", actor=make.ADMIN)) == "candidate_not_found"
    reason = f"本人持身份证 {NUMBER} 到校"
    assert await release(services, candidate.id, reason, actor=make.OPERATOR) == 1
    assert await bound_people.candidate_id_of(ME) is None
    assert await code_of(release(services, candidate.id, "再来一次", actor=make.OPERATOR)) == "not_bound"
    entry = await AuditEntry.get(action="binding.released")
    assert (entry.actor_id, entry.subject_id, entry.was) == (
        make.OPERATOR.id,
        str(candidate.id),
        {"account": "oa"},
    )
    assert entry.became is not None and NUMBER not in str(entry.became) and "到校" in str(entry.became)
    [(_, args)] = services.queue.jobs  # type: ignore[attr-defined]
    await rights_notices.tell_bound(services, **args)
    assert wechat.texts[0][:2] == ("oa", ME.openid)


async def test_a_school_undoes_its_own_candidates_bindings_only(services: Services) -> None:
    candidate = await somebody(services)
    await bind(services, ME)
    at = await School.get(id=candidate.school_id)
    other = await make.school()
    foreign = Actor("staff", 91, "外校", role="school", school_id=other.id)
    assert (
        await code_of(binding_removal.release(services, candidate.id, "核实本人", actor=foreign))
        == "candidate_not_found"
    )
    assert await binding_removal.find(services, "崔子涵", actor=foreign) == []
    own = make.school_account(at)
    [row] = await binding_removal.find(services, "崔子涵", actor=own)
    assert (row.id, [one.account for one in row.bindings]) == (candidate.id, ["oa"])
    assert NUMBER not in str(row)
    assert await binding_removal.release(services, candidate.id, "核实本人", actor=own) == 1


async def test_candidates_are_found_by_name_or_admission_number(services: Services) -> None:
    candidate = await somebody(services)
    made = await make.registration(services, candidate)
    for wanted in ("崔子涵", " 崔 子涵 ", made.admission_number):
        assert [one.id for one in await binding_removal.find(services, wanted, actor=make.ADMIN)] == [
            candidate.id
        ]
    assert await binding_removal.find(services, "崔子", actor=make.ADMIN) == []
    with pytest.raises(Invalid) as refused:
        await binding_removal.find(services, NUMBER, actor=make.ADMIN)
    assert refused.value.errors[0].code == "search_identity"
    assert await code_of(
        binding_removal.find(services, "崔子涵", actor=Actor("staff", 5, "财务", role="finance"))
    ) == ("role_not_allowed")
    assert await AuditEntry.filter(action="people.viewed").count() == 1  # once an hour, with who


async def test_who_binds_in_both_accounts_at_once_is_bound_in_both(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other account comes first between the reading and the transaction: the phone then counts as the proof."""
    await somebody(services)
    proved, overtakers = bindings._proved, [NAMELESS]

    async def overtaken(*given: Any) -> Any:
        found = await proved(*given)
        if overtakers:
            await bind(services, overtakers.pop(), phone_last4=PHONE[-4:])
        return found

    monkeypatch.setattr(bindings, "_proved", overtaken)
    await bind(services, ME, phone_last4=PHONE[-4:])
    assert await Binding.all().count() == 2


@pytest.mark.parametrize("turn", range(5))
async def test_two_persons_in_two_accounts_at_one_moment_are_not_both_bound(
    services: Services, turn: int
) -> None:
    """Neither shows the phone: whoever comes second, if only by a hair, is asked for it."""
    await somebody(services)
    codes = await asyncio.gather(*(outcome(services, who) for who in (ME, STRANGER)))
    assert sorted(code for code, _ in codes) == ["binding_not_matched", "bound"]
    assert await Binding.all().count() == 1


async def test_who_is_overtaken_without_a_proof_is_not_bound(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await somebody(services)
    proved, overtakers = bindings._proved, [NAMELESS]

    async def overtaken(*given: Any) -> Any:
        found = await proved(*given)
        if overtakers:
            await bind(services, overtakers.pop(), phone_last4=PHONE[-4:])
        return found

    monkeypatch.setattr(bindings, "_proved", overtaken)
    assert await code_of(bind(services, ME)) == "binding_not_matched"
    assert await Binding.all().count() == 1
