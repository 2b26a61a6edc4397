"""The check before further tries: a picture, or for whoever cannot see it a question in words (decision 0921).

Asked after several misses, answered once. One is open for each WeChat identity.
"""

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


_DIGITS = "零一二三四五六七八九"


async def ask(cache: Cache, who: WeChatIdentity) -> str:
    """A question that is answered with a number; the picture or question before it is void."""
    first, second, less = (secrets.randbelow(8) + 2 for _ in range(3))
    less = min(less, first)
    answer = first + second - less
    await cache.set(_key(who), str(answer).encode(), seconds=SECONDS)
    return f"{_DIGITS[first]}加{_DIGITS[second]}，再减去{_DIGITS[less]}，等于几？"


async def check(cache: Cache, who: WeChatIdentity, answer: str) -> None:
    """Take the answer; right or wrong, the picture is used up.

    Raises:
        Refused: captcha_required (no answer given), captcha_wrong (wrong, used or expired).
    """
    text = tidy(answer).upper()
    if not text:
        raise Refused(
            "captcha_required",
            "为保护考生信息，请先输入图中的字符，或改为回答问题，再提交。",
            title="还要验证一步",
        )
    [expected] = await cache.take(_key(who))
    if expected is None or not hmac.compare_digest(expected, text.encode()):
        raise Refused("captcha_wrong", "验证的答案不对或已过期，请重新回答。", title="还要验证一步")


def _key(who: WeChatIdentity) -> str:
    return "captcha:" + sha256(f"{who.account}:{who.openid}".encode()).hexdigest()[:40]
