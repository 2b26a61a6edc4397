"""A doctor who finds what a test says."""

from __future__ import annotations

from datetime import datetime

from server.domain.ports.doctor import Examined
from server.errors import OutsideFailure


class FakeDoctor:
    def __init__(self, *found: Examined, failure: str = "") -> None:
        self.found, self.failure = found, failure
        self.tls: datetime | str = "连接不上"

    async def tls_ends(self) -> datetime | str:
        return self.tls

    async def examine(self) -> list[Examined]:
        if self.failure:
            raise OutsideFailure(self.failure)
        return list(self.found)
