"""Sending what is put: taken before WeChat is called, written after, so that a process may die at any line.

A template message that was taken and not written is taken again, which WeChat's `client_msg_id` makes harmless for ten
minutes. A subscription message has no such key: its grant is spent before the call, and a row that holds a grant and
has no answer is unknown, never sent again, and settled by WeChat's event alone (wechat.md §4.5, §5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.notices import delivery, grants, hold, keywords, queries, routing, states, text_messages
from server.domain.notices.acceptances import Acceptances, Accepted
from server.domain.notices.delivery import Taken, Trouble
from server.domain.notices.grants import Taker
from server.domain.notices.mini_pages import program_page
from server.domain.notices.states import LEASE, MOST_ATTEMPTS, MOST_ATTEMPTS_MENDED, UNKNOWN_PAUSE
from server.domain.notices.topics import SMS, TOPICS
from server.domain.ports import Clock, Queue, Services, WeChatSender
from server.errors import OutsideFailure, Refused, Remedy, WeChatRefused
from server.models import Delivery
from server.settings import Settings

SLICE = 50
AT_ONCE = 8
SILENT_AT_ONCE = 5000
COME_BACK = (Remedy.WAIT, Remedy.RENEW)
PERSON_SAYS_NO = (Remedy.PERSON, Remedy.FOLLOW, Remedy.CONSENT)
OTHER_WAY = (Remedy.FOLLOW, Remedy.CONSENT)
NO_LONGER_OFFICER = "对方已不是签发负责人"
_NONE_LEFT = Trouble("对方没有剩余的订阅授权", Remedy.CONSENT)


async def send(s: Services) -> int:
    """Job `notices.send`: one slice of what is due; puts itself again while there is more. How many were taken."""
    now = s.clock.now()
    due = await delivery.take(now, now + LEASE, SLICE)
    why_not = await _not_to_send([row.id for row in due]) if due else {}
    gate, acceptances = asyncio.Semaphore(AT_ONCE), Acceptances(s.clock, s.cache)

    async def one(row: Taken) -> None:
        async with gate:
            if row.id in why_not:
                await leave_unsent(s.clock, row, *why_not[row.id])
            elif row.channel == SMS:
                await text_messages.send(s, row, acceptances)
            else:
                await send_one(s, row, lambda: _letter(s.settings, row), acceptances)

    ends = await asyncio.gather(*(one(row) for row in due), return_exceptions=True)
    if surprise := next((end for end in ends if isinstance(end, BaseException)), None):
        raise surprise  # its row stays taken until its lease ends
    if len(due) == SLICE:
        await s.queue.put(delivery.JOB, once=delivery.JOB)
    return len(due)


async def _not_to_send(ids: list[int]) -> dict[int, tuple[str, str]]:
    """What changed since these were put: row → the step that ends it, and why."""
    gone = dict.fromkeys(await queries.officers_gone(ids), ("fail", NO_LONGER_OFFICER))
    return gone | dict.fromkeys(await queries.unwilling(ids), ("refuse", routing.UNWILLING))


async def sweep(s: Services) -> None:
    """Wake the sender for what is due: postponed, or taken by a process that died. Nothing while notices are held.

    What WeChat accepted a day ago without another word is closed besides.
    """
    now = s.clock.now()
    while await delivery.go_silent(s.clock, SILENT_AT_ONCE) == SILENT_AT_ONCE:
        pass
    if await hold.current() is not None:
        return
    await text_messages.take_over(s)
    if await Delivery.filter(state__in=delivery.DUE, next_try_at__lte=now, campaign_id=None).exists():
        await s.queue.put(delivery.JOB, once=delivery.JOB)


async def quota_is_back(clock: Clock, queue: Queue, account: str) -> int:
    """WeChat counts anew before midnight, e.g. as somebody cleared its counters: send what waits for that. How many.

    Args:
        account: `oa` or `mp`.
    """
    now = clock.now()
    async with in_transaction():
        waiting = Delivery.filter(
            account=account,
            state=states.NoticeState.PENDING.value,
            next_try_at__gt=now,
            remedy=Remedy.TOMORROW.value,
        )
        brought = await waiting.update(next_try_at=now)
        if brought:
            await queue.put(delivery.JOB, once=delivery.JOB)
    return int(brought)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says: the template in its channel, and its values by keyword."""

    template: str
    fields: Mapping[str, str]


