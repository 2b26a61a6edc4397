"""Permanent material of the service account: pictures, voice, video, thumbs (wechat.md §6.5, DOC 《永久素材》)."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from sanic import Blueprint

from server.sandbox import limits, media
from server.sandbox.gate import Answer, Call, Door, Picture, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("material")

KIND = "material"
OK = {"errcode": 0, "errmsg": "ok"}
LISTED = ("image", "video", "voice")


@api(bp, Door("/cgi-bin/material/add_material", accounts=("oa",), multipart=True))
async def add(call: Call) -> Answer:
    """Kept until it is deleted; a picture has an address besides."""
    kind = call.query.get("type", "")
    file = media.uploaded(call, kind, media.FORMATS)
    more = _of_video(call) if kind == "video" else {}
    if len(_all(call, kind)) >= limits.MATERIAL_MOST[kind]:
        raise WeChatError(45028, verdict=f"{kind} 最多 {limits.MATERIAL_MOST[kind]} 个永久素材")
    media_id = secrets.token_urlsafe(32)
    body = {
        "type": kind,
        "name": file.name or "file",
        "at": call.platform.clock.unix(),
        "data": base64.b64encode(file.body).decode(),
        "number": call.platform.store.count(KIND, call.account.appid),
        **more,
    }
    call.platform.store.put(KIND, f"{call.account.appid} {media_id}", body)
    media.keep_for_ever(call.platform, call.account, media_id, kind, file.body)
    answer = {"media_id": media_id}
    return answer | ({"url": media.shown_at(call.platform, media_id)} if kind == "image" else {})


def _of_video(call: Call) -> dict[str, str]:
    """A video's title and introduction, from the form's `description`."""
    form: dict[str, list[str]] = dict(call.request.form or {})
    try:
        told = json.loads(next(iter(form.get("description", ())), ""))
        return {"title": str(told["title"]), "introduction": str(told.get("introduction", ""))}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WeChatError(47001, verdict="上传视频要在 description 里写 title 和 introduction") from None


@api(bp, Door("/cgi-bin/material/get_material", accounts=("oa",)))
async def get(call: Call) -> Answer:
    body = _one(call)
    if body["type"] == "video":
        url = media.shown_at(call.platform, call.body["media_id"])
        return {"title": body["title"], "description": body["introduction"], "down_url": url}
    found = media.find(call.platform, call.body["media_id"], call.account)
    assert found is not None
    return Picture(found.data, found.kind, found.name)


@api(bp, Door("/cgi-bin/material/del_material", accounts=("oa",)))
async def remove(call: Call) -> Answer:
    _one(call)
    call.platform.store.drop(KIND, f"{call.account.appid} {call.body['media_id']}")
    call.platform.store.drop("media", str(call.body["media_id"]))
    return OK


@api(bp, Door("/cgi-bin/material/get_materialcount", "GET", accounts=("oa",)))
async def count(call: Call) -> Answer:
    return {f"{kind}_count": len(_all(call, kind)) for kind in LISTED} | {"news_count": 0}


@api(bp, Door("/cgi-bin/material/batchget_material", accounts=("oa",)))
async def listing(call: Call) -> Answer:
    """A page of one kind, the newest first."""
    kind, offset, most = (call.body.get(name) for name in ("type", "offset", "count"))
    if kind not in (*LISTED, "news"):
        raise WeChatError(40004, verdict=f"type 应为 {'、'.join((*LISTED, 'news'))}")
    if not isinstance(offset, int) or offset < 0:
        raise WeChatError(40097, verdict="offset 应为 0 或更大")
    if not isinstance(most, int) or not 1 <= most <= limits.MATERIAL_A_PAGE:
        raise WeChatError(40097, verdict=f"count 应为 1 至 {limits.MATERIAL_A_PAGE}")
    found = sorted(_all(call, str(kind)).items(), key=lambda one: -int(one[1]["number"]))
    items = [
        {
            "media_id": media_id,
            "name": body["name"],
            "update_time": body["at"],
            "url": media.shown_at(call.platform, media_id) if kind == "image" else "",
        }
        for media_id, body in found[offset : offset + most]
    ]
    return {"total_count": len(found), "item_count": len(items), "item": items}


def _one(call: Call) -> dict[str, Any]:
    """The material asked for. Raises WeChatError: 40007."""
    body = call.platform.store.get(KIND, f"{call.account.appid} {call.body.get('media_id', '')}")
    if body is None:
        raise WeChatError(40007, verdict="没有这个永久素材")
    return body


def _all(call: Call, kind: str) -> dict[str, dict[str, Any]]:
    """Material of one kind, by media_id."""
    found = call.platform.store.all(KIND, f"{call.account.appid} ")
    return {key.partition(" ")[2]: body for key, body in found.items() if body["type"] == kind}
