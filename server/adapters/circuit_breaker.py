"""A switch that opens when something outside does not answer, so that not every question waits for the same silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger("xcert.breaker")

PAUSE_SECONDS = 5.0


class Breaker:
    """After a failure nothing is asked for some seconds; then one question goes first, and decides.

    Args:
        name: what it guards, for the log: one line when it opens and one when it closes.
        pause: seconds in which nothing is asked after a failure.
        monotonic: seconds that never jump; tests bring their own.
    """

    def __init__(
        self,
        name: str,
        *,
        pause: float = PAUSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._pause = pause
        self._monotonic = monotonic
        self._open_until: float | None = None  # None: all is well

    def may_ask(self) -> bool:
        """Whether to ask now. Of all who would, after a pause, one does; the others are told no until it knows."""
        if self._open_until is None:
            return True
        now = self._monotonic()
        if now < self._open_until:
            return False
        self._open_until = now + self._pause
        return True

    def failed(self, cause: str) -> None:
        """It did not answer."""
        if self._open_until is None:
            log.warning("%s is away (%s); going on without it", self._name, cause)
        self._open_until = self._monotonic() + self._pause

    def answered(self) -> None:
        """It did."""
        if self._open_until is not None:
            log.warning("%s is back", self._name)
            self._open_until = None
