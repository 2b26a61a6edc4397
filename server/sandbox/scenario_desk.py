"""Scenarios as an API, for people and tests: `/sandbox/api/scenarios…`."""

from __future__ import annotations

import json as json_text
import time
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, empty, json

from server.sandbox import limits, pages, replays
from server.sandbox.phone import ACTS
from server.sandbox.platform import Platform
from server.sandbox.replays import Replay
from server.sandbox.scenarios import NOT_KEPT, BadScenario, read

bp = Blueprint("scenarios", url_prefix="/sandbox")
KNOWN = frozenset(ACTS) - frozenset(NOT_KEPT)


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.ctx.platform
    return platform


def _problem(text: str, status: int = 400) -> HTTPResponse:
    return json({"problem": text}, status=status)


def _replay(request: Request) -> Replay | None:
    return getattr(request.app.ctx, "replay", None)


def _state(request: Request) -> dict[str, Any]:
    recorder, replay = _platform(request).recorder, _replay(request)
    now = recorder.now
    return {
        "items": recorder.everything(),
        "recording": None if now is None else {"title": now["title"], "steps": now["steps"]},
        "replay": None if replay is None else replay.as_json(),
    }


@bp.get("/scenarios")
async def page(request: Request) -> HTTPResponse:
    return pages.render("scenarios.html", current="scenarios", platform=_platform(request))


@bp.get("/api/scenarios")
async def everything(request: Request) -> HTTPResponse:
    return json(_state(request))


@bp.post("/api/scenarios/recording", name="record")
async def record(request: Request) -> HTTPResponse:
    """`{"title"}` begins; `{"stop": true}` ends and keeps it."""
    platform, body = _platform(request), request.json or {}
    if body.get("stop"):
        if (number := platform.recorder.stop()) is None:
            return _problem("没有录到任何动作：先在手机上做几件事，再停止。", 409)
        return json({"id": number})
    if (replay := _replay(request)) is not None and not replay.is_over:
        return _problem("正在重放，等它结束再录制。", 409)
    title = str(body.get("title") or "").strip() or time.strftime("录制于 %m-%d %H:%M")
    if len(title) > limits.SCENARIO_TITLE:
        return _problem(f"场景的名称最多 {limits.SCENARIO_TITLE} 个字。")
    platform.recorder.start(title)
    return json(_state(request))


@bp.post("/api/scenarios", name="take_in")
async def take_in(request: Request) -> HTTPResponse:
    """A file, as the body."""
    try:
        scenario = read(request.body, KNOWN)
    except BadScenario as problem:
        return _problem(str(problem))
    return json({"id": _platform(request).recorder.keep(scenario, time.time())})


@bp.get("/api/scenarios/<number:str>", name="download")
async def download(request: Request, number: str) -> HTTPResponse:
    scenario = _platform(request).recorder.get(number)
    if scenario is None:
        return _problem("没有这个场景。", 404)
    text = json_text.dumps(scenario.as_json(), ensure_ascii=False, indent=1)
    disposition = f'attachment; filename="scenario-{number}.json"'
    return HTTPResponse(text, content_type="application/json", headers={"Content-Disposition": disposition})


@bp.delete("/api/scenarios/<number:str>", name="drop")
async def drop(request: Request, number: str) -> HTTPResponse:
    _platform(request).recorder.drop(number)
    return empty()


@bp.post("/api/scenarios/<number:str>/replay", name="replay")
async def replay(request: Request, number: str) -> HTTPResponse:
    """`{"fast": true}` without the pauses; with `?wait=1` the answer comes at the end, with every step's outcome."""
    platform, scenario = _platform(request), _platform(request).recorder.get(number)
    if scenario is None:
        return _problem("没有这个场景。", 404)
    if platform.recorder.now is not None:
        return _problem("正在录制，先停止录制再重放。", 409)
    if (before := _replay(request)) is not None and not before.is_over:
        return _problem("正在重放，等它结束或先停下。", 409)
    started = replays.start(platform, scenario, is_fast=bool((request.json or {}).get("fast")))
    request.app.ctx.replay = started
    if request.args.get("wait") == "1" and started.task is not None:
        await started.task
    return json(started.as_json())


@bp.delete("/api/scenarios/replay", name="stop_replay")
async def stop_replay(request: Request) -> HTTPResponse:
    """Stop where it is."""
    if (running := _replay(request)) is not None and running.task is not None:
        running.task.cancel()
    return empty()