def _letter(settings: Settings, row: Taken) -> Letter:
    topic = TOPICS[row.topic]
    return Letter(topic.template(settings, row.channel), topic.worded(settings, row.channel, row.fields))


async def send_one(
    s: Services, row: Taken, written: Callable[[], Letter], acceptances: Acceptances
) -> Remedy | None:
    """Send what was taken, and write down what came of it. What helps when WeChat refused; None otherwise.

    Args:
        written: the letter; raises Refused when there is none, and the message fails.
        acceptances: shared by all that are sent at once.
    """
    if await _may_have_gone(s.clock, row):
        await delivery.advance(s.clock, row.id, "lose", trouble=Trouble("没有收到微信的回答"))
        return None
    try:
        letter = written()
    except Refused as refusal:
        await delivery.advance(s.clock, row.id, "fail", trouble=Trouble(refusal.message))
        return None
    ready, template = replace(row, fields=letter.fields), letter.template
    if not template:
        await delivery.advance(s.clock, row.id, "fail", trouble=Trouble("未配置消息模板编号"))
    elif faults := keywords.check(ready.fields):
        sentence = "；".join(f"{keyword} {why}" for keyword, why in sorted(faults.items()))
        await delivery.advance(s.clock, row.id, "fail", trouble=Trouble(f"内容不符合模板：{sentence}"))
    elif row.is_subscription and not await _granted(s, row):
        await _refuse(s, row, _NONE_LEFT)
    else:
        return await _call(s, ready, template, acceptances)
    return None


async def leave_unsent(clock: Clock, row: Taken, name: str, why: str) -> None:
    """What was taken is not to be sent after all: the step `name`, unless an earlier try may have come through."""
    is_spent = row.is_repeat and row.is_subscription and await grants.is_spent(_taker(row), row.id)
    step = "lose" if row.is_in_doubt or is_spent else name
    await delivery.advance(clock, row.id, step, trouble=Trouble(why))


async def _granted(s: Services, row: Taken) -> bool:
    """Take the grant that this message needs. False when there is none."""
    is_long_term = TOPICS[row.topic].is_long_term(s.settings, row.channel)
    return await grants.spend(s.clock, _taker(row), row.id, row.try_name, is_long_term=is_long_term)


def _taker(row: Taken) -> Taker:
    return Taker(row.account, row.openid, row.topic)


async def _may_have_gone(clock: Clock, row: Taken) -> bool:
    """Whether WeChat may have this message already, so that sending it again could be a second one."""
    if not row.is_repeat:
        return False
    if row.is_subscription:
        return await grants.is_spent(_taker(row), row.id)
    return not states.may_repeat(row.sent_at, clock.now())


async def _call(s: Services, row: Taken, template: str, acceptances: Acceptances) -> Remedy | None:
    await s.faults.reach("notices.before_send")
    try:
        msgid = await _handed_over(s.settings, s.wechat_sender, row, template)
    except WeChatRefused as refusal:
        await _refused(s, row, refusal)
        return refusal.remedy
    except OutsideFailure as failure:
        await _no_answer(s.clock, row, failure)
    else:
        await s.faults.reach("notices.after_send")
        await acceptances.write(Accepted(row.id, row.account, msgid))
    return None


async def _handed_over(settings: Settings, wechat_sender: WeChatSender, row: Taken, template: str) -> str:
    url = settings.public_url + row.path if row.path else None
    if row.is_subscription:
        page = program_page(row.path) if row.account == "mp" else url
        return await wechat_sender.send_subscription(row.account, row.openid, template, row.fields, page=page)
    return await wechat_sender.send_template(row.openid, template, row.fields, url=url, dedup_id=row.key)


