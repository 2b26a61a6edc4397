"""An officer's signing PIN: six digits that are not easily guessed, kept as a slow hash, locked after five wrong tries."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from server.domain.actor import UNKNOWN_CALLER, Caller
from server.domain.audit import incidents
from server.domain.people import queries
from server.domain.people.officer_transitions import actor_of
from server.domain.ports import Keys, PasswordHasher, Services
from server.errors import FieldError, Forbidden, Invalid, TooMany, Unverified
from server.models import Officer

TRIES = 5
LOCK = timedelta(minutes=15)
_KEYBOARD = (
    "147258",
    "258369",
    "159357",
    "357159",
    "123321",
    "147369",
    "741852",
    "852963",
    "963852",
    "789456",
)


def is_weak(pin: str) -> bool:
    """Whether six digits are among the first that somebody would try."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    if len(steps) == 1:  # 111111, 123456, 987654, 135791 …
        return True
    if pin[:3] == pin[3:] or pin[:2] * 3 == pin or len(set(pin)) <= 2 or pin in _KEYBOARD:
        return True
    if pin[0] == pin[1] and pin[2] == pin[3] and pin[4] == pin[5]:  # 112233
        return True
    return any(_is_day(*parts) for parts in ((pin[:2], pin[2:4], pin[4:]), (pin[4:], pin[:2], pin[2:4])))


def _is_day(year: str, month: str, day: str) -> bool:
    """Like a birthday: 900215 or 021590."""
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31 and year.isdigit()


def check_new(pin: str, *, pointer: str = "/pin") -> None:
    """Raises Invalid: pin_form (not six digits) or pin_weak."""
    if len(pin) != 6 or not pin.isascii() or not pin.isdigit():
        raise Invalid(errors=[FieldError(pointer, "pin_form", "签发密码是6位数字，请重新设置。")])
    if is_weak(pin):
        raise Invalid(
            errors=[
                FieldError(pointer, "pin_weak", "这个密码太容易猜到（如连号、重复或生日），请换一个6位数字。")
            ]
        )


def _keyed(secret: bytes) -> str:
    return secret.hex()


def _about(officer_id: int) -> str:
    return f"officer.pin.{officer_id}"


async def hashed(keys: Keys, hasher: PasswordHasher, officer_id: int, pin: str) -> str:
    """What is kept of a PIN: a slow hash over its keyed hash, so that a stolen table alone shows none."""
    return await hasher.hash(_keyed(keys.blind(pin, about=_about(officer_id))))


async def _matches(keys: Keys, pin_hasher: PasswordHasher, officer: Officer, pin: str) -> bool:
    tried = [_keyed(blind) for blind in keys.blinds(pin, about=_about(officer.id))]
    return await pin_hasher.verify(officer.pin_hash, *tried)


def _locked(seconds: float) -> TooMany:
    wait = max(1, int(seconds))
    return TooMany(
        "pin_locked",
        f"签发密码连续输错{TRIES}次，已锁定；请{-(-wait // 60)}分钟后再试。",
        retry_after=wait,
    )


async def check(s: Services, officer: Officer, pin: str, *, caller: Caller = UNKNOWN_CALLER) -> None:
    """Whether this is the officer's PIN; five wrong ones in a row lock it for 15 minutes. Both leave a trace.

    The verdict counts only through one conditional UPDATE: however many guesses come at once, the first five wrong
    ones lock, and a right one that comes after them is refused like any other.

    Raises:
        Unverified("pin_wrong") · TooMany("pin_locked") · Forbidden("pin_missing"): none was set yet.
    """
    if not officer.pin_hash:
        raise Forbidden("pin_missing", "您还没有设置签发密码，请先完成邀请链接中的设置。")
    now = s.clock.now()
    if officer.pin_locked_until is not None and officer.pin_locked_until > now:
        raise _locked((officer.pin_locked_until - now).total_seconds())
    is_right = len(pin) == 6 and await _matches(s.keys, s.pin_hasher, officer, pin)
    now = s.clock.now()
    if is_right:
        if await queries.right_pin(officer.id, now):
            return
        raise _locked(LOCK.total_seconds())
    wrong = await queries.wrong_pin(officer.id, now, tries=TRIES, lock=LOCK)
    actor = actor_of(officer).called_by(caller)
    action = "officer.pin_locked" if wrong is None else "officer.pin_wrong"
    await incidents.note(s, actor, action, "officer", officer.id)
    if wrong is None:
        raise _locked(LOCK.total_seconds())
    raise Unverified("pin_wrong", f"签发密码不正确，还可以再试{TRIES - wrong}次。")
