"""The desk's QR as a mini-program code: the same ticket, the token as its scene (wechat.md §4.3)."""

from __future__ import annotations

from server.domain.ports import WeChatLinks
from server.errors import OutsideFailure, Refused


async def picture(wechat_links: WeChatLinks, scene: str) -> bytes:
    """The code of the ticket with this scene, PNG or JPEG as WeChat draws it. It opens the mini-program's scan page.

    Raises:
        Refused("mini_code_refused"): WeChat drew none; the ticket lives, and its ordinary QR may be shown.
    """
    try:
        return await wechat_links.scan_code_image(scene)
    except OutsideFailure:
        raise Refused("mini_code_refused", "微信暂时没有给出小程序码，请改用普通二维码。") from None
