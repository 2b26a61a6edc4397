"""What becomes of a notice that WeChat refused, errcode by errcode as wechat.md §5 says what each means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.notices import sender
from server.domain.notices.delivery import Trouble
from server.domain.notices.states import MOST_ATTEMPTS, MOST_ATTEMPTS_MENDED
from server.domain.ports import Services
from server.errors import OutsideFailure, Remedy, WeChatRefused
from server.models import Delivery
from tests.kit.noticing import clock, put, the_row, wechat

NOBODY_ELSE = (40003, 43004, 43101, 43117, 50002)  # this person says no
TO_MEND = (40002, 40013, 40036, 40037, 40125, 40164, 40243, 48001, 48004, 61004, 89503)  # account or settings
PASSES = (-1, 45011, 44990, 43108, 40001, 40014, 42001)  # busy, too fast, a token that went out of date
IN_VAIN = (
    47001,
    47003,
    43116,
    45168,
    41028,
    41029,
    41030,
    43107,
    999999,
)  # the same once more would be refused again


async def tries(services: Services, errcode: int) -> int:
    """How often it is tried before it is given up, each time refused like this."""
    await put(services)
    for count in range(1, MOST_ATTEMPTS_MENDED + 2):
        wechat(services).answers.append(refusal_of(errcode, "no"))
        await sender.send(services)
        row = await the_row()
        assert row.last_error == Trouble.of(refusal_of(errcode, "no")).sentence
        if row.state != "pending":
            assert (row.next_try_at, wechat(services).sent) == (None, [])
            return count
        assert row.next_try_at is not None
        assert timedelta(minutes=1) <= row.next_try_at - services.clock.now() <= timedelta(hours=4)
        clock(services).set(row.next_try_at)
    raise AssertionError("it is never given up")


@pytest.mark.parametrize("errcode", NOBODY_ELSE)
async def test_a_person_who_says_no_is_not_asked_again(services: Services, errcode: int) -> None:
    assert (await tries(services, errcode), (await the_row()).state) == (1, "refused")


@pytest.mark.parametrize("errcode", TO_MEND)
async def test_what_an_operator_can_mend_is_worth_waiting_for(services: Services, errcode: int) -> None:
    assert (await tries(services, errcode), (await the_row()).state) == (MOST_ATTEMPTS_MENDED, "failed")


@pytest.mark.parametrize("errcode", PASSES)
async def test_what_passes_by_itself_is_tried_some_times(services: Services, errcode: int) -> None:
    assert (await tries(services, errcode), (await the_row()).state) == (MOST_ATTEMPTS, "failed")


@pytest.mark.parametrize("errcode", IN_VAIN)
async def test_what_would_be_refused_again_fails_at_once(services: Services, errcode: int) -> None:
    assert (await tries(services, errcode), (await the_row()).state) == (1, "failed")


async def test_the_remedy_decides_and_no_number_or_sentence(services: Services) -> None:
    """An errcode that WeChat invents tomorrow needs a line in the adapter's table and nothing else."""
    await put(services)
    wechat(services).answers.append(WeChatRefused(777, "a sentence of tomorrow", remedy=Remedy.TOMORROW))
    await sender.send(services)
    assert ((await the_row()).state, (await the_row()).remedy) == ("pending", "tomorrow")
    await Delivery.all().update(last_error="换一句话")
    assert await sender.quota_is_back(services.clock, services.queue, "oa") == 1
    assert await sender.send(services) == 1
    row = await the_row()
    assert (row.state, row.remedy, row.last_error) == ("accepted", "", "")


async def test_a_refusal_after_a_try_without_an_answer_does_not_make_the_first_try_undone(
    services: Services,
) -> None:
    """WeChat may have the first one: the same is tried only as long as it would know a second one, then nobody knows."""
    await put(services)
    busy = refusal_of(-1, "system busy")
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True), busy, busy, busy]
    await sender.send(services)
    clock(services).forward(seconds=30)
    await sender.send(services)
    assert (await the_row()).state == "pending"
    for _ in range(4):
        clock(services).forward(minutes=16)
        await sender.send(services)
    row = await the_row()
    assert (row.state, row.next_try_at, wechat(services).sent) == ("unknown", None, [])


@pytest.mark.parametrize("errcode", [40003, 43004, 47003])
async def test_who_is_refused_after_a_try_without_an_answer_may_have_the_first_one(
    services: Services, errcode: int
) -> None:
    await put(services)
    refusal = refusal_of(errcode, "no")
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True), refusal]
    await sender.send(services)
    clock(services).forward(minutes=5)
    await sender.send(services)
    for _ in range(2):
        clock(services).forward(hours=4)
        await sender.send(services)
    assert [(row.state, row.channel) for row in await Delivery.all()] == [("unknown", "template")]
    assert wechat(services).sent == []
