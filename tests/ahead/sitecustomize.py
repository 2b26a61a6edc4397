"""Loaded by every Python under `make test-ahead`: threads wait with an end although the clock is not the kernel's.

libfaketime moves CLOCK_MONOTONIC too, and forgets the timed waits of threads (sem_clockwait): a wait of a second would
last 400 days. So `threading.Condition.wait` waits by short sleeps, which libfaketime knows.
"""

from __future__ import annotations

import threading
import time
from typing import Any

_wait = threading.Condition.wait
PAUSE = 0.005  # seconds


def _wait_by_sleeping(self: Any, timeout: float | None = None) -> bool:
    if timeout is None:
        return _wait(self)
    if not self._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    waiter = threading.Lock()
    waiter.acquire()
    self._waiters.append(waiter)
    saved = self._release_save()
    is_woken = False
    try:
        ends = time.monotonic() + timeout
        while not (is_woken := waiter.acquire(False)) and (left := ends - time.monotonic()) > 0:
            time.sleep(min(PAUSE, left))
        return is_woken
    finally:
        self._acquire_restore(saved)
        if not is_woken and waiter in self._waiters:
            self._waiters.remove(waiter)


threading.Condition.wait = _wait_by_sleeping  # type: ignore[method-assign]
