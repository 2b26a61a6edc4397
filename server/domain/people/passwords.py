"""Passwords of staff: which are good enough, and one-time passwords that a person can type."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable

from server.domain.people import common_passwords
from server.domain.ports import PasswordHasher
from server.errors import FieldError, Invalid

SHORTEST, LONGEST = 10, 128
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like another


def _plain(password: str) -> str:
    """One spelling of a password, however the keyboard composed it."""
    return unicodedata.normalize("NFC", password)


async def hashed(hasher: PasswordHasher, password: str) -> str:
    """What is kept of a password. Raises TooMany("busy")."""
    return await hasher.hash(_plain(password))


async def matches(hasher: PasswordHasher, encoded: str, password: str) -> bool:
    """Whether the password is the one; False also for an unreadable hash. Raises TooMany("busy")."""
    return await hasher.verify(encoded, _plain(password))


def one_time() -> str:
    """A password to be changed at the first log-in: 16 characters (79 bits) in groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def check_new(password: str, *, username: str, pointer: str, context: Iterable[str] = ()) -> None:
    """Refuse what is too short, too long, or easily guessed. Raises Invalid.

    Args:
        context: further words that somebody who guesses knows of the account, like the person's name.
    """
    plain = _plain(password)
    if len(plain) < SHORTEST:
        problem = ("password_too_short", f"新密码至少要有{SHORTEST}个字符。")
    elif len(plain) > LONGEST:
        problem = ("password_too_long", f"新密码最多{LONGEST}个字符。")
    elif len(set(plain)) < 5:
        problem = ("password_too_simple", "新密码里不同的字符太少，请换一个不容易猜到的。")
    elif username.lower() in plain.lower():
        problem = ("password_has_username", "新密码里不要包含用户名。")
    elif common_passwords.is_common(plain, context=(username, *context)):
        problem = (
            "password_common",
            "这个密码太常见，容易被猜到；请换一个，例如几个互不相干的词连在一起，再加几个数字。",
        )
    else:
        return
    raise Invalid(errors=[FieldError(pointer, *problem)])
