"""An Idempotency-Key makes a request take effect once, however often and whatever dies."""

from __future__ import annotations

import asyncio

import pytest

from server.domain import idempotency
from server.domain.idempotency import Answer
from server.domain.ports import Services
from server.errors import Conflict, Invalid, Refused
from server.models import IdempotentAnswer, School
from tests.kit.columns import column
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, Killed, KillerFaultInjector


class Work:
    """Makes a school each time it is really done."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> Answer:
        self.times += 1
        made = await School.create(name=f"学校{self.times}")
        return Answer(201, f'{{"id":{made.id},"secret":"一次性"}}'.encode())


async def test_the_first_answer_again(services: Services) -> None:
    work = Work()
    first = await idempotency.once(services, "staff:1", "k1", b"request", work)
    again = await idempotency.once(services, "staff:1", "k1", b"request", work)
    assert (first, work.times, await School.all().count()) == (again, 1, 1)
    row = await IdempotentAnswer.get()
    assert "一次性".encode() not in bytes(row.body or b"")


async def test_owners_do_not_meet(services: Services) -> None:
    work = Work()
    for owner in ("staff:1", "staff:2"):
        await idempotency.once(services, owner, "k1", b"request", work)
    assert work.times == 2


async def test_another_body_is_refused(services: Services) -> None:
    await idempotency.once(services, "staff:1", "k1", b"request", Work())
    with pytest.raises(Refused) as caught:
        await idempotency.once(services, "staff:1", "k1", b"another", Work())
    assert caught.value.code == "idempotency_key_reused"
    assert await School.all().count() == 1


@pytest.mark.parametrize("key", ["", "x" * 101, "键", "a b", "a\x00"])
async def test_a_poor_key_is_refused(services: Services, key: str) -> None:
    with pytest.raises(Invalid):
        await idempotency.once(services, "staff:1", key, b"request", Work())


async def test_a_refusal_leaves_the_key_free(services: Services) -> None:
    async def refuse() -> Answer:
        await School.create(name="半途")
        raise Conflict("taken", "已被使用。")

    with pytest.raises(Conflict):
        await idempotency.once(services, "staff:1", "k1", b"request", refuse)
    assert await School.all().count() == 0
    assert (await idempotency.once(services, "staff:1", "k1", b"other", Work())).status == 201


@pytest.mark.parametrize("place", ["idempotency.claimed", "idempotency.worked"])
async def test_killed_anywhere_it_can_be_done_again(services: Services, place: str) -> None:
    work = Work()
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await idempotency.once(services, "staff:1", "k1", b"request", work)
    assert (await School.all().count(), await IdempotentAnswer.all().count()) == (0, 0)
    await idempotency.once(services, "staff:1", "k1", b"request", work)
    assert await School.all().count() == 1


async def test_many_at_once_have_one_effect(services: Services) -> None:
    work = Work()
    answers = await asyncio.gather(
        *(idempotency.once(services, "staff:1", "k1", b"request", work) for _ in range(8))
    )
    assert (len(set(answers)), work.times) == (1, 1)


async def test_after_a_day_the_key_is_free(services: Services, clock: FakeClock) -> None:
    work = Work()
    await idempotency.once(services, "staff:1", "k1", b"request", work)
    await idempotency.once(services, "staff:1", "k2", b"request", work)
    clock.forward(hours=25)
    await idempotency.once(services, "staff:1", "k1", b"another", work)
    await idempotency.sweep(services)
    assert await column(IdempotentAnswer.all(), "key") == ["k1"]
