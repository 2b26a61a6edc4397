"""Many who ask at the same moment are one question, and nobody gets an answer that is older than their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from server.domain.coalescing import MOST, Coalesced
from tests.kit.fakes import Killed


async def test_those_of_one_moment_are_asked_together_and_each_gets_their_own_answer() -> None:
    rounds: list[list[int]] = []

    async def ask(numbers: Sequence[int]) -> list[int]:
        rounds.append(list(numbers))
        await asyncio.sleep(0)
        return [number * 10 for number in numbers]

    asking = Coalesced(ask)
    assert await asyncio.gather(*(asking.ask(n) for n in range(5))) == [0, 10, 20, 30, 40]
    assert await asking.ask(7) == 70
    assert rounds == [[0, 1, 2, 3, 4], [7]]


async def test_who_comes_while_a_round_is_under_way_is_not_told_what_was_asked_before() -> None:
    truth, seen, go_on = "old", asyncio.Event(), asyncio.Event()

    async def ask(questions: Sequence[None]) -> list[str]:
        found = truth
        seen.set()
        await go_on.wait()
        return [found] * len(questions)

    asking = Coalesced(ask)
    first = asyncio.create_task(asking.ask(None))
    await seen.wait()
    truth = "new"
    second = asyncio.create_task(asking.ask(None))
    await asyncio.sleep(0)
    go_on.set()
    assert (await first, await second) == ("old", "new")


@pytest.mark.parametrize("problem", [ValueError("no"), Killed("here")])
async def test_what_goes_wrong_is_everybodys_of_that_round_alone(problem: BaseException) -> None:
    wrong = [problem]

    async def ask(questions: Sequence[int]) -> Sequence[int]:
        if wrong:
            raise wrong.pop()
        return questions

    asking = Coalesced(ask)
    ends = await asyncio.gather(asking.ask(1), asking.ask(2), return_exceptions=True)
    assert list(ends) == [problem, problem]
    assert await asking.ask(3) == 3


async def test_who_went_away_holds_nobody_up() -> None:
    rounds: list[int] = []

    async def ask(questions: Sequence[int]) -> Sequence[int]:
        rounds.append(len(questions))
        await asyncio.sleep(0)
        return questions

    asking = Coalesced(ask)
    gone = asyncio.create_task(asking.ask(0))
    await asyncio.sleep(0)
    gone.cancel()
    assert await asyncio.gather(*(asking.ask(n) for n in range(1, MOST + 3))) == list(range(1, MOST + 3))
    assert max(rounds) <= MOST


async def test_what_is_only_told_holds_nobody_up_and_is_settled_when_asked() -> None:
    told: list[int] = []

    async def ask(numbers: Sequence[int]) -> Sequence[int]:
        if 13 in numbers:
            raise ValueError("no")
        told.extend(numbers)
        return numbers

    asking = Coalesced(ask, linger=0.001)
    asking.tell(1)
    asking.tell(2)
    assert told == []
    await asking.settled()
    assert told == [1, 2]
    asking.tell(13)
    await asking.settled()
    assert await asking.ask(3) == 3
    assert told == [1, 2, 3]
