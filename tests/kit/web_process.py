"""The web service in a process of its own, on a database that may stand behind a proxy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from server.settings import Settings
from tests.kit.forking import AwaitedProgram
from tests.kit.pay_platform import SETTINGS
from tests.kit.started import free_port


@asynccontextmanager
async def web_process(
    settings: Settings, database_url: str, redis_url: str, **more: str
) -> AsyncIterator[str]:
    """Yields its address when it is ready, with a connection to its database.

    Args:
        settings: of the merchant, with keys and data.
        more: further settings by their variables.
    """
    port = free_port()
    process = AwaitedProgram(("web", str(port)), _environment(settings, database_url, redis_url, port) | more)
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(300), aiohttp.ClientSession() as session:
            while not await _answers(session, url):
                assert process.returncode is None, "the web process ended by itself"
                await asyncio.sleep(0.05)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _environment(settings: Settings, database_url: str, redis_url: str, port: int) -> dict[str, str]:
    kept = {n: value for n, value in os.environ.items() if not n.startswith(("XCERT_", "WECHAT_"))}
    return kept | {
        "XCERT_DATABASE_URL": database_url,
        "XCERT_REDIS_URL": redis_url,
        "XCERT_KEYS_DIR": str(settings.keys_dir),
        "XCERT_DATA_DIR": str(settings.data_dir),
        "XCERT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WECHAT_OA_APPID": settings.oa_appid,
        "WECHAT_MP_APPID": settings.mp_appid,
        **{variable: getattr(settings, name) for name, variable in SETTINGS.items()},
    }
