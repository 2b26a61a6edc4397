"""People who use a site all the while that an operator does something to it: each says what is a right answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

PAUSE = 1.0  # seconds between two visits of one person


@dataclass
class Visitors:
    """How everybody fared. `right`: by visitor, how often; `wrong`: what was answered instead."""

    names: tuple[str, ...]
    right: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def all_came_again(self, times: int, seconds: float = 120) -> None:
        """Until everybody has had so many more right answers."""
        before = Counter(self.right)
        until = time.monotonic() + seconds
        while min(self.right[name] - before[name] for name in self.names) < times:
            assert time.monotonic() < until and not self.wrong, (self.right, self.wrong[:3])
            time.sleep(0.05)

    def come(self, name: str, visit: Callable[[], str | None]) -> None:
        while not self.is_over.is_set():
            try:
                problem = visit()
            except (httpx.HTTPError, AssertionError) as error:
                problem = f"{type(error).__name__}: {error}"
            if problem is None:
                self.right[name] += 1
            else:
                self.wrong.append(f"{name}: {problem[:600]}")
            self.is_over.wait(PAUSE)


@contextmanager
def visiting(visits: dict[str, Callable[[], str | None]]) -> Iterator[Visitors]:
    """Everybody comes again and again until the block ends.

    Args:
        visits: by name, one visit each: None, or what is wrong with the answer.
    """
    all_of_them = Visitors(tuple(visits))
    threads = [threading.Thread(target=all_of_them.come, args=one) for one in visits.items()]
    for thread in threads:
        thread.start()
    try:
        yield all_of_them
    finally:
        all_of_them.is_over.set()
        for thread in threads:
            thread.join()
