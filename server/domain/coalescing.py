"""One question for all who ask at the same moment. Pure: the standard library alone.

What each of many concurrent tasks needs from outside (is it still to be sent? write this down) costs a round trip each.
Asked together it is one, and nobody is told anything older than their question: a round begins after everybody in it asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

MOST = 500  # in one round


class Coalesced(Generic[Q, A]):
    """Asks `ask` in rounds: who comes while one is under way is in the next.

    Never inside a transaction: a round is on a connection of its own.
    """

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, linger: float = 0.0) -> None:
        """A question for many.

        Args:
            ask: the answers to so many questions, in their order; what it raises, everybody of the round gets.
            linger: seconds that a round waits for others before it begins.
        """
        self._ask, self._linger = ask, linger
        self._waiting: list[tuple[Q, asyncio.Future[A] | None]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to one question, asked after this call."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._put(question, answer)
        return await answer

    def tell(self, question: Q) -> None:
        """Put it into the next round without waiting for that; whatever goes wrong there is nobody's."""
        self._put(question, None)

    async def settled(self) -> None:
        """Returns when whatever was asked or told until now has had its round."""
        while self._rounds is not None and not self._rounds.done():
            await asyncio.wait([self._rounds])

    def _put(self, question: Q, answer: asyncio.Future[A] | None) -> None:
        self._waiting.append((question, answer))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round())

    async def _go_round(self) -> None:
        while self._waiting:
            if self._linger:
                await asyncio.sleep(self._linger)
            asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                answers = await self._ask([question for question, _ in asked])
            except BaseException as problem:
                for _, answer in asked:
                    if answer is not None and not answer.done():
                        answer.set_exception(problem)
                        answer.exception()  # whoever asked may have gone; nobody needs to hear of that
                if not isinstance(problem, Exception):
                    return
            else:
                for (_, answer), said in zip(asked, answers, strict=True):
                    if answer is not None and not answer.done():
                        answer.set_result(said)
