"""A process that keeps answers ready."""

from __future__ import annotations

from dataclasses import replace

import orjson

from miniprogram_api import certificates, results
from server.adapters.lookup_watch import LookupWatch
from server.domain.ports import Services, WeChatIdentity
from server.models.database import watch_line
from server.web.ready_answers import ReadyAnswer, ReadyAnswers

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
        self.answers = ReadyAnswers()

    async def results_answer(self, who: WeChatIdentity = ME) -> ReadyAnswer:
        """What this process sends to a phone that asks for results."""
        return await self.answers.get(self.s, "results", who, results.read)

    async def results(self, who: WeChatIdentity = ME) -> tuple[bool, int]:
        """(bound, number of released results) as this process tells it."""
        view = orjson.loads((await self.results_answer(who)).body)
        return view["bound"], len(view["items"])

    async def certificate_state(self) -> str:
        answer = await self.answers.get(self.s, "certificates", ME, certificates.read)
        return str(orjson.loads(answer.body)["items"][0]["state"])
