"""GET /….txt · /v/….txt · /s/….txt: WeChat's verification files, byte for byte at exactly these addresses."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import raw

from server.domain.wechat_chat import site_files
from server.web.request import services

bp = Blueprint("site_files")
NAME = r"<name:(?P<name>[A-Za-z0-9_]{1,100}\.txt)>"


async def at_root(request: Request, name: str) -> HTTPResponse:
    return await show(request, "/", name)


async def show(request: Request, under: str, name: str) -> HTTPResponse:
    """The file; the doors of `/v/…` and `/s/…` ask too, since no code and no token has a full stop in it."""
    data = await site_files.read(services(request).file_store, under, name)
    return raw(data, content_type="text/plain; charset=utf-8", headers={"cache-control": "no-cache"})


bp.add_route(at_root, f"/{NAME}", methods=["GET"], name="at_root")
