"""Bad weather by one click: each preset turns what it says, is seen to be on, and goes without a trace."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from server.sandbox import weather
from server.sandbox.pay.switches import PaySwitchBoard
from server.sandbox.weather import PRESETS, Preset
from tests.sandbox.conftest import OA, Service, WeChat

STANDING = [one for one in PRESETS if not one.is_moment]


def board(wechat: WeChat) -> PaySwitchBoard:
    return PaySwitchBoard(wechat.platform.store, wechat.platform.switchboard.chance)


def state(wechat: WeChat, pay: PaySwitchBoard) -> dict[str, Any]:
    clock = wechat.platform.clock
    return {"own": asdict(wechat.platform.switchboard.now), "pay": asdict(pay.now), "real": clock.is_real}


def on(wechat: WeChat, pay: PaySwitchBoard | None = None) -> list[str]:
    return [one["title"] for one in weather.report(wechat.platform, pay)["items"] if one["on"]]


@pytest.mark.parametrize("preset", STANDING, ids=lambda one: one.name)
async def test_one_comes_alone_and_goes_without_a_trace(wechat: WeChat, preset: Preset) -> None:
    pay = board(wechat)
    wechat.platform.clock.reset()
    before = state(wechat, pay)
    assert on(wechat, pay) == []
    weather.turn(wechat.platform, pay, preset, on=True)
    assert on(wechat, pay) == [preset.title]
    assert weather.report(wechat.platform, pay)["by_hand"] == 0
    assert state(wechat, pay) != before
    weather.turn(wechat.platform, pay, preset, on=False)
    assert (on(wechat, pay), state(wechat, pay)) == ([], before)


async def test_all_at_once_and_fair_again(wechat: WeChat) -> None:
    """No two of them want the same switch."""
    pay = board(wechat)
    wechat.platform.clock.reset()
    before = state(wechat, pay)
    for preset in STANDING:
        weather.turn(wechat.platform, pay, preset, on=True)
    assert on(wechat, pay) == [one.title for one in STANDING]
    wechat.platform.switchboard.turn({"unionid": True, "forced": [{"path": "*", "errcode": -1, "times": 1}]})
    assert weather.report(wechat.platform, pay)["by_hand"] == 2  # unionid, and the order of this test
    weather.fair(wechat.platform, pay)
    assert state(wechat, pay) == before


async def test_the_quota_leaves_other_orders_alone(wechat: WeChat) -> None:
    mine = {"path": "/cgi-bin/menu/get", "errcode": 45009, "times": 2}
    wechat.platform.switchboard.turn({"forced": [mine]})
    for wanted in (True, False):
        weather.turn(wechat.platform, None, weather.BY_NAME["quota"], on=wanted)
    assert wechat.platform.switchboard.now.forced == [mine]
    weather.turn(wechat.platform, None, weather.BY_NAME["quota"], on=True)
    answer = await wechat.call("/cgi-bin/message/custom/send", {"touser": wechat.openid()})
    assert answer["errcode"] == 45009


async def test_a_token_refreshed_elsewhere_is_worth_nothing(wechat: WeChat) -> None:
    token = await wechat.token()
    told = await wechat.post("/sandbox/api/weather", {"name": "token"})
    assert not any(one["on"] for one in told["items"] if one["name"] == "token")
    assert (await wechat.get("/cgi-bin/menu/get", access_token=token))["errcode"] == 40001
    renewed = await wechat.token()
    assert renewed != token
    assert (await wechat.get("/cgi-bin/menu/get", access_token=renewed))["errcode"] == 46003


async def test_triple_pushes_really_come_three_times(wechat: WeChat, service: Service) -> None:
    await wechat.post("/sandbox/api/weather", {"name": "triple"})
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    assert len(service.arrivals) == 3


async def test_the_api_for_tests(wechat: WeChat) -> None:
    wechat.platform.clock.reset()
    told = await wechat.post("/sandbox/api/weather", {"name": "slow", "on": True})
    assert [one["name"] for one in told["items"] if one["on"]] == ["slow"]
    assert "callbacks" not in [one["name"] for one in told["items"]]  # there is no merchant here
    wechat.platform.switchboard.turn({"slow_seconds": 0.0})
    assert [one for one in (await wechat.get("/sandbox/api/weather"))["items"] if one["on"]] == []
    for name in ("hail", "callbacks"):
        async with wechat.http.post(f"{wechat.url}/sandbox/api/weather", json={"name": name}) as answer:
            assert (answer.status, await answer.json()) == (400, {"problem": f"没有这种天气：{name}"})
    await wechat.post("/sandbox/api/weather", {"name": "snapshot"})
    told = await wechat.post("/sandbox/api/weather", {"fair": True})
    assert (told["by_hand"], [one for one in told["items"] if one["on"]]) == (0, [])
    assert wechat.platform.by_appid(OA.appid) is not None
