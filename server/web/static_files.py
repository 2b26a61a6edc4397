"""GET /static/… · /favicon.ico: styles, scripts and pictures, read once, compressed once, and kept by browsers."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import empty, raw

from server.errors import NotFound
from server.web import responses
from server.web.templating import SERVED, STATIC

bp = Blueprint("static_files")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
}
TEXT = (".css", ".js", ".svg")


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    body: bytes
    gzipped: bytes  # empty: not worth it
    tag: str
    content_type: str


@lru_cache(maxsize=1)
def _files() -> dict[str, File]:
    """All of them by address, below static/. Only what is listed here can be asked for: no path is put together."""
    files = {}
    for folder in SERVED:
        for path in sorted((STATIC / folder).rglob("*")):
            if path.suffix not in TYPES or not path.is_file():
                continue
            body = path.read_bytes()
            worth = path.suffix in TEXT and len(body) >= responses.LEAST_BYTES
            gzipped = gzip.compress(body, 9, mtime=0) if worth else b""
            name = path.relative_to(STATIC).as_posix()
            files[name] = File(body, gzipped, responses.etag_of(body), TYPES[path.suffix])
    return files


@bp.get("/static/<name:path>")
async def show(request: Request, name: str) -> HTTPResponse:
    """One file. With `?v=` (see pages.asset) it never changes; without, the browser asks again."""
    return _send(request, name)


@bp.get("/favicon.ico")
async def favicon(request: Request) -> HTTPResponse:
    """For browsers that ask without being told."""
    return _send(request, "img/favicon.ico")


def _send(request: Request, name: str) -> HTTPResponse:
    file = _files().get(name)
    if file is None:
        raise NotFound
    policy = "public, max-age=31536000, immutable" if "v" in request.args else "public, no-cache"
    headers = {"cache-control": policy, "etag": file.tag}
    if file.gzipped:
        headers["vary"] = responses.VARY
    if responses.is_known(request, file.tag):
        return empty(status=304, headers=headers)
    if file.gzipped and responses.takes_gzip(request):
        return raw(
            file.gzipped, content_type=file.content_type, headers={**headers, "content-encoding": "gzip"}
        )
    return raw(file.body, content_type=file.content_type, headers=headers)
