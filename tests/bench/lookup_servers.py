"""The servers that `bench_lookups` compares, each in a process of its own: `python -m tests.bench.lookup_servers …`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from redis import asyncio as aioredis
from sanic import HTTPResponse, Request, Sanic

from server.app import create_app
from server.settings import Settings


def ours(settings: Settings, _: dict[str, Any]) -> Sanic[Any, Any]:
    """The whole service as it is."""
    return create_app(settings)


def cold(settings: Settings, _: dict[str, Any]) -> Sanic[Any, Any]:
    """The whole service without ready answers: every look-up reads the database."""
    app = create_app(settings)

    async def forget(app: Sanic[Any, Any]) -> None:
        watch = app.ctx.services.lookup_watch
        app.ctx.services = replace(app.ctx.services, lookup_watch=None)
        await watch.stop()

    app.register_listener(forget, "before_server_start")
    return app


def bare(_: Settings, said: dict[str, Any]) -> Sanic[Any, Any]:
    """Sanic with one handler that has the bytes already."""
    app: Sanic[Any, Any] = Sanic("bare")
    app.config.AUTO_EXTEND = False  # without sanic-ext, which would slow the ceiling down
    body = Path(said["body"]).read_bytes()

    async def answer(request: Request) -> HTTPResponse:
        return HTTPResponse(body, content_type="application/json")

    app.add_route(answer, "/mp/v1/results")
    return app


def redis(settings: Settings, said: dict[str, Any]) -> Sanic[Any, Any]:
    """Sanic with one handler that gets the bytes from Redis."""
    app: Sanic[Any, Any] = Sanic("redis")
    app.config.AUTO_EXTEND = False

    async def connect(app: Sanic[Any, Any]) -> None:
        app.ctx.redis = aioredis.from_url(settings.redis_url)

    async def answer(request: Request) -> HTTPResponse:
        return HTTPResponse(await request.app.ctx.redis.get("bench"), content_type="application/json")

    app.register_listener(connect, "before_server_start")
    app.add_route(answer, "/mp/v1/results")
    return app


KINDS = {"ours": ours, "cold": cold, "bare": bare, "redis": redis}


def main() -> None:
    said = json.loads(sys.argv[1])
    settings = Settings(
        **{name: value for name, value in said["settings"].items() if not name.endswith("_dir")},
        keys_dir=Path(said["settings"]["keys_dir"]),
        data_dir=Path(said["settings"]["data_dir"]),
    )
    app = KINDS[said["kind"]](settings, said)
    app.run(
        host="127.0.0.1", port=said["port"], single_process=True, access_log=False, motd=False, verbosity=0
    )


if __name__ == "__main__":
    main()
