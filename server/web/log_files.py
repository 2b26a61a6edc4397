"""公开签发日志 as C2SP tlog-tiles serves it: a checkpoint, tiles of hashes, bundles of entries. For everybody's programs.

Only what the published checkpoint covers is served: nothing of it is ever to be taken back.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.domain.public_log import log_state
from server.domain.public_log.log_state import LogStopped
from server.domain.public_log.tile_layout import CHECKPOINT, HEIGHT, WIDTH, Tile, read_path
from server.errors import NotFound
from server.web import responses
from server.web.request import services

CHECKPOINT_SECONDS = 5
PARTIAL_SECONDS = 3600  # a full one takes its place some day
YEAR_SECONDS = 365 * 24 * 3600
ANYBODY = {"access-control-allow-origin": "*"}

bp = Blueprint("log")


@bp.get("/log/checkpoint")
async def checkpoint(request: Request) -> HTTPResponse:
    """The signed head, with its witnesses' signatures."""
    body = await services(request).file_store.get(CHECKPOINT)
    headers = {"cache-control": f"public, max-age={CHECKPOINT_SECONDS}", **ANYBODY}
    return responses.unless_known(request, body, content_type="text/plain; charset=utf-8", headers=headers)


@bp.get("/log/tile/<path:path>")
async def tile(request: Request, path: str) -> HTTPResponse:
    """A tile or a bundle. It never changes, so a cache may keep it for a year."""
    asked = read_path(path)
    if asked is None or not await _is_covered(request, asked):
        raise NotFound(
            "tile_not_found", "公开签发日志里没有这个文件；请先读 /log/checkpoint，再取它涵盖的部分。"
        )
    body = await services(request).file_store.get(asked.key)
    lasts = f"max-age={YEAR_SECONDS}, immutable" if asked.is_full else f"max-age={PARTIAL_SECONDS}"
    headers = {"cache-control": f"public, {lasts}", **ANYBODY}
    response = responses.unless_known(request, body, content_type="application/octet-stream", headers=headers)
    return responses.compress(request, response) if asked.level < 0 and response.status == 200 else response


async def _is_covered(request: Request, asked: Tile) -> bool:
    """What was covered once is covered for ever: the checkpoint is read for what is newer than the last one seen."""
    if _is_within(asked, getattr(request.app.ctx, "log_size", 0)):
        return True
    s = services(request)
    try:
        public = await log_state.published(s.file_store, s.keys, "")
    except LogStopped:
        return False
    request.app.ctx.log_size = public.checkpoint.size if public is not None else 0
    return _is_within(asked, request.app.ctx.log_size)


def _is_within(asked: Tile, size: int) -> bool:
    return asked.index * WIDTH + asked.width <= size >> HEIGHT * max(asked.level, 0)
