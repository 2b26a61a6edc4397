"""运行状况 in words: facts of the service in cards, each with a mark where somebody should look or act."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain import beijing, health
from server.domain.go_live import checklist
from server.domain.issuance.certificate_query import in_the_making
from server.domain.notices.backlog import LATE_SECONDS, backlog
from server.domain.notices.states import NoticeState
from server.domain.operations import outside_look, standing
from server.domain.ports import Services
from server.web.console import page_base

log = logging.getLogger("xcert.ops")
SECONDS = 2.0
GOOD, WAIT, BAD = "good", "wait", "bad"
MARKS = {GOOD: "正常", WAIT: "请看", BAD: "要处理"}
STUCK_SECONDS, CHAIN_SECONDS = 600.0, 900.0  # as docs/alerts.yml has them
WEEK_SECONDS = 7 * 86400.0
SOON_DAYS, LATE_DAYS = 60, 14
TOKENS = {"oa": "公众号访问凭证还能用", "mp": "小程序访问凭证还能用"}
WORK = {
    "corrections": ("等待批准的更正", "/console/corrections?state=requested"),
    "releases": ("等待批准的公布", "/console/plans"),
    "score_changes": ("等待批准的成绩变更", "/console/score-changes"),
    "reconciliation": ("没有处理的对账差异", "/console/reconciliation"),
    "finance_alarms": ("没有处理的缴费提醒", "/console/finance-alarms"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line. `mark`: good, wait, bad, or "" for what is only told. `more`: a second line."""

    label: str
    said: str
    mark: str = ""
    more: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """`facts` is None while they cannot be seen."""

    key: str
    title: str
    facts: list[Fact] | None

    @property
    def mark(self) -> str:
        marks = {one.mark for one in self.facts} if self.facts is not None else {WAIT}
        return BAD if BAD in marks else WAIT if WAIT in marks else GOOD


async def cards(s: Services) -> list[Card]:
    """All of them; what is away is told as such, and the others are there."""
    some = asyncio.Semaphore(3)

    async def one(key: str, title: str, look: Callable[[Services], Awaitable[list[Fact]]]) -> Card:
        try:
            async with some, asyncio.timeout(SECONDS):
                return Card(key, title, await look(s))
        except Exception as error:
            log.warning("%s cannot be seen: %s", key, health.cause_of(error) or type(error).__name__)
            return Card(key, title, None)

    return list(await asyncio.gather(*(one(key, *how) for key, how in _CARDS.items())))


def _lasting(seconds: float) -> str:
    """How long, in the largest unit that says it."""
    now = datetime.now().astimezone()
    return page_base.ago(now - timedelta(seconds=seconds), now)


async def _jobs(_: Services) -> list[Fact]:
    found = await standing.jobs()
    facts = []
    for one in found.queues:
        more = f"最早的已等 {_lasting(one.oldest_seconds)}" if one.waiting else ""
        mark = BAD if one.oldest_seconds > STUCK_SECONDS else GOOD
        facts.append(Fact("可以做而没有开始", f"{one.waiting:,}", mark, more))
    failed = sum(found.failed.values())
    return [
        *facts,
        Fact("正在做", f"{found.running:,}"),
        Fact("失败", f"{failed:,}", BAD if failed else GOOD, "原因见下面的“失败的任务”" if failed else ""),
    ]


async def _messages(s: Services) -> list[Fact]:
    waits, late = await backlog(s.clock), await standing.late_pushes(s.clock)
    is_late = waits.overdue_seconds > LATE_SECONDS and not waits.is_held
    facts = [
        Fact("待发的通知", f"{waits.waiting:,}", BAD if is_late else GOOD,
             f"最早的已等 {_lasting(waits.oldest_seconds)}" if waits.waiting else ""),
        Fact("待补答的微信消息", f"{late.items:,}", BAD if late.oldest_seconds > STUCK_SECONDS else GOOD,
             f"最早的已等 {_lasting(late.oldest_seconds)}" if late.items else ""),
    ]  # fmt: skip
    if waits.is_held:
        facts.append(Fact("通知", "已暂停发送", WAIT, "恢复备份以后，核对完再放行"))
    for state, items in (await standing.deliveries()).standing.items():
        mark = WAIT if state == NoticeState.UNKNOWN.value and items else ""
        facts.append(Fact(NoticeState(state).label, f"{items:,}", mark, "", "/console/deliveries"))
    return facts


