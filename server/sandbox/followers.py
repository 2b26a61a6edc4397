"""Who follows, and what little WeChat still tells about them (wechat.md §6.4); shortened data keys (§6.3)."""

from __future__ import annotations

import secrets
import string
from typing import Any

from sanic import Blueprint

from server.sandbox import limits, tags
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("followers")


def profile(call: Call, openid: str) -> dict[str, Any]:
    """No name and no picture since 2021; of people who do not follow, the openid alone."""
    person = call.person(openid)
    unionid = (
        {"unionid": call.platform.people.unionid(person)} if call.platform.switchboard.now.unionid else {}
    )
    following = call.platform.people.following(call.account, person)
    if following is None:
        return {"subscribe": 0, "openid": openid, **unionid}
    scene = str(following["qr_scene"])
    tag_ids = tags.of(call.platform, call.account, person)
    remark = call.platform.store.get("remark", f"{call.account.appid} {person.id}") or {"text": ""}
    return {
        "subscribe": 1,
        "openid": openid,
        "language": "zh_CN",
        "subscribe_time": following["at"],
        **unionid,
        "remark": remark["text"],
        "groupid": tag_ids[0] if tag_ids else 0,
        "tagid_list": tag_ids,
        "subscribe_scene": following["scene"],
        "qr_scene": int(scene) if scene.isdigit() else 0,
        "qr_scene_str": "" if scene.isdigit() else scene,
    }


@api(bp, Door("/cgi-bin/user/info", "GET", accounts=("oa",)))
async def info(call: Call) -> Answer:
    return profile(call, call.text("openid", 41009))


@api(bp, Door("/cgi-bin/user/info/batchget", accounts=("oa",)))
async def batch(call: Call) -> Answer:
    entries = call.body.get("user_list")
    if not isinstance(entries, list) or not 1 <= len(entries) <= limits.FOLLOWERS_AT_ONCE:
        raise WeChatError(40097, verdict=f"user_list 应有 1 至 {limits.FOLLOWERS_AT_ONCE} 个")
    return {"user_info_list": [profile(call, str(one.get("openid", ""))) for one in entries]}


@api(bp, Door("/cgi-bin/user/get", "GET", accounts=("oa",)))
async def listing(call: Call) -> Answer:
    people = call.platform.people
    openids = [
        call.platform.openid(call.account, person)
        for person in people.everyone()
        if people.following(call.account, person) is not None
    ]
    after = call.query.get("next_openid", "")
    page = openids[openids.index(after) + 1 :] if after in openids else openids
    page = page[: limits.FOLLOWERS_A_PAGE]
    return {
        "total": len(openids),
        "count": len(page),
        "data": {"openid": page},
        "next_openid": page[-1] if page else "",
    }


@api(bp, Door("/cgi-bin/shorten/gen", accounts=("oa",)))
async def shorten(call: Call) -> Answer:
    data, seconds = call.body.get("long_data"), call.body.get("expire_seconds", limits.QR_SECONDS_MOST)
    if not isinstance(data, str) or not 1 <= len(data.encode()) <= limits.KEPT_DATA_BYTES:
        raise WeChatError(9410010)
    if not isinstance(seconds, int) or not 1 <= seconds <= limits.QR_SECONDS_MOST:
        raise WeChatError(40097)
    key = "".join(
        secrets.choice(string.ascii_letters + string.digits) for _ in range(limits.KEPT_DATA_KEY_LENGTH)
    )
    until = call.platform.clock.now() + seconds
    call.platform.store.put(
        "shortened", key, {"data": data, "until": until, "at": call.platform.clock.unix()}
    )
    return {"errcode": 0, "errmsg": "ok", "short_key": key}


@api(bp, Door("/cgi-bin/shorten/fetch", accounts=("oa",)))
async def fetch(call: Call) -> Answer:
    entry = call.platform.store.get("shortened", str(call.body.get("short_key", "")))
    if entry is None:
        raise WeChatError(9410011)
    seconds = int(entry["until"] - call.platform.clock.now())
    if seconds <= 0:
        raise WeChatError(9410012)
    return {
        "errcode": 0,
        "errmsg": "ok",
        "long_data": entry["data"],
        "create_time": entry["at"],
        "expire_seconds": seconds,
    }
