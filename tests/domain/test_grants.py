"""The ledger of grants: what client and events tell, in any order and number, and what the sender spends."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from tortoise.transactions import in_transaction

from server.domain.notices import grants
from server.domain.notices.grants import Taker
from server.domain.ports import Push, Services
from server.errors import Invalid, TooMany
from server.models import Grant, GrantEntry
from tests.kit.granting import CERTIFICATES, OPENID, answer_of, clock, grants_left, popup, push, remaining

ME = Taker("mp", OPENID, "results_released")


async def kinds() -> list[tuple[str, int]]:
    return [(entry.kind, entry.change) for entry in await GrantEntry.all().order_by("id")]


@pytest.mark.parametrize("json", [False, True])
async def test_a_pop_up_gives_one_for_each_accept(services: Services, json: bool) -> None:
    await popup(services, answer_of(), answer_of(CERTIFICATES), json=json)
    await popup(services, answer_of(status="reject"), answer_of(CERTIFICATES), json=json)
    await popup(services, answer_of(CERTIFICATES), json=json)
    assert await grants_left() == {"results_released": 1, "certificate_issued": 3}
    assert await grants_left(openid="m-somebody-else") == {"results_released": 0, "certificate_issued": 0}
    assert await grants_left(account="oa") == {"results_released": 0, "certificate_issued": 0}


async def test_the_same_push_again_gives_nothing(services: Services) -> None:
    for _ in range(3):
        await popup(services, answer_of(), answer_of(CERTIFICATES), key="mp:event:same")
    assert await grants_left() == {"results_released": 1, "certificate_issued": 1}


async def test_templates_are_those_of_the_account(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    await popup(services, answer_of("oa-subscribe-result"))
    await popup(services, answer_of("somebody-elses"), {"TemplateId": ""}, {})
    assert await Grant.all().count() == 0
    assert caplog.messages.count("an event of a template that is not ours") == 4
    await popup(services, answer_of("oa-subscribe-result"), account="oa", openid="o-1")
    assert await grants_left("oa", "o-1") == {"results_released": 1, "certificate_issued": 0}


@pytest.mark.parametrize(
    "fields", [{}, {"List": "text"}, {"List": [1, None]}, {"SubscribeMsgPopupEvent": "text"}]
)
async def test_other_shapes_are_tolerated(services: Services, fields: dict[str, Any]) -> None:
    for kind in ("subscribe_msg_popup_event", "text"):
        await grants.taken_in(
            services, Push("mp", kind, True, OPENID, "gh_1", 999_999_999_999, "key", fields=fields)
        )
    assert await Grant.all().count() == 0


# Told twice


@pytest.mark.parametrize("order", ["client event", "event client"])
@pytest.mark.parametrize("minutes", [0, 9])
async def test_one_accept_told_by_both_is_one_grant(services: Services, order: str, minutes: int) -> None:
    for teller in order.split():
        if teller == "client":
            await grants.report(services, "mp", OPENID, ["results_released"])
        else:
            await popup(services)
        clock(services).forward(minutes=minutes)
    assert await remaining() == 1
    assert await kinds() == [("accepted", 1), ("accepted", 0)]


@pytest.mark.parametrize("order", ["client event", "event client"])
async def test_long_after_one_another_they_are_two(services: Services, order: str) -> None:
    for teller in order.split():
        if teller == "client":
            await grants.report(services, "mp", OPENID, ["results_released"])
        else:
            await popup(services)
        clock(services).forward(minutes=11)
    assert await remaining() == 2


@pytest.mark.parametrize(
    ("told", "count"),
    [("c", 1), ("e", 1), ("cc", 2), ("ee", 2), ("ccee", 2), ("ecec", 2), ("ceec", 2), ("cce", 2), ("eec", 2)],
)
async def test_as_many_as_the_one_who_told_more(services: Services, told: str, count: int) -> None:
    """An accept whose other telling was lost counts too; no telling stands for two."""
    for teller in told:
        if teller == "c":
            await grants.report(services, "mp", OPENID, ["results_released", "results_released"])
        else:
            await popup(services)
    assert await remaining() == count


async def test_two_topics_and_two_people_are_never_paired(services: Services) -> None:
    await popup(services, answer_of(CERTIFICATES))
    await popup(services, openid="m-somebody-else")
    await grants.report(services, "mp", OPENID, ["results_released"])
    assert await grants_left() == {"results_released": 1, "certificate_issued": 1}
    assert (await grants_left(openid="m-somebody-else"))["results_released"] == 1


async def test_reports_of_one_accept_at_the_same_moment(services: Services) -> None:
    await asyncio.gather(
        *(popup(services) for _ in range(4)),
        *(grants.report(services, "mp", OPENID, ["results_released"]) for _ in range(4)),
    )
    assert await remaining() == 4


async def test_a_client_names_unknown_topics_or_too_many(services: Services) -> None:
    with pytest.raises(Invalid) as refused:
        await grants.report(services, "mp", OPENID, ["results_released", "weather", "signing_reminder"])
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/accepted/1", "topic_unknown"),
        ("/accepted/2", "topic_unknown"),
    ]
    assert await Grant.all().count() == 0
    for _ in range(grants.REPORTS):
        await grants.report(services, "mp", OPENID, [])
    with pytest.raises(TooMany):
        await grants.report(services, "mp", OPENID, ["results_released"])


# Taken away


async def test_switched_off_leaves_nothing(services: Services) -> None:
    await popup(services, answer_of(), answer_of(CERTIFICATES))
    await popup(services)
    off = push(services, "change", answer_of(status="reject"))
    for _ in range(2):
        await grants.taken_in(services, off)
    assert await grants_left() == {"results_released": 0, "certificate_issued": 1}
    assert (await kinds())[-1] == ("withdrawn", -2)
    clock(services).forward(seconds=5)
    await popup(services)
    assert await remaining() == 1


async def test_events_in_the_wrong_order(services: Services) -> None:
    """What was accepted before the switching off is worth nothing, what was accepted after it stays."""
    begin = int(services.clock.now().timestamp())
    await popup(services, created=begin + 9)
    await grants.taken_in(services, push(services, "change", answer_of(status="reject"), created=begin + 5))
    assert await remaining() == 1
    await popup(services, created=begin)
    assert (await remaining(), (await kinds())[-1]) == (1, ("late", 0))
    await grants.report(services, "mp", OPENID, ["results_released"])  # the client's word for one of the two
    assert await remaining() == 1


async def test_what_is_spent_is_spent_once(services: Services) -> None:
    for _ in range(3):
        await popup(services)
    took = await asyncio.gather(
        *(grants.spend(services.clock, ME, delivery, "1") for delivery in range(1, 9))
    )
    assert (sum(took), await remaining()) == (3, 0)
    held = [delivery for delivery in range(1, 9) if await grants.is_spent(ME, delivery)]
    assert len(held) == 3
    async with in_transaction():
        await grants.give_back(services.clock, ME, held[0], "1")
        await grants.give_back(services.clock, ME, held[0], "1")
    assert (await remaining(), await grants.is_spent(ME, held[0])) == (1, False)
    assert await grants.spend(services.clock, ME, held[0], "2")
    async with in_transaction():
        await grants.give_back(services.clock, ME, 99, "1")  # never took one
    assert await remaining() == 0


async def test_the_balance_is_always_the_sum_of_the_entries(services: Services) -> None:
    dice, spent = random.Random(5), [0]
    for number in range(60):
        match dice.choice("aacswbu"):
            case "a":
                await popup(services)
            case "c":
                await grants.report(services, "mp", OPENID, ["results_released"])
            case "s":
                if await grants.spend(services.clock, ME, number, "1"):
                    spent.append(number)
            case "w":
                await grants.taken_in(services, push(services, "change", answer_of(status="reject")))
            case "b":
                async with in_transaction():
                    await grants.give_back(services.clock, ME, dice.choice(spent), "1")
            case "u":
                async with in_transaction():
                    await grants.use_up(services.clock, ME, number, "1")
        clock(services).forward(minutes=dice.choice((0, 1, 20)))
        assert sum(change for _, change in await kinds()) == await remaining()
    assert {kind for kind, _ in await kinds()} >= {"accepted", "spent", "withdrawn", "refused", "given_back"}


async def test_an_entry_is_for_ever_and_no_balance_is_below_zero(services: Services, db_url: str) -> None:
    await popup(services)
    link = await asyncpg.connect(db_url)
    for attempt in ("UPDATE notice_grant_entry SET change = 0", "DELETE FROM notice_grant_entry"):
        with pytest.raises(asyncpg.RestrictViolationError, match="订阅授权记录不可修改或删除"):
            await link.execute(attempt)
    for wrong in (
        "UPDATE notice_grant SET remaining = -1",
        "INSERT INTO notice_grant_entry (grant_id, source, kind, change, teller, at)"
        " SELECT id, 'x', 'accepted', 2, 'client', now() FROM notice_grant",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await link.execute(wrong)
    await link.close()


async def test_a_long_term_grant_is_used_and_not_used_up(services: Services) -> None:
    await grants.accept(services.clock, ME, source="one", teller="client")
    for delivery in (1, 2, 3):
        assert await grants.spend(services.clock, ME, delivery, "1", is_long_term=True)
        assert await grants.is_spent(ME, delivery)
    await grants.give_back(services.clock, ME, 2, "1")
    await grants.give_back(services.clock, ME, 2, "1")
    assert [await grants.is_spent(ME, delivery) for delivery in (1, 2, 3)] == [True, False, True]
    assert await remaining() == 1
    kinds = await GrantEntry.all().order_by("id").values_list("kind", "change")
    assert list(kinds) == [("accepted", 1), ("used", 0), ("used", 0), ("used", 0), ("unused", 0)]
    await grants.withdraw(services.clock, ME, source="off", said_at=services.clock.now())
    assert not await grants.spend(services.clock, ME, 4, "1", is_long_term=True)
