"""Blocking code in a greenlet: it waits without stopping the event loop."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from server.adapters.wechat import bridge

who: ContextVar[str] = ContextVar("who", default="nobody")


async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_blocking_code_gets_its_answers() -> None:
    def work() -> list[int]:
        return [bridge.wait(later(number)) for number in range(5)]

    assert await bridge.run(work) == [0, 1, 2, 3, 4]


async def test_code_that_never_waits() -> None:
    assert await bridge.run(lambda: 7) == 7


async def test_errors_travel_both_ways() -> None:
    async def fails() -> None:
        raise ValueError("outside")

    def work() -> str:
        with pytest.raises(ValueError, match="outside"):
            bridge.wait(fails())
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        await bridge.run(work)


async def test_many_run_side_by_side() -> None:
    gate = asyncio.Event()

    async def meet() -> None:
        await gate.wait()

    waiting = [asyncio.create_task(bridge.run(lambda: bridge.wait(meet()))) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [None] * 50


async def test_cancelling_reaches_the_blocking_code() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            bridge.wait(asyncio.Event().wait())
        finally:
            seen.append("tidied")

    task = asyncio.create_task(bridge.run(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["tidied"]


async def test_context_variables_are_seen_inside() -> None:
    who.set("somebody")

    async def ask() -> str:
        return who.get()

    assert await bridge.run(lambda: (who.get(), bridge.wait(ask()))) == ("somebody", "somebody")


async def test_waiting_outside_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="inside run"):
        bridge.wait(later(1))
