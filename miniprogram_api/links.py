"""POST /links: what the `q` of an ordinary link means, whose QR opened the mini-program (wechat.md §4.4)."""

from __future__ import annotations

from sanic import HTTPResponse
from sanic.response import json

from miniprogram_api.request import Asked
from server.domain.wechat_chat import mini_links


async def read(asked: Asked) -> HTTPResponse:
    """A scan's token for GET /scans/{token}, or a certificate's code for the page `/v/{code}`."""
    link = mini_links.read(asked.said["q"], asked.s.settings.public_url)
    name = "token" if link.kind == "scan" else "code"
    return json({"kind": link.kind, name: link.value}, headers={"cache-control": "no-store"})
