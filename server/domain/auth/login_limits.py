"""How often somebody may try to log in, so that guessing is slow and nobody can lock another person out.

Counted are tries that were really judged: the account is read first, so that an outage counts as nothing. From one
address few tries at one account and more at all; at one account from everywhere, more than `TRIES_OF_ONE` do not refuse
but ask for an image check. A browser that this account has logged in from before is counted by itself alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from server.domain.addresses import counted
from server.domain.audit import incidents
from server.domain.auth import sessions
from server.domain.people import captcha
from server.domain.ports import RateLimiter, Services, WeChatIdentity
from server.errors import Refused, TooMany, Unverified
from server.models import Staff

WINDOW = 900  # seconds in which tries are counted
TRIES_OF_ONE_AT_ADDRESS, TRIES_OF_ONE, TRIES_AT_ADDRESS = 5, 30, 120
TRIES_OF_DEVICE = 10
CODES_OF_ONE, CODES_WINDOW = 30, 6 * 3600  # wrong codes beside a right password, from wherever; seconds
PICTURES = 60  # image checks drawn for one address
DEVICE_SECONDS = 180 * 86400


@dataclass(frozen=True, slots=True)
class From:
    """Where a try comes from, and what it brings along beside name and password.

    Attributes:
        device: the token of the device cookie.
        picture, answer: the number of an image check and what was read in it.
        agent: the browser in words (Windows 上的 Chrome), for the list of log-ins.
    """

    address: str
    request_id: str = ""
    device: str = ""
    picture: str = ""
    answer: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """A try that was counted.

    Attributes:
        keys: where, to be taken back if it cannot be judged.
        is_guarded: the account is over its limit and only the second factor lets the try through: then nothing may be
            told about the password alone.
    """

    keys: list[str]
    is_guarded: bool = False


def too_often() -> TooMany:
    return TooMany(
        "login_too_often", "尝试次数过多，请15分钟后再试；忘记密码请联系管理员。", retry_after=WINDOW
    )


def _who(username: str, account: Staff | None) -> str:
    """The account as limits know it: one more on `login_epoch` forgets what was counted."""
    name = username.strip().lower()[:60].encode().hex()
    return f"{name}:{account.login_epoch if account else 0}"


def device_of(s: Services, staff_id: int | None, token: str) -> str:
    """The number of the device, if this account logged in from it before; empty if not."""
    if not token or staff_id is None:
        return ""
    try:
        claims = sessions.open(s, "device", token)
    except Unverified:
        return ""
    return str(claims.more["sid"]) if claims.subject == str(staff_id) else ""


def device_token(s: Services, staff_id: int, token: str) -> str:
    """What the browser keeps after a log-in: the same device as before, or a new one."""
    number = device_of(s, staff_id, token) or secrets.token_hex(8)
    return sessions.mint(s, "device", str(staff_id), DEVICE_SECONDS, sid=number)


async def refuse_flood(s: Services, came: From) -> None:
    """Before anything is read: an address that has tried too much already. Raises TooMany("login_too_often")."""
    if await s.rate_limiter.count(f"login-from:{counted(came.address)}") >= TRIES_AT_ADDRESS:
        await incidents.note(
            s, incidents.stranger(came.address, came.request_id), "session.locked", "staff", "-"
        )
        raise too_often()


async def count(s: Services, username: str, account: Staff | None, came: From, *, has_code: bool) -> Counted:
    """Count a try before it is judged, so that a thousand at once get no further than one after another.

    Args:
        has_code: a code of the second factor came along, and the account has one.

    Raises:
        TooMany("login_too_often") · Refused: captcha_required, captcha_wrong.
    """
    who, place = _who(username, account), counted(came.address)
    if device := device_of(s, account.id if account else None, came.device):
        keys = [(f"login-device:{who}:{device}", TRIES_OF_DEVICE)]
    else:
        keys = [
            (f"login:{who}:{place}", TRIES_OF_ONE_AT_ADDRESS),
            (f"login-from:{place}", TRIES_AT_ADDRESS),
        ]
    for key, most in keys:
        if await s.rate_limiter.hit(key, window=WINDOW) > most:
            subject = account.id if account else "-"
            actor = incidents.stranger(came.address, came.request_id)
            await incidents.note(s, actor, "session.locked", "staff", subject)
            raise too_often()
    counters = [key for key, _ in keys]
    if device:
        return Counted(counters)
    counters.append(f"login:{who}")
    if await s.rate_limiter.hit(counters[-1], window=WINDOW) <= TRIES_OF_ONE:
        return Counted(counters)
    if has_code and not came.answer:
        return Counted(counters, is_guarded=True)
    if not came.answer:
        raise Refused(
            "captcha_required",
            "近来有人多次输错这个账号的密码；请输入图中的字符后再登录。",
            title="需要图形验证",
        )
    await captcha.check(s.cache, WeChatIdentity("web", came.picture), came.answer)
    return Counted(counters)


async def count_code(s: Services, account: Staff, came: From) -> None:
    """Count a code of the second factor that comes with the right password, before it is judged.

    Three of a million codes are right at any moment: who knows the password and has many addresses would find one within
    days. A device that the account logged in from before is counted by itself alone, so that its owner gets in.

    Raises: TooMany("login_codes_too_often").
    """
    if device_of(s, account.id, came.device):
        return
    if await s.rate_limiter.hit(_codes(account), window=CODES_WINDOW) > CODES_OF_ONE:
        actor = incidents.stranger(came.address, came.request_id)
        await incidents.note(s, actor, "session.locked", "staff", account.id)
        raise TooMany(
            "login_codes_too_often",
            "这个账号的动态码输错次数过多：请在以前登录过的设备上登录，或六小时后再试；若不是您本人在试，请立即修改密码并告诉管理员。",
            retry_after=CODES_WINDOW,
        )


def _codes(account: Staff) -> str:
    return f"login-codes:{account.id}:{account.login_epoch}"


async def forgive(s: Services, username: str, account: Staff, came: From) -> None:
    """The right person came in: what was counted for them is forgotten."""
    who, place = _who(username, account), counted(came.address)
    device = device_of(s, account.id, came.device)
    await s.rate_limiter.clear(
        f"login:{who}:{place}", f"login:{who}", f"login-device:{who}:{device}", _codes(account)
    )


async def draw(s: Services, address: str) -> tuple[str, bytes]:
    """An image check for somebody who is not logged in: its number and the picture (PNG).

    Raises: TooMany("login_too_often").
    """
    if await s.rate_limiter.hit(f"login-picture:{counted(address)}", window=WINDOW) > PICTURES:
        raise too_often()
    number = secrets.token_urlsafe(12)
    return number, await captcha.draw(s.cache, s.image_check, WeChatIdentity("web", number))


async def count_password(rate_limiter: RateLimiter, staff_id: int, what: str, most: int) -> None:
    """For one's own password or code asked for again within a session. Raises TooMany("login_too_often")."""
    if await rate_limiter.hit(f"{what}:{staff_id}", window=WINDOW) > most:
        raise too_often()
