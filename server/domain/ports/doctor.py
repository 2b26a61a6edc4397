"""The port of the doctor: everything that `xcert doctor` looks at, looked at from outside this process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

OK, LOOK, BAD = "ok", "look", "bad"


@dataclass(frozen=True, slots=True)
class Examined:
    """One line of the doctor. `level`: ok; look: no program can tell, look yourself; bad: something is to be done."""

    level: str
    title: str
    text: str


class Doctor(Protocol):
    """Looks at everything once."""

    async def examine(self) -> list[Examined]:
        """Raises OutsideFailure: it could not be started, or came to no end in its time."""

    async def tls_ends(self) -> datetime | str:
        """When the certificate of our own public address ends, as visitors are shown it; a sentence when it cannot be seen."""
