"""The sandbox as a Sanic application, and the way to run it inside another process (tests)."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sanic import Sanic

from server.sandbox import (
    conditional_menus,
    control,
    followers,
    link_rules,
    material,
    media,
    menus,
    message_templates,
    mini_login,
    oauth,
    pages,
    pay,
    phone,
    qrcodes,
    reachability,
    retired,
    scenario_desk,
    service_messages,
    start,
    subscriptions,
    tags,
    template_messages,
    time_stamping,
    token_calls,
    unknown,
    webview,
)
from server.sandbox.config import SandboxConfig
from server.sandbox.platform import Platform

App = Sanic[Any, Any]

WECHAT = (
    token_calls.bp,
    oauth.bp,
    mini_login.bp,
    menus.bp,
    conditional_menus.bp,
    qrcodes.bp,
    link_rules.bp,
    followers.bp,
    template_messages.bp,
    service_messages.bp,
    subscriptions.bp,
    message_templates.bp,
    media.bp,
    material.bp,
    retired.bp,
    tags.bp,
    reachability.bp,
    time_stamping.bp,
    unknown.bp,
)
PEOPLE = (phone.bp, webview.bp, start.bp, scenario_desk.bp, control.bp)


def create_sandbox(config: SandboxConfig) -> App:
    """A sandbox with its own state; as many in one process as wanted.

    `app.ctx.platform` is the Platform: its clock, switches, people and timeline.
    """
    app = Sanic(f"sandbox_{secrets.token_hex(6)}", configure_logging=False)
    app.config.FALLBACK_ERROR_FORMAT = "text"
    app.config.ACCESS_LOG = False
    app.config.AUTO_EXTEND = False
    app.config.RESPONSE_TIMEOUT = 24 * 3600  # streams through the web view, and answers that are to hang
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 2.0
    app.config.TOUCHUP = False  # it rewrites Sanic's own code for one application; there may be several here
    app.config.REQUEST_MAX_SIZE = 20_000_000
    app.ctx.platform = Platform(config)
    pay.install(app, app.ctx.platform)
    for bp in (*WECHAT, *PEOPLE):
        app.blueprint(bp.copy(f"{bp.name}_{app.name}"))
    app.static("/phone/static", pages.FOLDER / "static", name="static")

    app.register_middleware(webview.before, "request")

    @app.after_server_stop
    async def close(app: App) -> None:
        await app.ctx.platform.close()

    return app


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """Serve in this event loop on the configured port (0: any free one); gives the sandbox's origin."""
    platform: Platform = app.ctx.platform
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((platform.config.host, platform.config.port))
        platform.own_url = f"http://{platform.config.host}:{listener.getsockname()[1]}"
        server = await app.create_server(sock=listener, return_asyncio_server=True)
        assert server is not None
        await server.startup()
        await server.start_serving()
        try:
            yield platform.own_url
        finally:
            await server.close()
            await platform.close()
