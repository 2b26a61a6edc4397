"""`xcert pay reconcile DATE`, against the sandbox's WeChat Pay."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from server import cli
from server.adapters.clock import SystemClock
from server.domain import beijing
from server.sandbox.app import create_sandbox, serving
from server.sandbox.pay.desk import PayDesk
from server.settings import Settings, load
from tests.kit.pay_platform import PayPlatform
from tests.kit.sandbox_config import from_settings

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def desk(settings: Settings, tmp_path: Path) -> AsyncIterator[tuple[PayDesk, Settings]]:
    given = PayPlatform.invent(tmp_path).settings(settings, data_dir=tmp_path)
    sandbox = create_sandbox(dataclasses.replace(from_settings(given), port=0, data_path=None))
    async with serving(sandbox) as url:
        yield sandbox.ctx.pay, dataclasses.replace(given, api_url=url, open_url=url, pay_url=url)


@pytest.fixture
def run(
    desk: tuple[PayDesk, Settings],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Run `xcert pay …` in a thread, as the sandbox lives on this one; gives code and output."""
    monkeypatch.chdir(tmp_path)
    own = {
        field.metadata["env"]: str(getattr(desk[1], field.name))
        for field in dataclasses.fields(Settings)
        if field.name.startswith(("oa_", "mp_", "pay_", "api_url", "open_url"))
    }
    for name, value in (environment | {name: value for name, value in own.items() if value}).items():
        monkeypatch.setenv(name, value)
    assert load().pay_url == desk[1].pay_url

    async def xcert(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            await asyncio.to_thread(cli.main, ["pay", *arguments])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return xcert


async def test_a_day_is_reconciled_at_a_terminal(run: Run, desk: tuple[PayDesk, Settings]) -> None:
    today = beijing.day(SystemClock().now())
    day = (today - timedelta(days=3)).isoformat()
    code, told = await run("reconcile", day)
    assert code == 0, told
    assert told.startswith(
        f"{day}：相符\n付款 0 笔 ¥0.00，退款 0 笔 ¥0.00，手续费 ¥0.00。\n资金账单 0 笔，收入 ¥0.00，支出 ¥0.00。\n"
    )
    desk[0].switchboard.turn({"bill_creating": True})
    code, told = await run("reconcile", day)
    assert code == 1 and "微信支付还在生成这一天的账单，半小时后会自动再取。" in told
    code, told = await run("reconcile", today.isoformat())
    assert code == 1 and "只能核对已经过去的一天" in told
    code, told = await run("reconcile", "yesterday")
    assert code == 2 and "日期请写成 2026-12-01：yesterday" in told
