"""`xcert wechat menu …` and `xcert wechat quota`, against the sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from server import cli
from server.adapters import cache
from server.adapters.clock import SystemClock
from server.adapters.wechat.quota import Quota
from server.domain.wechat_chat import menu
from server.sandbox.app import create_sandbox, serving
from server.sandbox.platform import Platform
from server.settings import Settings, load
from tests.kit.sandbox_config import from_settings

Run = Callable[..., Awaitable[tuple[int, str]]]
CREATE = "/cgi-bin/menu/create"


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[tuple[Platform, str]]:
    config = dataclasses.replace(from_settings(settings), port=0, data_path=None)
    sandbox = create_sandbox(config)
    async with serving(sandbox) as url:
        yield sandbox.ctx.platform, url


@pytest.fixture
def run(
    platform: tuple[Platform, str],
    settings: Settings,
    environment: dict[str, str],
    db: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Run `xcert wechat …` in a thread, as the sandbox lives on this one; gives code and output."""
    monkeypatch.chdir(tmp_path)
    given = environment | {
        f"WECHAT_{kind.upper()}_{name.upper()}": getattr(settings, f"{kind}_{name}")
        for kind in ("oa", "mp")
        for name in ("appid", "secret", "token", "aes_key")
    }
    for name, value in (given | {"WECHAT_API_URL": platform[1], "WECHAT_OPEN_URL": platform[1]}).items():
        monkeypatch.setenv(name, value)
    assert load().uses_sandbox

    async def xcert(*arguments: str, said: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        with pytest.raises(SystemExit) as left:
            await asyncio.to_thread(cli.main, ["wechat", *arguments])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return xcert


def puts(platform: tuple[Platform, str]) -> int:
    return sum(1 for row in platform[0].timeline.rows() if row["what"].endswith(CREATE))


async def test_the_menu_is_shown_compared_and_put_after_a_yes(
    run: Run, platform: tuple[Platform, str]
) -> None:
    assert await run("menu", "show") == (0, "（没有菜单）\n")
    code, told = await run("menu", "diff")
    assert (code, told.splitlines()[0]) == (1, "+ 新增 查成绩：点击，键 RESULTS")
    for said in ("", "n\n"):
        code, told = await run("menu", "apply", said=said)
        assert code == 1 and told.endswith("更新公众号菜单？[y/N] 没有更新。\n")
    assert puts(platform) == 0
    code, told = await run("menu", "apply", said="y\n")
    assert code == 0 and "已更新。" in told and puts(platform) == 1
    assert (await run("menu", "diff"))[0] == 0
    assert await run("menu", "apply", "--yes") == (0, "与微信上的菜单一致，无需更新。\n")
    assert puts(platform) == 1, "nothing differs, nothing is called"
    code, told = await run("menu", "show")
    assert told.splitlines() == menu.lines(menu.official(load().public_url))
    platform[0].switchboard.turn({"forced": [{"path": "*", "errcode": 48001, "times": 1}]})
    code, told = await run("menu", "show")
    assert code == 1 and re.search(
        r"微信没有接受（错误 48001，rid [0-9a-f-]+）：公众号没有这个接口的权限", told
    )


async def test_quota_tells_ours_beside_wechats_and_clears(
    run: Run, platform: tuple[Platform, str], redis_url: str, settings: Settings
) -> None:
    assert (await run("menu", "apply", "--yes"))[0] == 0
    client = cache.connect(redis_url)
    await Quota(client, SystemClock()).close(settings.oa_appid, CREATE)
    code, told = await run("quota", "--account", "oa")
    assert code == 0
    line = next(line for line in told.splitlines() if CREATE in line)
    assert line.startswith(f"  {CREATE}　本服务今日 1 次；微信计 1，上限 1000，剩余 999　停用至 ")
    assert "小程序" not in told
    assert "stable_token　本服务今日 1 次；微信未提供（不按天计）" in told
    code, told = await run("quota", "--clear", "--account", "oa", said="n\n")
    assert code == 1 and told.endswith("没有清零。\n")
    assert await Quota(client, SystemClock()).closed(settings.oa_appid) != []
    code, told = await run("quota", "--clear", "--yes")
    assert code == 0 and told.splitlines()[-2:] == [
        "公众号已清零，停用的接口已恢复。",
        "小程序已清零，停用的接口已恢复。",
    ]
    assert await Quota(client, SystemClock()).closed(settings.oa_appid) == []
    code, told = await run("quota", "--account", "oa")
    assert "微信计 0，上限 1000，剩余 1000" in next(line for line in told.splitlines() if CREATE in line)
    platform[0].switchboard.turn({"forced": [{"path": "*", "errcode": 48006, "times": 9}]})
    code, told = await run("quota", "--clear", "--yes", "--account", "mp")
    assert code == 1 and "本月 10 次清零已用完" in told
    platform[0].switchboard.turn({"forced": [{"path": "*", "errcode": 40125, "times": 9}]})
    code, told = await run("quota", "--clear", "--yes", "--account", "mp")
    assert code == 1 and "WECHAT_MP_SECRET" in told, "the account that was refused is named"
    for secret in (settings.oa_secret, settings.mp_secret):
        assert secret not in told
    await client.aclose()
