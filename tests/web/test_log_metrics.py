"""The log for operators: metrics, /readyz and the doctor say how it stands and why nothing is sealed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.commands.doctor import log_checks
from server.domain.ports import Services
from server.domain.public_log import log_health
from server.errors import OutsideFailure
from server.models.database import rows
from tests.kit import log_desk
from tests.kit.exchange import exchange
from tests.kit.h5 import App
from tests.kit.log_witness import FakeWitness, FakeWitnesses


async def lines(app: App) -> dict[str, float]:
    _, response = await app.asgi_client.get("/metrics")
    told = (line.rpartition(" ") for line in response.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in told if name.startswith("xcert_log_")}


async def findings(s: Services) -> list[str]:
    return [str(one) for one in await log_checks.check(s)]


async def test_a_log_in_order(app: App, services: Services) -> None:
    one, two = FakeWitness(), FakeWitness("other.example/w2", bytes(range(32, 64)))
    witnesses = FakeWitnesses(one, two, away=frozenset({two.name}))
    exchange(services, log_witnesses=witnesses)
    await log_desk.logged(services, 0, 5)
    await log_desk.put(5, 2)
    told = await lines(app)
    assert 0 <= told.pop("xcert_log_oldest_seconds") < 60
    assert told == {
        "xcert_log_entries": 5.0,
        "xcert_log_signed": 5.0,
        "xcert_log_waiting": 2.0,
        "xcert_log_stopped": 0.0,
        'xcert_log_cosigned{witness="witness.example/w1"}': 5.0,
        'xcert_log_cosigned{witness="other.example/w2"}': -1.0,
        'xcert_log_witness_behind{witness="witness.example/w1"}': 0.0,
        'xcert_log_witness_behind{witness="other.example/w2"}': 5.0,
    }
    assert await findings(services) == [
        "✓ 公开签发日志：5 条，等待载入 2 件；以前的证书正在载入",
        "! 日志的见证人：other.example/w2 还没有在最新的检查点上签名；请看 xcert worker 日志里的 WARNING",
    ]
    exchange(services, log_witnesses=FakeWitnesses(one))
    assert (await findings(services))[1] == "✓ 日志的见证人：1 位都已签到最新的检查点"
    wrong = FakeWitnesses(one)
    wrong.all()[0:1] = [
        replace(one.witness, key="example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    ]
    exchange(services, log_witnesses=wrong)
    assert "不是见证人的公钥（类型应为 4）" in (await findings(services))[1]


async def test_events_that_nobody_takes_in_are_told(app: App, services: Services) -> None:
    await log_desk.put(0, 3)
    await rows("UPDATE log_outbox SET created_at = now() - interval '10 minutes'")
    assert (await lines(app))["xcert_log_oldest_seconds"] >= 600
    [line] = await findings(services)
    assert line.startswith("✗ 公开签发日志：有 3 件事等待载入，最早的已等 10 分钟")


async def test_a_log_that_stands_still_is_told_everywhere(app: App, services: Services) -> None:
    await log_desk.logged(services, 0, 5)
    await services.file_store.put("log/checkpoint", b"rubbish")
    assert (await lines(app))["xcert_log_stopped"] == 1.0
    [line] = await findings(services)
    assert line.startswith("✗ 公开签发日志：已公布的检查点（log/checkpoint）读不出来")
    _, ready = await app.asgi_client.get("/readyz")
    assert ready.status == 200 and "log" in ready.json["degraded"]
    assert "读不出来" in ready.json["checks"]["log"]


async def test_without_the_database_the_other_metrics_are_there(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise OutsideFailure("数据库没有响应")

    monkeypatch.setattr(log_health, "look", away)
    assert await lines(app) == {}
