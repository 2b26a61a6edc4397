"""Notifications of WeChat Pay a second against signature, decryption and one insert alone; the slowest answer in a
thousand while the database takes three seconds; and the books of one order beside a thousand and beside half a million
postings, a million entries.

Ours and the ceiling take turns of 200, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from server.adapters.wechat.pay import WeChatPay
from server.composition import running
from server.domain.payments import ledger, notifications
from server.domain.payments.gathered_jobs import GatheredJobs
from server.domain.ports import Services
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit.pay_platform import PayPlatform
from tests.kit.proxy import before
from tests.kit.quick_pay_platform import QuickPlatform
from tests.kit.web_process import web_process

NOTIFICATIONS, TURN, AT_ONCE = 4_002, 200, 200
SLOW, SLOWED, SLOW_AT_ONCE = 3.0, 2_000, 40  # seconds; callbacks, and how many at a time
FEW, MANY = 1_000, 500_000  # postings; two entries each
_INSERT = "INSERT INTO pay_inbox (id, event, content, received_at) VALUES ($1, $2, '{}', now())"

Signed = tuple[dict[str, str], bytes]


def run() -> list[Row]:
    with place() as settings, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(settings, QuickPlatform.invent(Path(folder))))


async def _measure(settings: Settings, platform: PayPlatform) -> list[Row]:
    platform.clock.set(datetime.now(UTC))
    settings = platform.settings(settings, oa_appid="wxbench0000000000")
    raw = await asyncpg.connect(settings.database_url)
    async with running(settings) as s:
        rows = [await _notified(s, platform, raw), await _slowed(settings, platform), await _balanced(raw)]
    await raw.close()
    return rows


async def _notified(s: Services, platform: PayPlatform, raw: Any) -> Row:
    assert isinstance(s.pay, WeChatPay)
    pay, jobs = s.pay, GatheredJobs(s.queue)

    async def received(signed: Signed) -> None:
        await notifications.receive(s.clock, jobs, pay.open_notification(*signed))

    async def bare(signed: Signed) -> None:
        opened = pay.open_notification(*signed)
        await raw.execute(_INSERT, opened.id, opened.event)

    signed = _signed(platform, s.settings)
    for once in (bare, received):  # both have their connection, and have said their statement once
        await _seconds(once, [signed.pop()], jobs)
    turns = [signed[at : at + TURN] for at in range(0, len(signed) - TURN + 1, TURN)]
    ours = ceiling = 0.0
    for mine, most in zip(turns[::2], turns[1::2], strict=True):
        ours += await _seconds(received, mine, jobs)
        ceiling += await _seconds(bare, most, jobs)
    half = TURN * len(turns[::2])
    return Row(
        "支付通知：验签、解密、存下并叫醒任务",
        half / ours,
        half / ceiling,
        "次/秒",
        "只验签、解密和一条 INSERT",
        "≥ 0.7",
    )


def _signed(platform: PayPlatform, settings: Settings) -> list[Signed]:
    """As many notifications, each signed; made beforehand, since signing is WeChat Pay's work."""
    made = []
    for number in range(NOTIFICATIONS):
        resource = {
            "transaction_id": f"42000{number:023d}",
            "amount": {"payer_total": 100, "total": 100, "currency": "CNY", "payer_currency": "CNY"},
            "mchid": settings.pay_mchid,
            "appid": settings.oa_appid,
            "trade_state": "SUCCESS",
            "trade_type": "JSAPI",
            "bank_type": "CMC",
            "success_time": "2026-11-23T11:59:58+08:00",
            "payer": {"openid": "oBench"},
            "out_trade_no": f"xcbench{number:08d}",
            "attach": "",
        }
        body = platform.notification("TRANSACTION.SUCCESS", resource)
        made.append((platform.headers(body), body))
    return made


async def _seconds(
    once: Callable[[Signed], Awaitable[None]], signed: list[Signed], jobs: GatheredJobs
) -> float:
    """Of so many, one after another, and of the job that they have woken."""
    begun = time.perf_counter()
    for one in signed:
        await once(one)
    await jobs.flush()
    return time.perf_counter() - begun


async def _slowed(settings: Settings, platform: PayPlatform) -> Row:
    """A real web process whose database takes `SLOW` seconds for each round trip; so many callbacks at a time."""
    waiting = iter(_signed(platform, settings)[:SLOWED])
    took: list[float] = []
    async with (
        before(settings.database_url) as (url, proxy),
        web_process(settings, url, settings.redis_url) as address,
        aiohttp.ClientSession() as session,
    ):
        proxy.delay = SLOW

        async def sends() -> None:
            for _, body in waiting:
                headers = platform.headers(body)
                begun = time.perf_counter()
                async with session.post(f"{address}/wechat/pay/notify", data=body, headers=headers) as answer:
                    assert answer.status in (204, 503)
                took.append(time.perf_counter() - begun)

        platform.clock.set(datetime.now(UTC))
        await asyncio.gather(*(sends() for _ in range(SLOW_AT_ONCE)))
        proxy.delay = 0.0
    slowest = sorted(took)[-len(took) // 1000 :][0]
    return Row(
        f"支付通知的回答，每一千次里最慢的一次，数据库慢 {SLOW:g} 秒",
        slowest,
        1.0,
        "秒",
        "一秒",
        "≤ 1",
    )


async def _balanced(raw: Any) -> Row:
    """The balance of one order: the books grow, its time does not."""
    order = await raw.fetchval(
        "WITH school AS (INSERT INTO school (name, created_at) VALUES ('对账职业学院', now()) RETURNING id)"
        " INSERT INTO fee_order (number, school_id, account, way, openid, description, total_fen, refunded_fen, state,"
        " expires_at, created_at) SELECT 'xcbench' || n, school.id, 'oa', 'native', '', '考试费', 100, 0, 'pending', now(),"
        " now() FROM school, generate_series(1, $1) n RETURNING id",
        MANY // 10,
    )
    few = await _grown(raw, order, 0, FEW)
    many = await _grown(raw, order, FEW, MANY)
    return Row(f"一个订单的余额，{2 * MANY:,} 行账", many, few, "次/秒", f"{2 * FEW:,} 行账", "≥ 0.9")


async def _grown(raw: Any, order: int, first: int, last: int) -> float:
    async with raw.transaction():
        await raw.execute(
            "WITH added AS (INSERT INTO ledger_posting (source, order_id, at)"
            " SELECT 'bench:' || n, $1 + (n - 1) / 10, now() FROM generate_series($2::int + 1, $3::int) n RETURNING id)"
            " INSERT INTO ledger_entry (posting_id, account, amount_fen)"
            " SELECT id, account, fen FROM added, (VALUES ('wechat', 100), ('income', -100)) AS line (account, fen)",
            order,
            first,
            last,
        )
    await raw.execute("ANALYZE ledger_posting, ledger_entry")
    await ledger.balances(order)
    begun = time.perf_counter()
    for step in range(AT_ONCE):
        await ledger.balances(order + step % 50)
    return AT_ONCE / (time.perf_counter() - begun)
