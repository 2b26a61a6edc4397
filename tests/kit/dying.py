"""A process that dies at an await: the work is ended there, and nothing of ours tidies up after it."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from tests.kit.fakes import Killed

T = TypeVar("T")


@types.coroutine
def dies_at(work: Coroutine[Any, Any, T], nth: int) -> Generator[Any, Any, T]:
    """Do `work`, and be killed when it wakes from its `nth` await, or from the next one where that can be.

    It lives if it has not so many. What it waited for has happened: a statement was done, a commit made; a transaction
    is rolled back on the way out, as the database does when a process dies.
    """
    awaits = 0
    step = work.send
    given: Any = None
    while True:
        try:
            waited = step(given)
        except StopIteration as done:
            result: T = done.value
            return result
        holds_a_line = _takes_a_connection(work)
        try:
            given, step = (yield waited), work.send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as problem:  # of what it waited for: it is told, as it would be without us
            given, step = problem, work.throw
            continue
        awaits += 1
        if awaits >= nth and not holds_a_line:
            given, step, awaits = Killed(f"await {awaits}"), work.throw, -1_000_000


def _takes_a_connection(work: Any) -> bool:
    """Whether it is about to take or give back a connection of the pool, or to begin a transaction.

    A process that dies takes its pool along; here the pool goes on, and would miss that connection for ever.
    """
    inner: Any = work
    while inner is not None:
        code = _of(inner, "code")
        if code is not None:
            if code.co_name == "__aenter__" or code.co_filename.endswith("asyncpg/pool.py"):
                return True
            if code.co_filename.endswith("contextlib.py"):  # what it waits for does not say whose step it is
                inner = inner.cr_frame.f_locals["self"].gen
        inner = _of(inner, "await") or getattr(inner, "gi_yieldfrom", None)
    return False


def _of(inner: Any, what: str) -> Any:
    """Of a coroutine, a generator or an asynchronous generator."""
    return next(
        (found for kind in ("cr", "gi", "ag") if (found := getattr(inner, f"{kind}_{what}", None))), None
    )
