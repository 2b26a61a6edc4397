"""Where one begins: the start page, whether the service answers, and the weather."""

from __future__ import annotations

import time

import aiohttp
from sanic import Blueprint, HTTPResponse, Request, json

from server.sandbox import limits, pages, start_roles, weather
from server.sandbox.pay.switches import PaySwitchBoard
from server.sandbox.platform import Platform

bp = Blueprint("start", url_prefix="/sandbox")


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.ctx.platform
    return platform


def _pay(request: Request) -> PaySwitchBoard | None:
    desk = getattr(request.app.ctx, "pay", None)
    return None if desk is None else desk.switchboard


@bp.get("/start")
async def page(request: Request) -> HTTPResponse:
    platform = _platform(request)
    return pages.render(
        "start.html",
        current="start",
        platform=platform,
        cards=start_roles.cards(platform),
        weather=weather.report(platform, _pay(request)),
    )


@bp.get("/api/service")
async def service(request: Request) -> HTTPResponse:
    """Whether the service that is tried answers at all."""
    platform, began = _platform(request), time.perf_counter()
    try:
        timeout = aiohttp.ClientTimeout(total=limits.SERVICE_SECONDS)
        async with platform.http.get(platform.service_url, allow_redirects=False, timeout=timeout) as answer:
            status = answer.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        status = 0
    took = round((time.perf_counter() - began) * 1000)
    return json({"url": platform.service_url, "status": status, "ms": took})


@bp.get("/api/weather")
async def now(request: Request) -> HTTPResponse:
    return json(weather.report(_platform(request), _pay(request)))


@bp.post("/api/weather", name="change_weather")
async def change(request: Request) -> HTTPResponse:
    """`{"name": "slow", "on": true}` lets one kind come or go; `{"fair": true}` puts everything back."""
    platform, pay, body = _platform(request), _pay(request), dict(request.json or {})
    if body.get("fair"):
        weather.fair(platform, pay)
        return json(weather.report(platform, pay))
    preset = weather.BY_NAME.get(str(body.get("name")))
    if preset is None or preset not in weather.presets(pay):
        return json({"problem": f"没有这种天气：{body.get('name')}"}, status=400)
    weather.turn(platform, pay, preset, on=body.get("on") is not False)
    return json(weather.report(platform, pay))
