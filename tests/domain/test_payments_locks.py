"""Fees are locked in one order by everybody, so that two who share some never wait for each other in a ring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from tortoise.transactions import in_transaction

from server.domain.payments import fees, payment_polling
from server.domain.ports import Services
from server.models import Fee, FeeOrder
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.lock_waits import somebody_waits

# The lowest number lies last in the table, and the table is read as it lies: the worst that a planner may think of.
_AS_IT_LIES = ("SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off")


async def _settle(owed: list[Fee], order: FeeOrder) -> None:
    await fees.settle([fee.id for fee in owed], order.id)


async def _give_back(owed: list[Fee], order: FeeOrder) -> None:
    await fees.give_back(order.id)


@pytest.mark.parametrize(("verb", "state"), [(_settle, "owed"), (_give_back, "settled")])
async def test_the_lowest_fee_is_locked_first(
    services: Services,
    pay: FakePay,
    db: str,
    verb: Callable[[list[Fee], FeeOrder], Awaitable[None]],
    state: str,
) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    owed = [await paying.owing(s, plan, school=school) for _ in range(3)]
    paid = paying.paid if state == "settled" else paying.ordered
    order = await paid(s, pay, *owed)
    await rows("UPDATE fee SET created_at = created_at WHERE id = $1", owed[0].id)
    link = await asyncpg.connect(db)
    try:
        holding = link.transaction()
        await holding.start()
        await link.execute("SELECT 1 FROM fee WHERE id = $1 FOR UPDATE", owed[0].id)

        async def act() -> None:
            async with in_transaction():
                for statement in _AS_IT_LIES:
                    await rows(statement)
                await verb(owed, order)

        acting = asyncio.create_task(act())
        await somebody_waits(db)
        free = await link.fetch("SELECT id FROM fee ORDER BY id FOR UPDATE SKIP LOCKED")
        assert [row["id"] for row in free] == [fee.id for fee in owed]
        await holding.rollback()
        await acting
    finally:
        await link.close()
    assert {fee.state for fee in await Fee.all()} == {"settled" if state == "owed" else "refunded"}


async def test_orders_that_share_fees_are_paid_at_once_and_each_fee_by_one(
    services: Services, pay: FakePay
) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    owed = [await paying.owing(s, plan, school=school) for _ in range(6)]
    shared = (owed[:5], owed[1:], owed[2:4], [owed[0], owed[5]])
    orders = [await paying.ordered(s, pay, *some) for some in shared]
    for order in orders:
        assert pay._pay(order.number)
    async with asyncio.timeout(30):
        looks = [payment_polling.look(paying.box(s), pay, order.number) for order in orders]
        answers: list[Any] = await asyncio.gather(*looks)
    assert len(answers) == len(orders)
    await paying.sweep(s, pay)
    assert {fee.state for fee in await Fee.all()} <= {"settled", "refunded"}
    await paying.check_books()
