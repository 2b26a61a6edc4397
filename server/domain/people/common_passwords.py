"""Passwords that are guessed first: what is on the kept list, or is put together of a few such pieces.

`password123`, `1qaz2wsx1990` and `zhangwei@2026` are on no list, but made of two pieces each. A password is cut into
the fewest pieces; a piece is a listed word, a run on the keyboard or the number row, a repetition, a year or a day, and
costs as much as one character of anything else. Words of this service and of the account cost nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FEWEST = 6  # pieces that a password must have
_LONGEST_WORD = 24
_LIST = Path(__file__).with_name("common_passwords.txt")
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "0123456789")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol", "0p")
_LOOK_ALIKES = str.maketrans({"@": "a", "$": "s", "0": "o", "1": "l", "3": "e", "5": "s", "!": "i"})
_DATE = re.compile(r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?)?")
CONTEXT = (
    "xcert",
    "社会心理服务",
    "社会心理",
    "职业技能等级证书",
    "证书",
    "shehuixinli",
    "zhengshu",
    "certificate",
)


@cache
def _words() -> frozenset[str]:
    lines = _LIST.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_common(password: str, *, context: Iterable[str] = ()) -> bool:
    """Whether somebody who guesses would come to this password soon.

    Args:
        context: what an attacker knows of the account: user name, name, school.
    """
    plain = unicodedata.normalize("NFKC", password).casefold()
    words = frozenset(word.casefold() for word in (*CONTEXT, *context) if len(word) >= 2)
    spellings = {plain, plain.translate(_LOOK_ALIKES)}
    return any(one in _words() or _pieces(one, words) < FEWEST for one in spellings)


def _pieces(text: str, context: frozenset[str]) -> int:
    """The fewest pieces that `text` can be cut into."""
    best = [0] + [len(text)] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end):
            part = text[start:end]
            if part in context:
                cost = 0
            elif end - start == 1 or _is_one_piece(part) or part == text[start - len(part) : start]:
                cost = 1
            else:
                continue
            best[end] = min(best[end], best[start] + cost)
    return best[-1]


def _is_one_piece(part: str) -> bool:
    if len(set(part)) == 1 or (len(part) >= 4 and part in _words()):
        return True
    if len(part) >= 3 and any(part in row or part[::-1] in row for row in (*_ROWS, *_COLUMNS)):
        return True
    return bool(_DATE.fullmatch(part)) and part.isascii()
