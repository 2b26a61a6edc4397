"""Who was told what as a workbook: one row a message, names masked, with the sums of the states in front.

Rows are read from the database slice by slice and written as they come, so memory holds one slice. Each message is
read once; of a campaign that is being sent, each as it is at that moment. The sums are counted from the rows written.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import delivery_queries
from server.domain.campaigns.delivery_list import DeliveryView
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.notices.states import NoticeState
from server.domain.ports import Clock, LongSheet, WorkbookWriter
from server.domain.roles import Verb
from server.errors import FieldError, Invalid

MOST_ROWS = 1_000_000  # a sheet takes 1,048,576
SLICE = 5_000
_HEAD = {
    "编号": 12, "姓名": 12, "院校": 26, "类别": 14, "群发": 26, "渠道": 18, "状态": 10, "原因": 44,
    "提交次数": 10, "由人再发": 10, "放进来": 20, "提交给微信": 20, "结束": 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDesk:
    """What writing it takes.

    Attributes:
        channels: their names as people read them.
        say: what a heading or a label is in the language of whoever takes it.
    """

    clock: Clock
    writer: WorkbookWriter
    channels: Mapping[str, str]
    say: Callable[[str], str] = str


async def pieces(desk: ExportDesk, wanted: Wanted, *, actor: Actor) -> AsyncIterator[bytes]:
    """The workbook's bytes as they are ready; who took it, and of how many, is in the audit trail before the first.

    Raises (before the first piece):
        Forbidden: role_not_allowed. Invalid: / too_many_rows.
    """
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    count = await delivery_queries.count(wanted, most=MOST_ROWS + 1)
    if count > MOST_ROWS:
        message = f"这样筛选有 {MOST_ROWS:,} 条以上，一个表格放不下；请按时间、院校或状态分几次导出。"
        raise Invalid(errors=[FieldError("/state", "too_many_rows", message)])
    at = desk.clock.now()
    subject = ("campaign", wanted.campaign_id) if wanted.campaign_id is not None else ("delivery", 0)
    became = {"rows": count, **_said(wanted)}
    await audit_log.record(desk.clock, actor, "delivery.export", *subject, became=became)
    head = tuple(map(desk.say, _HEAD))
    book = desk.writer.begin(LongSheet(desk.say("通知"), head, dict(enumerate(_HEAD.values(), 1))))
    sums: Counter[NoticeState] = Counter()
    after = 0
    while found := await delivery_queries.following(wanted, after=after, most=SLICE):
        shown = [DeliveryView.of(row) for row in found]
        sums.update(one.state for one in shown)
        after = shown[-1].id
        yield await asyncio.to_thread(book.add, [_row(desk, one) for one in shown])
    above = LongSheet(desk.say("合计"), (desk.say("状态"), desk.say("条数")), {1: 34, 2: 24})
    yield await asyncio.to_thread(book.finish, above, _sums(desk, sums, at))


def _said(wanted: Wanted) -> dict[str, str | int]:
    """What the trail says of the filter: never a name or a number of a person."""
    said: dict[str, str | int] = {}
    for name in ("state", "topic", "school_id"):
        if (value := getattr(wanted, name)) is not None:
            said[name] = value
    if wanted.people is not None or wanted.candidate_id is not None:
        said["people"] = len(wanted.people or [0])
    for name in ("since", "until"):
        if (moment := getattr(wanted, name)) is not None:
            said[name] = beijing.short(moment)
    return said


def _row(desk: ExportDesk, one: DeliveryView) -> list[str | int | None]:
    return [
        one.id,
        one.name_masked,
        one.school,
        desk.say(one.topic_label),
        one.campaign,
        desk.say(desk.channels.get(one.channel, one.channel)),
        desk.say(one.state.label),
        desk.say(one.reason),
        one.attempts,
        one.retries,
        _second(one.created_at),
        _second(one.sent_at),
        _second(one.settled_at),
    ]


def _second(moment: datetime | None) -> str | None:
    return beijing.short_second(moment) if moment is not None else None


def _sums(desk: ExportDesk, sums: Counter[NoticeState], at: datetime) -> list[list[str | int | None]]:
    counted: list[list[str | int | None]] = [
        [desk.say(state.label), sums[state]] for state in NoticeState if sums[state]
    ]
    return [
        *counted,
        [desk.say("合计"), sums.total()],
        [],
        [desk.say("导出时间（北京）"), _second(at)],
        [desk.say("说明"), desk.say("一人一件事一行；正在发送的群发，各行是导出那一刻的状态。")],
    ]
