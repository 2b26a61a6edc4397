"""A certificate's number: year, kind, level, serial and a check character.

The check character works over the 36 characters 0–9A–Z seen as the ring GF(4) × Z/9 with the weight (ω, 2): weight and
weight − 1 are both units there, which is what it takes to catch **every** wrong character and **every** swap of
neighbours. (ISO 7064 MOD 37,36, the obvious choice, lets one swap in 630 pass, and MOD 37-2 needs a 37th character.)
"""

from __future__ import annotations

import re
import unicodedata

from server.domain.levels import Level

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHAPE = re.compile(r"[0-9]{2}[0-9A-Z]{1,8}[123][0-9]{8}[0-9A-Z]")
_OMEGA = (0, 2, 3, 1)  # multiplication by ω in GF(4)


def _weighted(high: int, low: int) -> tuple[int, int]:
    return _OMEGA[high], low * 2 % 9


def check_character(body: str) -> str:
    """The character that makes `body` a whole number. Raises ValueError for anything but 0–9A–Z."""
    high = low = 0
    for character in body:
        value = ALPHABET.index(character)
        high, low = _weighted(high, low)
        high, low = high ^ (value // 9), (low + value) % 9
    high, low = _weighted(high, low)
    return ALPHABET[high * 9 + -low % 9]


def number_of(year2: str, kind_code: str, level: Level, serial: int) -> str:
    """2-digit year + certificate code + level code + 8-digit serial + check character.

    Args:
        year2: the last two digits of the Beijing year.
        kind_code: 1–8 characters 0–9A–Z.
        serial: 1 to 99,999,999.

    Raises:
        ValueError: when a part cannot stand in a number.
    """
    if not 0 < serial < 10**8:
        raise ValueError(f"serial {serial} does not fit 8 digits")
    body = f"{year2}{kind_code}{level.code}{serial:08d}"
    number = body + check_character(body)
    if _SHAPE.fullmatch(number) is None or len(year2) != 2:
        raise ValueError(f"{body} is not the body of a number")
    return number


def is_number(text: str) -> bool:
    """Whether `text` is a whole number with its right check character, exactly as printed."""
    return _SHAPE.fullmatch(text) is not None and check_character(text[:-1]) == text[-1]


def tidy_number(text: str) -> str:
    """What a person typed, as a number is printed: full-width, lower case and spaces forgiven."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("-", "").upper()
