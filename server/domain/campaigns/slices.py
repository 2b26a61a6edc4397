"""Sending a campaign, a slice at a time: whose turn it is, how many now, and whether it is still to be sent.

The slice is taken in one short transaction that also counts it against the rate, so that all processes keep one rate and
a process that dies has at most counted too much. Then each message goes through the notices' own sender. Before each call
the campaign is looked at again, so a pause or a cancellation is obeyed within one call's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.actor import SYSTEM
from server.domain.campaigns import handling, queries, transitions
from server.domain.campaigns.letters import Way
from server.domain.campaigns.pace import Pace
from server.domain.campaigns.queries import Runner
from server.domain.coalescing import Coalesced
from server.domain.notices import campaign_rows, delivery, routing, sender
from server.domain.notices import queries as notice_queries
from server.domain.notices.acceptances import Acceptances
from server.domain.notices.delivery import Taken
from server.domain.notices.sender import Letter
from server.domain.notices.states import LEASE
from server.domain.ports import Services
from server.errors import Conflict, Refused, Remedy
from server.models import Campaign
from server.settings import Settings

SLICE = 100
AT_ONCE = 48  # WeChat answers within some 60 ms, and our own writing takes ten: 500 calls a second and more
PAUSE = timedelta(seconds=0.5)  # after a slice that the rate cut short: the next one is worth its while
SOON = timedelta(seconds=2)  # a process waits for it; what comes later, the sweep wakes
TURN = timedelta(seconds=30)  # the longest turn of a process, when no other work waits
LEFT = timedelta(seconds=20)  # of its lease, that a message must have when WeChat is called
HOPELESS = 10  # calls of one slice, all of which WeChat refused for a reason that is no person's


@dataclass(frozen=True, slots=True)
class Slice:
    """What is taken at once."""

    campaign_id: int
    ways: Mapping[str, Way]
    rows: list[Taken]
    until: datetime  # they are this process's


class Sending:
    """One process's turn: slices are taken one after another, so many calls are under way at once.

    The next slice is taken when half a slice has still to begin: whoever waits for a slow answer holds nobody up.
    """

    def __init__(self, s: Services) -> None:
        self._s = s
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._acceptances = Acceptances(s.clock, s.cache)
        self._looks = Coalesced(self._are_running, linger=0.001)
        self._slices: set[asyncio.Task[None]] = set()
        self._surprise: BaseException | None = None

    async def take(self) -> timedelta | None:
        """Begin one slice. How long until the next may be taken; None: nothing waits for the moment.

        What people are told of their own results goes first.
        """
        if await sender.send(self._s) == sender.SLICE:
            return timedelta(0)
        taken, wait = await _taken(self._s)
        if taken is None:
            return wait
        is_whole = len(taken.rows) == SLICE
        if is_whole:  # there is more than one process can do: another one may take the next
            await self._s.queue.put(handling.SEND, once=handling.SEND)
        await self._s.faults.reach("campaigns.slice_taken")
        why_not = await _not_to_send([row.id for row in taken.rows])
        begun = asyncio.Event()
        task = asyncio.create_task(self._sent(taken, why_not, begun))
        self._slices.add(task)
        task.add_done_callback(self._slices.discard)
        await begun.wait()
        return timedelta(0) if is_whole else PAUSE

    async def __aenter__(self) -> Sending:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what is under way. Raises what went wrong; those rows stay taken until their lease ends."""
        if kind is not None and issubclass(kind, asyncio.CancelledError):  # the process is stopping
            for task in self._slices:
                task.cancel()
        await asyncio.gather(*self._slices)
        if kind is None and self._surprise is not None:
            raise self._surprise

    @property
    def is_sound(self) -> bool:
        """Nothing went wrong so far that nobody foresaw."""
        return self._surprise is None

    async def _sent(self, taken: Slice, why_not: Mapping[int, tuple[str, str]], begun: asyncio.Event) -> None:
        """All calls of one slice, and what they mean for the whole campaign."""
        left = len(taken.rows)

        async def one(row: Taken) -> Remedy | None:
            nonlocal left
            async with self._gate:
                left -= 1
                if left <= SLICE // 2:
                    begun.set()
                if row.id in why_not:
                    await sender.leave_unsent(self._s.clock, row, *why_not[row.id])
                    return None
                return await self._one(taken, row)

        try:
            ends = await asyncio.gather(*(one(row) for row in taken.rows), return_exceptions=True)
            if surprise := next((end for end in ends if isinstance(end, BaseException)), None):
                raise surprise
            await _heed(self._s, taken, [end for end in ends if isinstance(end, Remedy)])
        except BaseException as problem:
            self._surprise = self._surprise or problem

    async def _one(self, taken: Slice, row: Taken) -> Remedy | None:
        s = self._s
        if not await self._looks.ask(taken.campaign_id) or s.clock.now() > taken.until - LEFT:
            await delivery.put_back(s.clock, row)
            return None
        return await sender.send_one(s, row, lambda: _letter(taken.ways, row), self._acceptances)

    async def _are_running(self, campaigns: Sequence[int]) -> list[bool]:
        """Asked before each call, so that a pause is obeyed at once; the calls of one moment ask together."""
        now = self._s.clock.now()
        found = {one: await queries.is_running(one, now) for one in dict.fromkeys(campaigns)}
        return [found[one] for one in campaigns]


