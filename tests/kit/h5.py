"""H5 pages, asked for by a candidate."""

from __future__ import annotations

from typing import Any

from sanic import Sanic

from server.domain.ports import WeChatIdentity

App = Sanic[Any, Any]


ME = WeChatIdentity("oa", "openid-oa")


async def get(app: App, path: str, headers: dict[str, str]) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers, follow_redirects=False)
    return response