async def _wechat(s: Services) -> list[Fact]:
    facts = []
    for one in await s.wechat_health.tokens():
        label = TOKENS[one.account]
        if one.left_seconds is None:
            facts.append(Fact(label, "–", "", "没有留着的：还没有用到，或微信没有给"))
        else:
            facts.append(Fact(label, _lasting(one.left_seconds), GOOD))
    since = s.clock.now() - standing.HOUR
    alarms = [one for one in await s.wechat_health.alarms() if one.at > since]
    facts.append(
        Fact(
            "最近一小时的告警",
            f"{len(alarms):,}",
            BAD if alarms else GOOD,
            alarms[0].advice if alarms else "",
        )
    )
    seen = await outside_look.last(s)
    for quota in seen.quotas if seen is not None else []:
        mark = BAD if quota.left * 10 < quota.limit else GOOD
        said = f"{quota.left:,} / {quota.limit:,}"
        facts.append(Fact(f"今天还能调用 {quota.account} {quota.path}", said, mark))
    return facts


def _ending(label: str, ends: datetime, now: datetime) -> Fact:
    days = (ends - now).days
    mark = BAD if days < LATE_DAYS else WAIT if days < SOON_DAYS else GOOD
    left = (ends - now).total_seconds()
    return Fact(
        label, beijing.short(beijing.day(ends)), mark, f"还有 {_lasting(left)}" if left > 0 else "已经到期"
    )


async def _expiry(s: Services) -> list[Fact]:
    facts, now = [], s.clock.now()
    if (ends := s.keys.seal_ends()) is not None:
        facts.append(_ending("印章证书到期", ends, now))
    if problem := s.keys.seal_problem():
        facts.append(Fact("电子印章", "盖不了章", BAD, problem))
    seen = await outside_look.last(s)
    if seen is not None and seen.tls_ends is not None:
        facts.append(_ending("HTTPS 证书到期", seen.tls_ends, now))
    elif seen is not None and seen.tls_problem:
        facts.append(Fact("HTTPS 证书", "有问题", BAD, "原因见上线清单的“对外网址”", "/console/go-live"))
    elif s.settings.public_url.startswith("https://"):
        facts.append(Fact("HTTPS 证书", "还没有看过", "", "每小时看一次"))
    return facts


async def _safe(s: Services) -> list[Fact]:
    now, at, chain = s.clock.now(), await checklist.last_backup(), await standing.chain(s.clock)
    making = await in_the_making()
    late = at is None or now - at > checklist.BACKUP_EVERY
    said = beijing.short(at) if at is not None else "还没有做过"
    backup = Fact("上一次备份", said, BAD if late else GOOD)
    if chain.still_seconds > CHAIN_SECONDS:
        linked = Fact("审计的散列链", "停住了", BAD, f"最早的已等 {_lasting(chain.still_seconds)}")
    else:
        linked = Fact("审计的散列链最近一节", beijing.short(chain.made_at) if chain.made_at else "–", GOOD)
    unpublished = Fact(
        "没有放进文件存储的散列", f"{chain.unpublished:,}", WAIT if chain.unpublished else GOOD
    )
    return [
        backup,
        linked,
        unpublished,
        Fact("等待生成的证书", f"{making.waiting:,}", "", "", "/console/issuances"),
        Fact("没有做成的证书", f"{making.failing:,}", BAD if making.failing else GOOD, "", "/console/issuances"),
    ]  # fmt: skip


async def _people(s: Services) -> list[Fact]:
    facts = []
    for one in await standing.waiting(s.clock):
        label, href = WORK[one.what]
        more = f"最早的已等 {_lasting(one.oldest_seconds)}" if one.items else ""
        facts.append(
            Fact(label, f"{one.items:,}", WAIT if one.oldest_seconds > WEEK_SECONDS else GOOD, more, href)
        )
    refused, locked = await standing.log_ins(s.clock)
    facts.append(
        Fact(
            "最近一小时登录被拒",
            f"{refused:,}",
            "",
            "同样的只记最初几次",
            "/console/audit?action=session.refused",
        )
    )
    facts.append(
        Fact(
            "最近一小时锁住登录",
            f"{locked:,}",
            WAIT if locked else GOOD,
            "",
            "/console/audit?action=session.locked",
        )
    )
    return facts


_CARDS: dict[str, tuple[str, Callable[[Services], Awaitable[list[Fact]]]]] = {
    "jobs": ("后台任务", _jobs),
    "messages": ("消息", _messages),
    "wechat": ("微信", _wechat),
    "expiry": ("到期", _expiry),
    "safe": ("证书与数据", _safe),
    "people": ("等人办的事与登录", _people),
}
