"""Binding a WeChat identity to a candidate: who may, how often, and what a miss gives away (nothing)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.domain.actor import Caller
from server.domain.freshness import scope_of
from server.domain.people import binding_limits, bindings, bound_people, captcha, queries
from server.domain.people.candidates import mask_id
from server.domain.ports import Services, WeChatIdentity
from server.errors import Conflict, Forbidden, Invalid, Refused, TooMany
from server.models import AuditEntry, Binding, LookupChange
from tests.kit import make
from tests.kit.binding import ME, MINE_IN_MP, NUMBER, bind
from tests.kit.exchange import exchange
from tests.kit.statements import Reader, statements

OTHER = WeChatIdentity("oa", "openid-other")
FREE_NUMBER = make.id_number(4056)


async def refusal(
    s: Services, who: WeChatIdentity, name: str, number: str, **more: Any
) -> tuple[type, str, str]:
    with pytest.raises(Refused) as caught:
        await bind(s, who, name, number, **more)
    return type(caught.value), caught.value.code, caught.value.message


@pytest.fixture
def reader(services: Services) -> Reader:
    reading = Reader()
    exchange(services, image_check=reading)
    return reading


@pytest.mark.rule("S93")
async def test_bind_by_name_and_number(services: Services) -> None:
    candidate = await make.candidate(services, "崔子涵", NUMBER)
    bound = await bind(services, ME)
    assert bound == bindings.Bound(candidate.id, "崔**", mask_id(NUMBER))
    found = await bound_people.candidate_id_of(ME)
    assert found == candidate.id
    row = await Binding.get()
    assert (row.account, row.openid, row.unionid, row.candidate_id, row.unbound_at) == (
        "oa", "openid-me", "union-me", candidate.id, None,
    )  # fmt: skip
    assert [c.scope for c in await LookupChange.all()] == [scope_of("oa", ME.openid)]


async def test_binding_again_changes_nothing(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    assert await bind(services, ME) == await bind(services, ME)
    assert await Binding.all().count() == 1
    assert await AuditEntry.filter(action="binding.bound").count() == 1


async def test_a_double_tap_binds_once_and_both_taps_succeed(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    taps = await asyncio.gather(*(bind(services, ME) for _ in range(4)))
    assert len(set(taps)) == 1
    assert await Binding.filter(unbound_at=None).count() == 1


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("买买提·艾力", "买买提•艾力"),
        ("买买提·艾力", "买买提．艾力"),
        ("买买提·艾力", "买买提艾力"),
        ("欧阳·阿卜杜拉", " 欧阳 · 阿卜杜拉　"),
        ("崔子涵", "崔　子 涵"),
        ("司马𬱖", "司马𬱖"),
        ("John Smith", "ＪＯＨＮ　ＳＭＩＴＨ"),
    ],
)
async def test_names_are_compared_by_their_letters(services: Services, kept: str, typed: str) -> None:
    candidate = await make.candidate(services, kept, NUMBER)
    assert (await bind(services, ME, typed)).candidate_id == candidate.id


async def test_the_number_may_be_typed_full_width_with_spaces_and_small_x(services: Services) -> None:
    number = next(n for n in map(make.id_number, range(1, 500)) if n.endswith("X"))
    candidate = await make.candidate(services, "崔子涵", number)
    typed = " ".join((number[:6], number[6:14], number[14:].lower())).translate(
        {c: c + 0xFEE0 for c in range(48, 58)}
    )
    assert (await bind(services, ME, number=typed)).candidate_id == candidate.id


async def test_both_accounts_bind_each_for_itself(services: Services) -> None:
    candidate = await make.candidate(services, "崔子涵", NUMBER)
    await bind(services, ME)
    assert await bound_people.candidate_id_of(MINE_IN_MP) is None
    await bind(services, MINE_IN_MP)
    found = await bound_people.candidate_id_of(MINE_IN_MP)
    assert found == candidate.id
    await bindings.unbind(services, ME, caller=Caller("203.0.113.9"))
    assert await bound_people.candidate_id_of(ME) is None
    assert await bound_people.candidate_id_of(MINE_IN_MP) is not None


async def test_unbinding_frees_both_sides(services: Services) -> None:
    candidate = await make.candidate(services, "崔子涵", NUMBER)
    await bind(services, ME)
    assert await bindings.unbind(services, ME, caller=Caller("203.0.113.9", "r2")) is True
    assert await bindings.unbind(services, ME, caller=Caller("203.0.113.9")) is False
    assert (await bind(services, OTHER)).candidate_id == candidate.id
    entry = await AuditEntry.get(action="binding.unbound")
    assert (entry.actor_kind, entry.actor_id, entry.subject_id, entry.address, entry.request_id) == (
        "candidate", candidate.id, str(candidate.id), "203.0.113.9", "r2",
    )  # fmt: skip
    told = [c.scope for c in await LookupChange.all().order_by("id")]
    assert [scope for scope in told if not scope.startswith("end:")] == [scope_of("oa", ME.openid)] * 2 + [
        scope_of("oa", "openid-other")
    ]


async def test_miss_wrong_name_and_somebody_elses_get_one_answer(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    await bind(services, OTHER)
    said = {
        await refusal(services, ME, "崔子涵", FREE_NUMBER),  # nobody has this number
        await refusal(services, ME, "崔子函", NUMBER),  # the name is wrong
        await refusal(services, ME, "崔子涵", NUMBER),  # right, but bound to another person in this account
    }
    assert len(said) == 1
    kind, code, _ = said.pop()
    assert (kind, code) == (Refused, "binding_not_matched")


async def test_hit_miss_wrong_name_and_somebody_elses_do_the_same_work(services: Services) -> None:
    """One timing: not measured with a clock, but by the statements and the hashes."""
    await make.candidate(services, "崔子涵", NUMBER)
    await make.candidate(services, "李四", make.id_number(7))
    await bind(services, WeChatIdentity("oa", "someone"), "李四", make.id_number(7))
    counted = CountingKeys(services.keys)
    exchange(services, keys=counted)
    work = []
    for attempt in (
        ("崔子涵", FREE_NUMBER),
        ("崔子函", NUMBER),
        ("李四", make.id_number(7)),
        ("崔子涵", NUMBER),
    ):
        counted.calls.clear()
        with statements() as seen:
            try:
                await bind(services, ME, *attempt)
            except Refused as refused:
                assert refused.code == "binding_not_matched"
        work.append((tuple(seen), tuple(counted.calls)))
    assert len(work[0][0]) >= 6
    assert work[0] == work[1] == work[2] == work[3]


class CountingKeys:
    def __init__(self, keys: Any) -> None:
        self._keys = keys
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._keys, name)


async def test_one_identity_cannot_collect_candidates(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    await make.candidate(services, "李四", FREE_NUMBER)
    await bind(services, ME)
    for name, number in (("李四", FREE_NUMBER), ("没有", make.id_number(1)), ("崔子函", NUMBER)):
        assert (await refusal(services, ME, name, number))[:2] == (Conflict, "already_bound")


async def test_a_snapshot_user_is_refused(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    snapshot = WeChatIdentity("oa", "openid-me", is_snapshot=True)
    assert (await refusal(services, snapshot, "崔子涵", NUMBER))[:2] == (Forbidden, "snapshot_user")
    assert await Binding.all().count() == 0


async def test_fields_that_cannot_be_right_are_named_and_not_counted(services: Services) -> None:
    for _ in range(30):
        with pytest.raises(Invalid) as caught:
            await bind(services, ME, "", "12345")
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("/name", "name_missing"),
        ("/id_number", "id_length"),
    ]
    await make.candidate(services, "崔子涵", NUMBER)
    await bind(services, ME)


async def test_after_five_misses_an_image_check(services: Services, reader: Reader) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    for serial in range(5):
        assert (await refusal(services, ME, "崔子涵", make.id_number(serial)))[1] == "binding_not_matched"
    assert await binding_limits.image_needed(services.rate_limiter, ME, address="203.0.113.9")
    assert (await refusal(services, ME, "崔子涵", NUMBER))[1] == "captcha_required"
    await captcha.draw(services.cache, services.image_check, ME)
    assert (await refusal(services, ME, "崔子涵", NUMBER, image_answer="0000"))[1] == "captcha_wrong"
    await captcha.draw(services.cache, services.image_check, ME)
    bound = await bind(services, ME, image_answer=f" {reader.drawn[-1].lower()} ")
    assert bound.name_masked == "崔**"
    # Otherwise whoever binds their own data could begin the next five guesses at somebody else's without a picture.
    await bindings.unbind(services, ME, caller=Caller())
    assert await binding_limits.image_needed(services.rate_limiter, ME, address="203.0.113.9")
    assert not await binding_limits.image_needed(services.rate_limiter, OTHER, address="203.0.113.8")
    await bind(services, OTHER)  # the number is free again


async def test_a_picture_answers_once(services: Services, reader: Reader) -> None:
    await captcha.draw(services.cache, services.image_check, ME)
    await captcha.check(services.cache, ME, reader.drawn[-1])
    with pytest.raises(Refused) as caught:
        await captcha.check(services.cache, ME, reader.drawn[-1])
    assert caught.value.code == "captcha_wrong"


async def test_a_picture_is_one_persons_and_dies(services: Services, reader: Reader) -> None:
    await captcha.draw(services.cache, services.image_check, ME)
    with pytest.raises(Refused):
        await captcha.check(services.cache, OTHER, reader.drawn[-1])
    services.clock.forward(seconds=301)  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        await captcha.check(services.cache, ME, reader.drawn[-1])


async def test_after_twenty_misses_a_days_pause(services: Services, reader: Reader) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    for serial in range(20):
        await captcha.draw(services.cache, services.image_check, ME)
        said = await refusal(services, ME, "崔子涵", make.id_number(serial), image_answer=reader.drawn[-1])
        assert said[1] == "binding_not_matched"
        services.clock.forward(minutes=30)  # type: ignore[attr-defined]
    assert (await refusal(services, ME, "崔子涵", NUMBER))[:2] == (TooMany, "binding_paused")
    services.clock.forward(hours=23)  # type: ignore[attr-defined]
    assert (await refusal(services, ME, "崔子涵", NUMBER))[:2] == (TooMany, "binding_paused")
    services.clock.forward(hours=1)  # type: ignore[attr-defined]
    assert (await bind(services, ME)).name_masked == "崔**"


async def test_one_number_is_not_guessed_by_many_people(services: Services, reader: Reader) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    for i in range(20):
        who = WeChatIdentity("oa", f"guesser-{i}")
        await captcha.draw(services.cache, services.image_check, who)
        assert (await refusal(services, who, "崔某", NUMBER, image_answer=reader.drawn[-1]))[
            1
        ] == "binding_not_matched"
    assert (await refusal(services, ME, "崔子涵", NUMBER))[1] == "binding_paused"
    await make.candidate(services, "李四", FREE_NUMBER)
    assert (await bind(services, ME, "李四", FREE_NUMBER)).name_masked == "李*"


async def test_one_address_is_asked_for_an_image_check_and_paused(services: Services, reader: Reader) -> None:
    for i in range(200):
        who = WeChatIdentity("oa", f"person-{i}")
        await captcha.draw(services.cache, services.image_check, who)
        answer = reader.drawn[-1] if i >= 50 else ""
        assert (await refusal(services, who, "某", make.id_number(i), image_answer=answer))[
            1
        ] == "binding_not_matched"
        if i == 49:
            assert (await refusal(services, ME, "崔子涵", NUMBER))[1] == "captcha_required"
    assert (await refusal(services, ME, "崔子涵", NUMBER))[1] == "binding_paused"


async def test_many_attempts_at_once_cannot_slip_through(services: Services, reader: Reader) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    said = await asyncio.gather(*(refusal(services, ME, "崔某", NUMBER) for _ in range(30)))
    codes = [code for _, code, _ in said]
    assert codes.count("binding_not_matched") == 5
    assert set(codes) == {"binding_not_matched", "captcha_required", "binding_paused"} - (
        set() if "binding_paused" in codes else {"binding_paused"}
    )


async def test_the_trail_and_the_changes_hold_no_personal_data(services: Services) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    await refusal(services, ME, "崔某某", NUMBER)
    await bind(services, ME)
    text = repr([(e.actor_name, e.subject_id, e.was, e.became) for e in await AuditEntry.all()])
    assert [e.action for e in await AuditEntry.all().order_by("id")] == ["binding.refused", "binding.bound"]
    for secret in (NUMBER, "崔", ME.openid, "union-me"):
        assert secret not in text


async def test_two_people_racing_for_one_record(services: Services) -> None:
    candidate = await make.candidate(services, "崔子涵", NUMBER)
    answers = await asyncio.gather(bind(services, ME), bind(services, OTHER), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["Bound", "Refused"]
    assert await Binding.filter(candidate_id=candidate.id, unbound_at=None).count() == 1


async def test_an_attempt_during_an_outage_is_no_miss(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who tries again and again while the database is away is not asked for a picture, and not paused, when it is back."""
    await make.candidate(services, "崔子涵", NUMBER)

    async def away(*_: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as outage:
        outage.setattr(queries, "on_record", away)
        for _ in range(binding_limits.PAUSE_AFTER + 1):
            with pytest.raises(ConnectionRefusedError):
                await bind(services, ME)
    assert (await bind(services, ME)).name_masked == "崔**"
