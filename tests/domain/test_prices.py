"""Prices: what cannot be one, who may set one, and how one that was typed wrongly is corrected or withdrawn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from server.domain.levels import Level
from server.domain.payments import (
    fees,
    prices,
)
from server.domain.payments.prices import NewPrice
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import (
    AuditEntry,
    Candidate,
    Fee,
    Price,
)
from tests.kit import make, paying
from tests.kit.paying import FINANCE, PRICE_FEN


@pytest.mark.parametrize(
    ("wish", "pointer", "code"),
    [
        ({"candidate_kind": "both"}, "/candidate_kind", "kind_unknown"),
        ({"amount_fen": -1}, "/amount_fen", "price_range"),
        ({"amount_fen": 1_000_001}, "/amount_fen", "price_range"),
        ({"from_on": date(1999, 1, 1)}, "/from_on", "date_range"),
        ({}, "/from_on", "price_not_later"),
    ],
)
async def test_prices_that_cannot_be(
    services: Services, wish: dict[str, object], pointer: str, code: str
) -> None:
    s, plan = services, await paying.priced(services)
    await paying.owing(s, plan)
    wanted = replace(NewPrice(plan.id, Level.PRIMARY, "social", 100), **wish)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as refused:
        await prices.set_price(s.clock, s.queue, wanted, actor=FINANCE)
    assert [(one.pointer, one.code) for one in refused.value.errors] == [(pointer, code)]
    assert await Price.all().count() == 1


LATER = date(2026, 11, 25)


async def spans() -> list[tuple[int, date, date | None]]:
    return [(one.amount_fen, one.from_on, one.to_on) for one in await Price.all().order_by("from_on")]


async def test_a_price_typed_wrongly_is_corrected_until_somebody_owes_by_it(services: Services) -> None:
    s, plan = services, await paying.priced(services)
    before = prices.EARLIEST

    async def set_to(fen: int, day: date | None = None) -> Price:
        wanted = NewPrice(plan.id, Level.PRIMARY, "social", fen, day)
        return await prices.set_price(s.clock, s.queue, wanted, actor=FINANCE)

    await set_to(100)
    assert await spans() == [(100, before, None)]
    await set_to(999_900, LATER)
    await set_to(9_900, LATER)
    assert await spans() == [(100, before, date(2026, 11, 24)), (9_900, LATER, None)]
    wrong = await set_to(1, date(2030, 1, 1))
    await prices.withdraw(s.clock, s.queue, wrong.id, actor=FINANCE)
    assert await spans() == [(100, before, date(2026, 11, 24)), (9_900, LATER, None)]
    trail = await AuditEntry.filter(action="price.withdraw").order_by("id")
    assert [(one.actor_id, (one.was or {})["amount_fen"]) for one in trail] == [
        (FINANCE.id, PRICE_FEN),
        (FINANCE.id, 999_900),
        (FINANCE.id, 1),
    ]
    first, last = await Price.all().order_by("from_on")
    with pytest.raises(Conflict) as followed:
        await prices.withdraw(s.clock, s.queue, first.id, actor=FINANCE)
    assert followed.value.code == "price_not_last"
    await prices.withdraw(s.clock, s.queue, last.id, actor=FINANCE)
    assert (await paying.owing(s, plan)).amount_fen == 100
    with pytest.raises(Conflict) as used:
        await prices.withdraw(s.clock, s.queue, first.id, actor=FINANCE)
    assert (used.value.code, str(used.value)) == (
        "price_in_use",
        "已按这个价格生成费用，不能撤回；请另设一个从更晚日期起算的价格。",
    )
    with pytest.raises(Invalid) as again:
        await set_to(120)
    assert again.value.errors[0].detail == (
        "现在的价格从2000年1月1日起算，已按它生成费用，不能再改；新价格请填更晚的日期。"
    )
    await set_to(120, LATER)
    assert await spans() == [(100, before, date(2026, 11, 24)), (120, LATER, None)]


async def test_a_withdrawn_price_and_a_fee_of_it_at_once(services: Services) -> None:
    """Either the price is gone and nobody owes by it, or it is in use and stays."""
    s, plan = services, await make.plan()
    await paying.priced(s, on=plan)
    for _ in range(5):
        who = await make.candidate(s)
        await Candidate.filter(id=who.id).update(kind="social")
        await make.registration(s, who, on=plan, outcome="pending")
    [price] = await Price.all()
    answers = await asyncio.gather(
        prices.withdraw(s.clock, s.queue, price.id, actor=FINANCE),
        fees.raise_fees(s.clock),
        return_exceptions=True,
    )
    if await Price.all().exists():
        assert isinstance(answers[0], Conflict) and await Fee.all().count() == 5
    else:
        assert answers[0] is None
        await fees.raise_fees(s.clock)
        assert await Fee.all().count() == 0


async def test_who_may_not_set_a_price(services: Services) -> None:
    s, plan = services, await make.plan()
    with pytest.raises(Forbidden):
        await prices.set_price(
            s.clock, s.queue, NewPrice(plan.id, Level.PRIMARY, "social", 1), actor=make.OPERATOR
        )
    with pytest.raises(NotFound, match="考试计划"):
        await prices.set_price(s.clock, s.queue, NewPrice(0, Level.PRIMARY, "social", 1), actor=FINANCE)
    with pytest.raises(Forbidden):
        await prices.withdraw(s.clock, s.queue, 1, actor=make.OPERATOR)
    with pytest.raises(NotFound, match="没有这个价格"):
        await prices.withdraw(s.clock, s.queue, 1, actor=FINANCE)
