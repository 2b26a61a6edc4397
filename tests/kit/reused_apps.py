"""The web service of the tests: its routes are compiled once in a test process, and one test after the other gets it.

Compiling costs a hundred times what a request costs. What a service remembers between requests, it keeps in `app.ctx`:
every test gets that as it was when the service was made. A test that adds to the service takes one of its own.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from sanic import Sanic

from server.app import create_app
from server.domain.ports import Services
from server.settings import Settings
from server.web.request import security_headers
from tests.kit.door_client import DoorClient, is_starting

App = Sanic[Any, Any]


@dataclass
class _Made:
    app: App
    ctx: dict[str, Any]  # as it was made


class ReusedApps:
    """Services by what of the settings goes into making one."""

    def __init__(self) -> None:
        self._made: dict[Hashable, _Made] = {}

    def take(self, services: Services) -> App:
        """The service over `services`, for one test; the one before must have ended."""
        key = _what_it_is_made_of(services.settings)
        if (made := self._made.get(key)) is None:
            app = own_app(services)
            app.register_listener(_refuse_sockets, "before_server_start")
            made = self._made[key] = _Made(app, copy.deepcopy(app.ctx.__dict__))
        ctx = made.app.ctx.__dict__
        ctx.clear()
        ctx.update(copy.deepcopy(made.ctx), services=services, metrics_folder=services.settings.metrics_dir)
        made.app._asgi_client = DoorClient(made.app)
        return made.app


async def _refuse_sockets(app: App) -> None:
    """A start on a socket would give the app the services of the first test that had it."""
    assert is_starting(app), "what listens on a socket is an app of its own: tests.kit.reused_apps.own_app"


def own_app(services: Services) -> App:
    """A service that nobody else gets."""
    app = create_app(services.settings, services, name=f"xcert_{uuid.uuid4().hex[:8]}")
    app._asgi_client = DoorClient(app)
    return app


def _what_it_is_made_of(settings: Settings) -> Hashable:
    """All that `create_app` reads of the settings, beside the folder of the metrics."""
    headers = tuple(sorted(security_headers(settings).items()))
    return headers, settings.log_level, settings.proxies, settings.connections_per_address
