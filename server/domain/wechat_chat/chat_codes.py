"""What is said to a code that somebody scanned: a scene of ours, a link of ours, or neither.

Scanning never signs and never verifies by itself: the answer is a link to the page that asks (wechat.md §10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from server.domain.issuance import scan_policy
from server.domain.ports import Keys
from server.domain.wechat_chat.chat_ways import link
from server.errors import Unverified
from server.settings import Settings

_OURS = re.compile(r"/s/(?P<token>[A-Za-z0-9_-]{32})|/v(?P<paper>/[0-9]{1,1000})?/?")
NOT_OURS = (
    "扫到的内容不是本服务的二维码，不能在这里使用。请扫描证书上的核验二维码，或电脑屏幕上的院校签发二维码。"
)


async def of_scene(settings: Settings, keys: Keys, scene: str) -> str:
    """The answer to a parametric QR with this scene, if it is a scan ticket of ours; empty otherwise."""
    try:
        await scan_policy.opened(keys, scene)
    except Unverified:
        return ""
    return _sign(settings, scene)


def of_result(settings: Settings, info: object) -> str:
    """The answer to `ScanCodeInfo` of scancode_waitmsg.

    What the code held is never repeated: WeChat would make a link of a stranger's address, and it would be ours.
    """
    text = str(info.get("ScanResult") or "") if isinstance(info, Mapping) else ""
    match = _OURS.fullmatch(text.removeprefix(settings.public_url)) if _is_here(settings, text) else None
    if match is None:
        return NOT_OURS
    if match["token"]:
        return _sign(settings, match["token"])
    page = link(settings.public_url, f"/v{match['paper'] or ''}", "点此核验")
    return f"您扫描的是证书核验二维码，请{page}。"


def _is_here(settings: Settings, text: str) -> bool:
    return text.startswith(f"{settings.public_url}/")


def _sign(settings: Settings, token: str) -> str:
    page = link(settings.public_url, f"/s/{token}", "点此核对名单并确认")
    return (
        f"您扫描的是院校签发二维码。院校签发负责人请{page}。\n"
        "只扫码不会签发；二维码 5 分钟内有效，过期后请扫描屏幕上新的二维码。"
    )
