"""Blocking SDK code on the event loop: it runs in a greenlet, which steps aside whenever it wants to wait.

The technique of SQLAlchemy's asyncio extension: the SDK's method believes it calls a blocking `request()`; that
switches to the parent greenlet with an awaitable, the event loop awaits it, and the answer is switched back in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class _Sideways(greenlet):  # type: ignore[misc]  # greenlet publishes no types
    """A greenlet that the bridge started; `wait` works inside it alone."""

    def __init__(self, run: Callable[[], Any]) -> None:
        super().__init__(run, getcurrent())
        self.gr_context = getcurrent().gr_context


def wait(awaitable: Awaitable[T]) -> T:
    """Inside `run`: hand an awaitable to the event loop and return its result, as if it had blocked.

    Raises:
        RuntimeError: called outside `run`.
    """
    current = getcurrent()
    if not isinstance(current, _Sideways):
        close = getattr(awaitable, "close", None)
        if close is not None:
            close()
        raise RuntimeError("wait() works only inside run()")
    assert current.parent is not None
    result: T = current.parent.switch(awaitable)
    return result


async def run(work: Callable[[], T]) -> T:
    """Run blocking code whose only way of waiting is `wait`."""
    sideways = _Sideways(work)
    result = sideways.switch()
    while not sideways.dead:
        try:
            value = await result
        except BaseException as problem:
            result = sideways.throw(type(problem), problem, problem.__traceback__)
        else:
            result = sideways.switch(value)
    final: T = result
    return final
