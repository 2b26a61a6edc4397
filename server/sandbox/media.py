"""Temporary media: uploaded by the service or sent by a person, kept for three days (DOC 《新增临时素材》《获取临时素材》)."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image
from sanic import Blueprint, HTTPResponse, Request
from sanic.request import File

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, Picture, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

bp = Blueprint("media")

FORMATS = {
    "image": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"),
    "thumb": (b"\xff\xd8\xff",),
    "voice": (b"#!AMR", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "video": (b"ftyp",),
}
KINDS = {
    b"\x89PNG": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
    b"GIF8": ("image/gif", "gif"),
    b"#!AMR": ("audio/amr", "amr"),
}
OTHERS = {"voice": ("audio/mp3", "mp3"), "video": ("video/mp4", "mp4")}
FOR_EVER = 1e12
BY_PROGRAMS = ("image",)
"""What a mini-program may upload."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file; `kind` is its Content-Type, `name` what media/get calls it."""

    type: str
    data: bytes
    kind: str
    name: str


def keep(platform: Platform, account: Account, type_: str, data: bytes) -> str:
    """Keep a file for three days; gives its media_id."""
    media_id = secrets.token_urlsafe(48)
    _keep(platform, account, media_id, type_, data, platform.clock.now() + limits.MEDIA_SECONDS)
    return media_id


def keep_for_ever(platform: Platform, account: Account, media_id: str, type_: str, data: bytes) -> None:
    """The same for permanent material, until it is deleted."""
    _keep(platform, account, media_id, type_, data, FOR_EVER)


def _keep(platform: Platform, account: Account, media_id: str, type_: str, data: bytes, until: float) -> None:
    body = {
        "appid": account.appid,
        "type": type_,
        "until": until,
        "data": base64.b64encode(data).decode(),
    }
    platform.store.put("media", media_id, body)


def find(platform: Platform, media_id: object, account: Account | None = None, *types: str) -> Media | None:
    """The file behind a media_id while it lives; of this account and these types if given."""
    entry = platform.store.get("media", str(media_id or ""))
    if entry is None or entry["until"] <= platform.clock.now():
        return None
    if (account is not None and entry["appid"] != account.appid) or (types and entry["type"] not in types):
        return None
    data = base64.b64decode(entry["data"])
    kind = next((k for head, k in KINDS.items() if data.startswith(head)), None)
    kind = kind or OTHERS.get(entry["type"], ("application/octet-stream", "bin"))
    return Media(entry["type"], data, kind[0], f"{str(media_id)[:12]}.{kind[1]}")


def demand(call: Call, media_id: object, *types: str) -> None:
    """Refuse a message whose file does not exist any more.

    Raises:
        WeChatError: 40007.
    """
    if find(call.platform, media_id, call.account, *types) is None:
        raise WeChatError(40007, verdict="没有这个 media_id，或已过 3 天，或类型不对")


def shown_at(platform: Platform, media_id: object) -> str:
    """Where a phone sees the file."""
    return f"{platform.own_url}/sandbox/media/{media_id}"


def by_person(platform: Platform, account: Account, person: Person, kind: str) -> str:
    """The file of a message that a person sends: a square of the person's colour, or a head without a body."""
    data = {"voice": b"#!AMR\n", "video": b"\x00\x00\x00\x18ftypmp42"}.get(kind, b"")
    if not data:
        out = io.BytesIO()
        Image.new("RGB", (240, 160), person.colour).save(out, "JPEG")
        data = out.getvalue()
    return keep(platform, account, kind if kind in FORMATS else "image", data)


@api(bp, Door("/cgi-bin/media/upload", multipart=True))
async def upload(call: Call) -> Answer:
    type_ = call.query.get("type", "")
    file = uploaded(call, type_, FORMATS if call.account.kind == "oa" else BY_PROGRAMS)
    media_id = keep(call.platform, call.account, type_, file.body)
    return {"type": type_, "media_id": media_id, "created_at": call.platform.clock.unix()}


def uploaded(call: Call, type_: str, allowed: Iterable[str]) -> File:
    """The file of the form.

    Raises:
        WeChatError: 40004 its type, 41005 missing, 40006 its size, 40005 its format.
    """
    if type_ not in allowed:
        raise WeChatError(40004, verdict=f"type 应为 {'、'.join(allowed)}")
    files: dict[str, list[File]] = dict(call.request.files or {})
    file = next(iter(files.get("media", ())), None)
    if file is None or not file.body:
        raise WeChatError(41005, verdict="表单里没有名为 media 的文件")
    if len(file.body) > limits.MEDIA_BYTES[type_]:
        raise WeChatError(40006, verdict=f"{type_} 最多 {limits.MEDIA_BYTES[type_]} 字节")
    start = file.body[4:8] if type_ == "video" else file.body
    if not start.startswith(FORMATS[type_]):
        raise WeChatError(40005, verdict=f"不是 {type_} 能用的格式")
    return file


@api(bp, Door("/cgi-bin/media/get", "GET"))
async def get(call: Call) -> Answer:
    """The file itself; of a video only its address."""
    media_id = call.query.get("media_id", "")
    media = find(call.platform, media_id, call.account)
    if media is None:
        raise WeChatError(40007, verdict="没有这个 media_id，或已过 3 天")
    if media.type == "video":
        return {"video_url": shown_at(call.platform, media_id)}
    return Picture(media.data, media.kind, media.name)


@bp.get("/sandbox/media/<media_id:str>", name="media_file")
async def file(request: Request, media_id: str) -> HTTPResponse:
    """The file as a phone loads it, without a token."""
    media = find(request.app.ctx.platform, media_id)
    if media is None:
        return HTTPResponse("", status=404)
    return HTTPResponse(media.data, content_type=media.kind)