async def send(s: Services) -> timedelta | None:
    """One slice, to its end. How long until the next may be taken; None: nothing waits for the moment."""
    async with Sending(s) as sending:
        return await sending.take()


async def send_on(s: Services) -> None:
    """Job `campaigns.send`: slice after slice, until other work waits; puts itself again while there is more."""
    ends = s.clock.now() + TURN
    async with Sending(s) as sending:
        wait = await sending.take()
        while wait is not None and wait <= SOON and sending.is_sound and s.clock.now() < ends:
            await asyncio.sleep(min(wait.total_seconds(), 1.0))
            if await s.queue.is_waited_for(besides=handling.SEND):
                break
            wait = await sending.take()
    if wait is not None and wait <= SOON:
        await s.queue.put(handling.SEND, once=handling.SEND)


async def _not_to_send(ids: list[int]) -> dict[int, tuple[str, str]]:
    """Who said no, or is somebody else by now: row → the step that ends it, and why."""
    why_not = dict.fromkeys(await notice_queries.unwilling(ids), ("refuse", routing.UNWILLING))
    return why_not | dict.fromkeys(await queries.no_longer_bound(ids), ("fail", "发送之前已解除绑定"))


def _letter(ways: Mapping[str, Way], row: Taken) -> Letter:
    way = ways.get(row.channel)
    if way is None:
        raise Refused("way_unknown", "这个群发不用这个渠道")
    return Letter(way.template, way.filled(row.fields))


async def _taken(s: Services) -> tuple[Slice | None, timedelta | None]:
    """The next slice, of the campaign that waited longest; or how long until there may be one."""
    now = s.clock.now()
    soonest: timedelta | None = None
    for campaign_id in await queries.running(now):
        async with in_transaction():
            runner = await queries.runner(campaign_id, now)
            if runner is None:  # another process has it, or it is not running any more
                continue
            pace = pace_of(s.settings, runner.columns, runner.running)
            left = s.settings.campaign_per_day - runner.calls_of_all
            many = min(SLICE, pace.allowed(now, day_left=left))
            rows = await delivery.take(now, now + LEASE, many, campaign_id=campaign_id) if many else []
            await _count(runner, pace, now, len(rows))
        if rows:
            ways = {way["channel"]: Way.of(way) for way in runner.columns["ways"]}
            return Slice(campaign_id, ways, rows, now + LEASE), None
        wait = await _wait(s, campaign_id, pace, now, left, was_allowed=many > 0)
        soonest = min((one for one in (soonest, wait) if one is not None), default=None)
    return None, soonest


async def _count(runner: Runner, pace: Pace, now: datetime, calls: int) -> None:
    await Campaign.filter(id=runner.id).update(
        allowance=pace.refilled(now) - calls,
        paced_at=now,
        calls_on=beijing.day(now),
        calls_today=pace.used(now) + calls,
        served_at=now,
    )


async def _wait(
    s: Services, campaign_id: int, pace: Pace, now: datetime, left: int, *, was_allowed: bool
) -> timedelta | None:
    """How long until this campaign may go on; None: not for a while, or never, as nobody is left."""
    due = await campaign_rows.next_due(campaign_id)
    if due is None:
        await finish(s, campaign_id)
        return None
    if was_allowed:
        return max(timedelta(0), due - now) if due - now <= SOON else None
    if pace.is_quiet(now) or pace.used(now) >= pace.per_day or left <= 0:
        return None
    return pace.wait(now)


def pace_of(settings: Settings, columns: Mapping[str, Any], running: int) -> Pace:
    """A campaign's pace: its own, and no more than its share of what all running campaigns may call."""
    share = settings.campaign_per_second / max(1, running)
    return Pace(
        per_second=min(float(columns["per_second"]), share),
        **{name: columns[name] for name in PACE},
    )


PACE = ("per_day", "allowance", "paced_at", "calls_on", "calls_today", "quiet_from", "quiet_until")


async def finish(s: Services, campaign_id: int) -> None:
    """Nobody is left: the campaign is done. Nothing happens when somebody is, or when it does not run."""
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await handling.facts_of(campaign, s.clock.now(), SYSTEM)
        told = await queries.ends(campaign_id)
        try:
            await transitions.advance(s.clock, campaign, "finish", facts, actor=SYSTEM, told=told)
        except Conflict:
            return


async def _heed(s: Services, turn: Slice, remedies: list[Remedy]) -> None:
    """What WeChat's refusals mean for the whole: its quota is used up, or somebody must look before it goes on."""
    if Remedy.TOMORROW in remedies:
        until = sender.next_day(s.clock.now())
        await Campaign.filter(id=turn.campaign_id).update(rest_until=until)
    elif Remedy.MEND in remedies:
        await _halt(s, turn, "微信说账号或模板的设置有误")
    elif len(turn.rows) >= HOPELESS and len([one for one in remedies if one in _NOBODYS]) == len(turn.rows):
        await _halt(s, turn, "这一批每一条都被微信拒绝")


_NOBODYS = (Remedy.ALARM, Remedy.BUG)


async def _halt(s: Services, turn: Slice, why: str) -> None:
    note = f"{why}，已自动暂停；请看失败原因，改好以后再继续。"
    try:
        await handling.pause(s.clock, turn.campaign_id, note=note, actor=SYSTEM)
    except Conflict:
        return
