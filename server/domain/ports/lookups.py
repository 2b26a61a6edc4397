"""Whether what was read a while ago is still true: the word of a watch over the changes that look-ups depend on."""

from __future__ import annotations

from typing import Protocol

ALL = "*"  # the scope of a change that concerns everybody
END = "end:"  # the beginning of a scope that says: the sessions of a person have ended
READY_SECONDS = 600  # how long an answer may stand, whatever it says


class Kept(Protocol):
    """Something read from the database and kept.

    `as_of`: the newest change seen before it was read. `since`, `until` (Unix seconds): the release times it lies between.
    """

    @property
    def as_of(self) -> int: ...
    @property
    def since(self) -> float: ...
    @property
    def until(self) -> float: ...


class LookupWatch(Protocol):
    """Which answers are still true, as far as this process knows."""

    @property
    def beginnings(self) -> int:
        """How often it had to begin anew: what this process kept under an earlier beginning is to be forgotten."""

    def version(self) -> int | None:
        """The newest change seen, to be put on data read from now on; None when the watch cannot vouch."""

    def is_fresh(self, answer: Kept, scope: str, now: float) -> bool:
        """Whether `answer` is still true for `scope` at `now` (Unix seconds by the clock port)."""

    def invalidate(self, scope: str) -> None:
        """Somebody of this process has just changed `scope`: nothing older holds, before the database says so too."""
