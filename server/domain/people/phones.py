"""The phone that a holder gives in the mini-program (wechat.md §4.2).

It is kept beside the school's record, not over it: `candidate.mobile_sealed` is what the school imported and answers
for, `given_phone_sealed` is how the holder is reached. The trail says that one was given, masked, and whether it is
the school's. It belongs to the candidate, so undoing a binding leaves it; a new one takes its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from tortoise.transactions import in_transaction

from server.domain.actor import Actor, Caller
from server.domain.audit import audit_log
from server.domain.people.candidates import ABOUT_MOBILE, clean_mobile
from server.domain.ports import Clock, Keys, RateLimiter, Services, WeChatIdentity, WeChatLogins
from server.errors import OutsideFailure, Refused, TooMany, Unverified
from server.models import Candidate

ABOUT = "candidate.given_phone"
DAY = 24 * 3600
MOST_A_DAY = 10  # WeChat charges for each answer
_FOREIGN = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164


@dataclass(frozen=True, slots=True)
class GivenPhone:
    """What became of a code: the number as it is shown, or the refusal that says why there is none."""

    masked: str | None
    refusal: Refused | None = None


def clean(raw: str) -> str:
    """11 digits for China, `+` and digits for other countries. Raises Refused phone_unreadable."""
    text = "".join(raw.replace("-", "").split())
    if text.startswith("+") and not text.startswith("+86"):
        if _FOREIGN.fullmatch(text):
            return text
    else:
        try:
            return clean_mobile(text)
        except Refused:
            pass
    raise Refused("phone_unreadable", "微信给出的手机号无法识别，请改用其他手机号重新授权。")


def mask(number: str) -> str:
    """`199****1234`, `+44******3210`"""
    return number[:3] + "*" * max(0, len(number) - 7) + number[-4:]


async def give(s: Services, who: WeChatIdentity, candidate_id: int, code: str, *, caller: Caller) -> str:
    """Exchange the code of the phone button, once, and keep the number sealed. The number, masked.

    Raises:
        Refused: phone_code_used, phone_code_invalid, phone_unreadable, phone_unavailable (WeChat did not answer).
        TooMany: phone_too_often.
    """
    number = await _exchange(s.rate_limiter, s.wechat_logins, who, code)
    return await keep(s.clock, s.keys, candidate_id, number, caller=caller)


async def _exchange(
    rate_limiter: RateLimiter, wechat_logins: WeChatLogins, who: WeChatIdentity, code: str
) -> str:
    """The number behind a code. Raises as `give`."""
    person = sha256(f"{who.account}:{who.openid}".encode()).hexdigest()[:32]
    if await rate_limiter.hit(f"phone:{person}", window=DAY) > MOST_A_DAY:
        raise TooMany("phone_too_often", "今天获取手机号的次数过多，请明天再试。", retry_after=DAY)
    try:
        return clean(await wechat_logins.phone_number(code))
    except Unverified as refusal:
        raise Refused(f"phone_{refusal.code}", "手机号授权已失效，请重新点击获取手机号。") from None
    except OutsideFailure:
        raise Refused("phone_unavailable", "微信暂时没有给出手机号，请稍后重新点击获取手机号。") from None


async def exchanged(
    rate_limiter: RateLimiter, wechat_logins: WeChatLogins, who: WeChatIdentity, code: str
) -> str | None:
    """The number behind a code for a caller that needs it as a proof; None for every reason why there is none."""
    try:
        return await _exchange(rate_limiter, wechat_logins, who, code)
    except Refused:
        return None


async def keep(clock: Clock, keys: Keys, candidate_id: int, number: str, *, caller: Caller) -> str:
    """Keep a number that WeChat gave. The number, masked."""
    async with in_transaction():
        candidate = await Candidate.filter(id=candidate_id).select_for_update().get()
        imported = None
        if candidate.mobile_sealed is not None:
            imported = keys.decrypt(bytes(candidate.mobile_sealed), about=ABOUT_MOBILE)
        await Candidate.filter(id=candidate_id).update(
            given_phone_sealed=keys.encrypt(number, about=ABOUT), given_phone_at=clock.now()
        )
        await audit_log.record(
            clock,
            Actor("candidate", candidate_id, "考生").called_by(caller),
            "candidate.phone_given",
            "candidate",
            candidate_id,
            became={"phone": mask(number), "same_as_imported": imported == number},
        )
    return mask(number)


async def try_to_give(
    s: Services, who: WeChatIdentity, candidate_id: int, code: str, *, caller: Caller
) -> GivenPhone:
    """`give` for a caller whose own work is done and must not be lost with the number."""
    try:
        return GivenPhone(await give(s, who, candidate_id, code, caller=caller))
    except Refused as refusal:
        return GivenPhone(None, refusal)


def number(keys: Keys, candidate: Candidate) -> str | None:
    """By which somebody is called: the number that the holder gave, or else the school's. Never for a log or a screen."""
    if candidate.given_phone_sealed is not None:
        return keys.decrypt(bytes(candidate.given_phone_sealed), about=ABOUT)
    if candidate.mobile_sealed is not None:
        return keys.decrypt(bytes(candidate.mobile_sealed), about=ABOUT_MOBILE)
    return None


def masked_number(keys: Keys, candidate: Candidate) -> str | None:
    """The number that the holder gave, masked; None when there is none."""
    if candidate.given_phone_sealed is None:
        return None
    return mask(keys.decrypt(bytes(candidate.given_phone_sealed), about=ABOUT))
