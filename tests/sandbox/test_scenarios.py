"""Scenarios: recorded from what people do, replayed by the same people or newcomers, taken in only when they are right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from server.sandbox import limits
from server.sandbox.scenario_desk import KNOWN
from server.sandbox.scenarios import FORMAT, NOT_KEPT, BadScenario, read
from tests.sandbox.conftest import Service, WeChat

STEP: dict[str, Any] = {"after": 0, "person": "林知夏", "act": "write", "body": {"text": "成绩"}}
FILE: dict[str, Any] = {"format": FORMAT, "version": 1, "title": "查成绩", "steps": [STEP]}


async def refused(wechat: WeChat, method: str, path: str, data: Any = None) -> tuple[int, str]:
    async with wechat.http.request(method, f"{wechat.url}/sandbox/api/scenarios{path}", json=data) as answer:
        return answer.status, (await answer.json())["problem"]


async def act(wechat: WeChat, person: str, name: str, body: Mapping[str, Any] | None = None) -> None:
    await wechat.post(f"/phone/api/act/{person}/{name}", dict(body or {}), wait="1")


async def recorded(wechat: WeChat) -> str:
    await wechat.post("/sandbox/api/scenarios/recording", {"title": "关注后查成绩"})
    await act(wechat, "p1", "follow")
    await act(wechat, "p1", "write", {"text": "成绩"})
    await act(wechat, "p1", "login")  # a page's code asks for it, not a person
    async with wechat.http.post(f"{wechat.url}/phone/api/act/p1/follow", json={}) as answer:
        assert answer.status == 409  # what could not be done is not kept
    await act(wechat, "p2", "follow")
    return str((await wechat.post("/sandbox/api/scenarios/recording", {"stop": True}))["id"])


async def test_recorded_and_replayed(wechat: WeChat, service: Service) -> None:
    number = await recorded(wechat)
    kept = await wechat.get(f"/sandbox/api/scenarios/{number}")
    assert [(one["person"], one["act"], one["body"]) for one in kept["steps"]] == [
        ("林知夏", "follow", {}),
        ("林知夏", "write", {"text": "成绩"}),
        ("陈一诺", "follow", {}),
    ]
    assert kept["steps"][0]["after"] == 0
    item = (await wechat.get("/sandbox/api/scenarios"))["items"][0]
    assert (item["title"], item["steps"], item["people"]) == ("关注后查成绩", 3, ["林知夏", "陈一诺"])

    await act(wechat, "p1", "unfollow")
    service.arrivals.clear()
    told = await wechat.post(f"/sandbox/api/scenarios/{number}/replay", {"fast": True}, wait="1")
    assert (told["done"], told["failed"], told["is_over"]) == (3, 1, True)
    assert [one["problem"] for one in told["steps"]] == ["", "", "已经关注了。"]
    assert len(service.arrivals) == 2  # the service has heard it again


async def test_taken_out_and_in_elsewhere(wechat: WeChat) -> None:
    """Whom nobody knows here comes as a newcomer."""
    file = {**FILE, "steps": [{**STEP, "person": "路过的人", "act": "follow", "body": {}}]}
    number = (await wechat.post("/sandbox/api/scenarios", file))["id"]
    assert await wechat.get(f"/sandbox/api/scenarios/{number}") == file
    told = await wechat.post(f"/sandbox/api/scenarios/{number}/replay", {"fast": True}, wait="1")
    assert told["failed"] == 0
    assert wechat.platform.people.everyone()[-1].name == "路过的人"
    async with wechat.http.delete(f"{wechat.url}/sandbox/api/scenarios/{number}") as answer:
        assert answer.status == 204
    assert (await wechat.get("/sandbox/api/scenarios"))["items"] == []


async def test_at_its_own_pace_and_stopped(wechat: WeChat) -> None:
    file = {**FILE, "steps": [{**STEP, "act": "follow", "body": {}}, {**STEP, "after": 600}]}
    number = (await wechat.post("/sandbox/api/scenarios", file))["id"]
    await wechat.post(f"/sandbox/api/scenarios/{number}/replay", {})
    busy = "正在重放，等它结束或先停下。"
    assert await refused(wechat, "POST", f"/{number}/replay", {}) == (409, busy)
    assert await refused(wechat, "POST", "/recording", {}) == (409, "正在重放，等它结束再录制。")
    async with wechat.http.delete(f"{wechat.url}/sandbox/api/scenarios/replay") as answer:
        assert answer.status == 204
    replay = (await wechat.get("/sandbox/api/scenarios"))["replay"]
    assert replay["done"] <= 1
    assert replay["is_over"]


async def test_what_the_api_refuses(wechat: WeChat) -> None:
    assert await refused(wechat, "POST", "/recording", {"stop": True}) == (
        409,
        "没有录到任何动作：先在手机上做几件事，再停止。",
    )
    assert await refused(wechat, "POST", "/s9/replay", {}) == (404, "没有这个场景。")
    assert await refused(wechat, "GET", "/s9") == (404, "没有这个场景。")
    assert await refused(wechat, "POST", "/recording", {"title": "长" * 41}) == (
        400,
        "场景的名称最多 40 个字。",
    )
    number = (await wechat.post("/sandbox/api/scenarios", FILE))["id"]
    await wechat.post("/sandbox/api/scenarios/recording", {})
    assert await refused(wechat, "POST", f"/{number}/replay", {}) == (409, "正在录制，先停止录制再重放。")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "这不是场景文件：内容不是 JSON。"),
        (b"[" * 100_000, "这不是场景文件：内容不是 JSON。"),
        (b"[]", "这不是场景文件：请选从“下载”得到的文件。"),
        ({**FILE, "version": 2}, "这不是场景文件：请选从“下载”得到的文件。"),
        ({**FILE, "title": " "}, "场景的名称应为 1 到 40 个字。"),
        ({**FILE, "steps": []}, "场景应有 1 到 450 步。"),
        ({**FILE, "steps": [STEP] * 451}, "场景应有 1 到 450 步。"),
        ({**FILE, "steps": [STEP, "x"]}, "第 2 步不是一个对象。"),
        ({**FILE, "steps": [{**STEP, "after": -1}]}, "第 1 步的 after 应为 0 到 1800 的秒数。"),
        ({**FILE, "steps": [{**STEP, "after": True}]}, "第 1 步的 after 应为 0 到 1800 的秒数。"),
        ({**FILE, "steps": [{**STEP, "person": ""}]}, "第 1 步没有写明是谁（1 到 20 个字的名字）。"),
        ({**FILE, "steps": [{**STEP, "act": "fly"}]}, "第 1 步的动作“fly”没有。"),
        ({**FILE, "steps": [{**STEP, "act": ["x"]}]}, "第 1 步的动作“['x']”没有。"),
        ({**FILE, "steps": [{**STEP, "act": "login"}]}, "第 1 步的动作“login”没有。"),
        ({**FILE, "steps": [{**STEP, "body": {"text": "长" * 4000}}]}, "第 1 步的内容应为不太大的 JSON 对象。"),
        (b" " * (limits.SCENARIO_BYTES + 1), "场景文件不能超过 256 KB。"),
    ],
)  # fmt: skip
def test_what_is_no_scenario(data: Any, why: str) -> None:
    with pytest.raises(BadScenario) as told:
        read(data if isinstance(data, bytes) else json.dumps(data).encode(), KNOWN)
    assert str(told.value) == why


async def test_a_hand_written_body_harms_nobody(wechat: WeChat) -> None:
    steps = [{**STEP, "act": name, "body": {"answers": 7, "text": []}} for name in sorted(KNOWN)]
    number = (await wechat.post("/sandbox/api/scenarios", {**FILE, "steps": steps}))["id"]
    told = await wechat.post(f"/sandbox/api/scenarios/{number}/replay", {"fast": True}, wait="1")
    assert told["done"] == len(steps)


async def test_only_so_many_are_kept(wechat: WeChat) -> None:
    for _one in range(limits.SCENARIOS + 2):
        wechat.platform.recorder.keep(read(json.dumps(FILE).encode(), KNOWN), 1.0)
    items = wechat.platform.recorder.everything()
    assert (len(items), items[0]["id"], items[-1]["id"]) == (limits.SCENARIOS, "s52", "s3")


def test_what_pages_ask_for_is_no_act_of_a_scenario() -> None:
    assert not KNOWN & set(NOT_KEPT)
