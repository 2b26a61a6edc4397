"""A process that keeps answers ready."""

from __future__ import annotations

from dataclasses import replace

from server.adapters.lookup_watch import LookupWatch
from server.domain import lookups
from server.domain.ports import Services, WeChatIdentity
from server.models.database import watch_line

ME = WeChatIdentity("oa", "openid-me")


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Process:
    """One of several web processes: a watch of its own, the cache shared."""

    def __init__(self, s: Services, url: str) -> None:
        self.seconds = Seconds()
        self.watch = LookupWatch(watch_line(url), monotonic=self.seconds, listens=False)
        self.s = replace(s, lookup_watch=self.watch)

    async def results(self, who: WeChatIdentity = ME) -> tuple[bool, int]:
        """(bound, number of released results) as this process tells it."""
        view = await lookups.results_view(self.s, who)
        return view["bound"], len(view["items"])

    async def certificate_state(self) -> str:
        return str((await lookups.certificates_view(self.s, ME))["items"][0]["state"])
