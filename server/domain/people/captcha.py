"""The image check: asked after several misses, answered once. One picture is open for each WeChat identity."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from hashlib import sha256

from server.domain.people.names import tidy
from server.domain.ports import Cache, ImageCheck, WeChatIdentity
from server.errors import Refused

LETTERS = "ACDEFHJKMNPRTUVWXY34679"  # nothing that looks like something else
LENGTH = 4
SECONDS = 300


async def draw(cache: Cache, image_check: ImageCheck, who: WeChatIdentity) -> bytes:
    """A new picture (PNG) for this person; the one before it is void."""
    text = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    await cache.set(_key(who), text.encode(), seconds=SECONDS)
    return await asyncio.to_thread(image_check.picture, text)


async def check(cache: Cache, who: WeChatIdentity, answer: str) -> None:
    """Take the answer; right or wrong, the picture is used up.

    Raises:
        Refused: captcha_required (no answer given), captcha_wrong (wrong, used or expired).
    """
    text = tidy(answer).upper()
    if not text:
        raise Refused(
            "captcha_required", "为保护考生信息，请先输入图中的字符，再提交。", title="需要图形验证"
        )
    [expected] = await cache.take(_key(who))
    if expected is None or not hmac.compare_digest(expected, text.encode()):
        raise Refused("captcha_wrong", "图中字符不对或已过期，请按新图片重新输入。", title="需要图形验证")


def _key(who: WeChatIdentity) -> str:
    return "captcha:" + sha256(f"{who.account}:{who.openid}".encode()).hexdigest()[:40]
