"""POST /links: what the `q` of an ordinary link means, whose QR opened the mini-program (wechat.md §4.4)."""

from __future__ import annotations

from miniprogram_api import answers, bodies
from server.domain.wechat_chat import mini_links
from server.web.request import Asked


async def read(asked: Asked, body: bodies.Link) -> answers.Link:
    """A scan's token for GET /scans/{token}, or a certificate's code for the page `/v/{code}`."""
    link = mini_links.read(body.q, asked.s.settings.public_url)
    if link.kind == "scan":
        return answers.Link(kind="scan", token=link.value)
    return answers.Link(kind="verification", code=link.value)
