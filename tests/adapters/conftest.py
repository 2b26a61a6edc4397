"""What the tests of machinery share: WeChat's API against a sandbox in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import pytest

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.sandbox.app import create_sandbox, serving
from server.settings import Settings
from tests.adapters.wechat.world import World
from tests.kit.fakes import FakeClock
from tests.kit.sandbox_config import from_settings


@pytest.fixture
async def world(settings: Settings, redis_url: str, clock: FakeClock) -> AsyncIterator[World]:
    config = dataclasses.replace(
        from_settings(settings), port=0, data_path=None, service_url="http://127.0.0.1:9", retry_pause=0.0
    )
    app = create_sandbox(config)
    client = cache.connect(redis_url)
    async with serving(app) as url:
        ours = dataclasses.replace(settings, api_url=url, open_url=url)
        api = WeChatApi(ours, client, cache.RedisCache(client), clock, seconds=1.0)
        yield World(api, app.ctx.platform, ours, cache.RedisCache(client), clock)
        await api.close()
        await app.ctx.platform.settle()
    await client.aclose()
