"""A state for each alert of docs/alerts.yml in which it fires, made as it comes about in life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.adapters.keys import KeyFolder
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, chain
from server.domain.operations import outside_look
from server.domain.ports import (
    Alarm,
    ApiUsage,
    CertificatePage,
    OfficialUsage,
    ProcessBeat,
    Push,
    Services,
    WeChatCalls,
)
from server.domain.roles import Role
from server.domain.wechat_chat import push_inbox
from server.errors import OutsideFailure
from server.models import Certificate, Delivery, FinanceAlarm
from server.models.database import rows
from tests.kit import campaigning, fake_bill, issuing, log_desk, make
from tests.kit.alert_rules import Samples, samples
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.fake_doctor import FakeDoctor
from tests.kit.fake_pay import FakePay
from tests.kit.fake_wechat import FakeWeChatHealth, FakeWeChatQuota
from tests.kit.fakes import FakePdfRenderer, MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.log_witness import FakeWitness, FakeWitnesses
from tests.kit.noticing import clock, put
from tests.kit.reconciling import compared, one_paid_and_over

App = Sanic[Any, Any]
Provoke = Callable[[App, Services], Awaitable[None]]
SEND = "/cgi-bin/message/template/send"
PUSH = Push(
    "oa", "text", False, "o-candidate-000000000000000", "gh_1", 1_700_000_000, "oa:message:1", text="成绩"
)
PROVOKED: dict[str, Provoke] = {}


def makes(name: str) -> Callable[[Provoke], Provoke]:
    def keep(provoke: Provoke) -> Provoke:
        PROVOKED[f"Xcert{name}"] = provoke
        return provoke

    return keep


async def scrape(app: App) -> Samples:
    _, response = await app.asgi_client.get("/metrics")
    assert response.status == 200
    return samples(response.text)


async def job(state: str, at: str = "now()") -> None:
    await rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at)"
        f" VALUES ('default', 'imports.run', $1::text::procrastinate_job_status, {at})",
        state,
    )


def beat(s: Services, **more: Any) -> ProcessBeat:
    now = s.clock.now()
    given: dict[str, Any] = {
        "host": "a",
        "pid": 1,
        "kind": "jobs",
        "version": "1",
        "began": now,
        "seen": now,
        "pool_used": 0,
        "pool_most": 6,
    }
    return ProcessBeat(**(given | more))


@makes("ServerErrors")
async def _(app: App, s: Services) -> None:
    def broken() -> list[Any]:
        raise RuntimeError

    good = s.keys
    exchange(s, keys=type("Broken", (), {"public": staticmethod(broken), "find": good.find})())
    try:
        for _ in range(11):
            _, answer = await app.asgi_client.get("/.well-known/xcert-keys.json")
            assert answer.status == 500
    finally:
        exchange(s, keys=good)


@makes("CollectorFailing")
async def _(_: App, s: Services) -> None:
    async def away() -> list[Any]:
        raise OutsideFailure("缓存暂时没有响应。")

    board = s.process_board
    board.all = away  # type: ignore[method-assign]


@makes("NoJobProcess")
async def _(_: App, s: Services) -> None:
    await s.process_board.tell(beat(s))
    clock(s).forward(seconds=51)
    await s.process_board.tell(beat(s, kind="web", pid=2))


@makes("QueueStuck")
async def _(_: App, s: Services) -> None:
    await job("todo", "now() - interval '11 minutes'")


@makes("JobsFailed")
async def _(_: App, s: Services) -> None:
    await job("failed")


@makes("PoolFull")
async def _(_: App, s: Services) -> None:
    await s.process_board.tell(beat(s, kind="web", pool_used=10, pool_most=10))
    await s.process_board.tell(beat(s, kind="web", pid=3, pool_used=1, pool_most=10))


@makes("NoticesOverdue")
async def _(_: App, s: Services) -> None:
    await put(s)
    clock(s).forward(seconds=601)


@makes("NoticesOld")
async def _(_: App, s: Services) -> None:
    await put(s)
    clock(s).forward(hours=26)


@makes("NoticesUnknown")
async def _(_: App, s: Services) -> None:
    await put(s)
    await Delivery.all().update(state="unknown", next_try_at=None)


@makes("CampaignUnserved")
async def _(_: App, s: Services) -> None:
    plan = await make.plan()
    await campaigning.people(s, 1, on=plan)
    await campaigning.running(s, plan)
    clock(s).forward(seconds=700)


@makes("PushesRefused")
async def _(app: App, s: Services) -> None:
    for _ in range(6):
        _, answer = await app.asgi_client.post(
            "/wechat/oa?timestamp=1&nonce=n&signature=no", content=b"<xml/>"
        )
        assert answer.status == 401


@makes("PushesLate")
async def _(_: App, s: Services) -> None:
    await push_inbox.hand_over(s.clock, s.keys, PUSH)
    clock(s).forward(seconds=301)


@makes("WeChatAlarm")
async def _(_: App, s: Services) -> None:
    assert isinstance(s.wechat_health, FakeWeChatHealth)
    at = s.clock.now() - timedelta(minutes=59)
    s.wechat_health.sounded = [Alarm(at, "oa", 40164, SEND, "rid", "把出口地址加入白名单")]


@makes("TokenFailing")
async def _(_: App, s: Services) -> None:
    assert isinstance(s.wechat_quota, FakeWeChatQuota)
    s.wechat_quota.called = [WeChatCalls("mp", "/cgi-bin/stable_token", "40125", 4)]


async def quota(s: Services, left: int) -> None:
    assert isinstance(s.wechat_quota, FakeWeChatQuota)
    s.wechat_quota.used["oa"] = [ApiUsage(SEND, 9, OfficialUsage(100_000, 100_000 - left, left), "", None)]
    await outside_look.look(s)


@makes("QuotaLow")
async def _(_: App, s: Services) -> None:
    await quota(s, 9_999)


@makes("QuotaUsedUp")
async def _(_: App, s: Services) -> None:
    assert isinstance(s.wechat_quota, FakeWeChatQuota)
    until = s.clock.now() + timedelta(hours=5)
    s.wechat_quota.used["oa"] = [ApiUsage(SEND, 100_000, None, "", until)]


@makes("SealUnusable")
async def _(_: App, s: Services) -> None:
    """As in life: the certificate ends while the service runs."""
    assert isinstance(s.keys, KeyFolder)
    exchange(s, keys=KeyFolder(s.keys._folder, production=False, now=s.clock.now))
    ends = s.keys.seal_ends()
    assert ends is not None
    clock(s).forward(seconds=(ends - s.clock.now()).total_seconds() + 1)


@makes("SealExpires")
async def _(_: App, s: Services) -> None:
    ends = s.keys.seal_ends()
    assert ends is not None
    clock(s).forward(seconds=(ends - s.clock.now()).total_seconds() - 29 * 86400)


async def shown(s: Services, doctor: FakeDoctor) -> None:
    exchange(s, doctor=doctor)
    object.__setattr__(s.settings, "public_url", "https://cert.example.cn")
    await outside_look.look(s)


@makes("TlsExpires")
async def _(_: App, s: Services) -> None:
    doctor = FakeDoctor()
    doctor.tls = s.clock.now() + timedelta(days=13)
    await shown(s, doctor)


@makes("TlsProblem")
async def _(_: App, s: Services) -> None:
    await shown(s, FakeDoctor())


@makes("CertificatesFailing")
async def _(_: App, s: Services) -> None:
    class Broken(FakePdfRenderer):
        async def make(self, page: CertificatePage) -> bytes:
            raise OutsideFailure("时间戳服务暂时没有应答，证书稍后自动继续生成。")

    await issuing.generating(s, await issuing.cohort(s))
    exchange(s, pdf_renderer=Broken())
    await drained(s)


@makes("LogStopped")
async def _(_: App, s: Services) -> None:
    await log_desk.logged(s, 0, 2)
    await s.file_store.put("log/checkpoint", b"rubbish")


@makes("LogLate")
async def _(_: App, s: Services) -> None:
    await log_desk.put(0, 1)
    await rows("UPDATE log_outbox SET created_at = now() - interval '10 minutes'")


@makes("WitnessBehind")
async def _(_: App, s: Services) -> None:
    one = FakeWitness()
    exchange(s, log_witnesses=FakeWitnesses(one, away=frozenset({one.name})))
    await log_desk.logged(s, 0, 5)


async def on_trail(s: Services, action: str, times: int) -> None:
    for number in range(times):
        await audit_log.record(s.clock, SYSTEM, action, "staff", number)


@makes("LockOuts")
async def _(_: App, s: Services) -> None:
    await on_trail(s, "session.locked", 6)


@makes("LogInsRefused")
async def _(_: App, s: Services) -> None:
    await on_trail(s, "session.refused", 51)


@makes("WorkWaits")
async def _(_: App, s: Services) -> None:
    at = s.clock.now() - timedelta(days=8)
    await FinanceAlarm.create(dedup="x", kind="paid_twice", raised_at=at)


@makes("DifferencesOpen")
async def _(_: App, s: Services) -> None:
    pay = FakePay(s.settings, s.clock)
    exchange(s, pay=pay)
    _order, day = await one_paid_and_over(s, pay)
    pay.moved = [fake_bill.flow("其他扣款", -300, s.clock.now() - timedelta(days=1))]
    await compared(s, pay, day)


@makes("BackupOld")
async def _(_: App, s: Services) -> None:
    await audit_log.record(s.clock, SYSTEM, "backup.make", "backup", 1)
    clock(s).forward(hours=37)


@makes("AuditChainStill")
async def _(_: App, s: Services) -> None:
    await on_trail(s, "test.do", 1)
    clock(s).forward(seconds=901)


@makes("AuditUnpublished")
async def _(_: App, s: Services) -> None:
    async def full(*_: object) -> None:
        raise OutsideFailure("文件无法读写（ENOSPC）")

    await on_trail(s, "test.do", 1)
    await chain.extend(s)
    s.file_store.put = full  # type: ignore[assignment, method-assign]
    with pytest.raises(OutsideFailure):
        await chain.extend(s)


@makes("DamagedFile")
async def _(app: App, s: Services) -> None:
    batch = await issuing.generating(s, await issuing.cohort(s))
    await drained(s)
    assert isinstance(s.file_store, MemoryFileStore)
    one = await Certificate.all().first()
    assert one is not None
    del s.file_store.files[one.pdf_key]
    issuer = await seated(app, s, Role.ISSUER)
    assert (await issuer("GET", f"/issuances/{batch.id}/certificates.zip")).status == 503
