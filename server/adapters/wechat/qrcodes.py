"""Ways into the mini-program from outside: codes and links (wechat.md §4.3)."""

from __future__ import annotations

import string

from server.adapters.wechat.account import Account
from server.errors import OutsideFailure, Refused

UNLIMITED = "/wxa/getwxacodeunlimit"
URL_LINK = "/wxa/generate_urllink"
SCENE_LONGEST = 32
SCENE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "!#$&'()*+,/:;=?@-._~`")
SCAN_PAGE = "pages/scan/index"
QUERY_LONGEST = 1024
QUERY_CHARACTERS = SCENE_CHARACTERS | {"%"}
LINK_SECONDS_MOST = 30 * 24 * 3600


async def unlimited(account: Account, scene: str, *, version: str) -> bytes:
    """A mini-program code with this scene, as an image.

    Args:
        version: release, trial or develop.

    Raises:
        Refused: scene_invalid.
    """
    if not 1 <= len(scene) <= SCENE_LONGEST or not SCENE_CHARACTERS.issuperset(scene):
        raise Refused("scene_invalid", "小程序码的参数过长或含有不允许的字符。")
    body = {
        "scene": scene,
        "page": SCAN_PAGE,
        "check_path": False,
        "env_version": version,
        "width": 430,
    }
    answer = await account.picture(UNLIMITED, body)
    if answer.content_type.startswith("image/"):
        return answer.content
    raise OutsideFailure("微信没有给出小程序码")


async def url_link(account: Account, path: str, query: str, *, until: int, now: int, version: str) -> str:
    """A link that opens a page of the mini-program until that moment (Unix seconds), 30 days off at most.

    Raises:
        Refused: link_invalid, with what is wrong.
    """
    if path.startswith("/") or "?" in path:
        raise Refused("link_invalid", "小程序页面路径不能以斜杠开头，也不能带参数。")
    if len(query) > QUERY_LONGEST or not QUERY_CHARACTERS.issuperset(query):
        raise Refused("link_invalid", "小程序链接的参数过长或含有不允许的字符。")
    if not now < until <= now + LINK_SECONDS_MOST:
        raise Refused("link_invalid", "小程序链接的有效期最长 30 天。")
    body = {"path": path, "query": query, "env_version": version, "expire_type": 0, "expire_time": until}
    answer = await account.post(URL_LINK, body)
    if not answer.get("url_link"):
        raise OutsideFailure("微信没有给出小程序链接")
    return str(answer["url_link"])