async def _refused(s: Services, row: Taken, refusal: WeChatRefused) -> None:
    """WeChat said no, so nothing was sent by this try; an earlier one may have come through all the same."""
    trouble = Trouble.of(refusal)
    if refusal.remedy is Remedy.TOMORROW:
        await _again(s.clock, row, next_day(s.clock.now()), trouble)
    elif row.attempt < _most_attempts(refusal.remedy):
        await _again(s.clock, row, s.clock.now() + states.pause(row.attempt), trouble)
    elif row.is_in_doubt:
        await delivery.advance(s.clock, row.id, "lose", trouble=trouble)
    elif refusal.remedy in PERSON_SAYS_NO:
        await _refuse(s, row, trouble, was_called=True)
    else:
        await _nothing_sent(s.clock, row, "fail", trouble)


def _most_attempts(remedy: Remedy) -> int:
    if remedy is Remedy.MEND:  # the account or a setting: worth waiting some days
        return MOST_ATTEMPTS_MENDED
    return MOST_ATTEMPTS if remedy in COME_BACK else 0


async def _refuse(s: Services, row: Taken, trouble: Trouble, *, was_called: bool = False) -> None:
    """This person cannot be reached so; where the way was the reason, the same message goes the next way."""
    async with in_transaction():
        await routing.heed(s.clock, row, trouble)
        if was_called and row.is_subscription and trouble.remedy is Remedy.CONSENT:
            await grants.use_up(s.clock, _taker(row), row.id, row.try_name)
        elif was_called and row.is_subscription:
            await grants.give_back(s.clock, _taker(row), row.id, row.try_name)
        if trouble.remedy not in OTHER_WAY or not await routing.other_way(s, row, trouble):
            await delivery.advance(s.clock, row.id, "refuse", trouble=trouble)


async def _no_answer(clock: Clock, row: Taken, failure: OutsideFailure) -> None:
    """No answer: either it certainly went nowhere, or nobody knows; then another try is harmless for some minutes."""
    trouble = Trouble(str(failure))
    if not failure.unknown and not row.is_in_doubt:
        if row.attempt < MOST_ATTEMPTS:
            await _again(clock, row, clock.now() + states.pause(row.attempt), trouble)
        else:
            await _nothing_sent(clock, row, "fail", trouble)
    elif not row.is_subscription and states.may_repeat(
        row.sent_at, again := _after_as_long_again(clock, row)
    ):
        await delivery.advance(clock, row.id, "postpone", trouble=trouble, next_try_at=again)
    else:
        await delivery.advance(clock, row.id, "lose", trouble=trouble)


def _after_as_long_again(clock: Clock, row: Taken) -> datetime:
    """Half a minute, one, two, four and eight minutes after the first try."""
    now = clock.now()
    return now + max(UNKNOWN_PAUSE, now - row.sent_at)


async def _again(clock: Clock, row: Taken, until: datetime, trouble: Trouble) -> None:
    """WeChat did not take it this time. Where an earlier try may have reached it, only as long as it would know a second one."""
    if not row.is_in_doubt:
        await _nothing_sent(clock, row, "postpone", trouble, until)
    elif states.may_repeat(row.sent_at, until):
        await delivery.advance(clock, row.id, "postpone", trouble=trouble, next_try_at=until)
    else:
        await delivery.advance(clock, row.id, "lose", trouble=trouble)


async def _nothing_sent(
    clock: Clock, row: Taken, step: str, trouble: Trouble, until: datetime | None = None
) -> None:
    """Nothing reached the person for certain, so the grant is there again."""
    async with in_transaction():
        if row.is_subscription:
            await grants.give_back(clock, _taker(row), row.id, row.try_name)
        await delivery.advance(clock, row.id, step, trouble=trouble, next_try_at=until, forget_first_try=True)


def next_day(now: datetime) -> datetime:
    """Shortly after the next midnight in Beijing, when WeChat counts anew."""
    tomorrow = beijing.day(now) + timedelta(days=1)
    return datetime.combine(tomorrow, time(0, 5), beijing.BEIJING)
