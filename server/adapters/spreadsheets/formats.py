"""What a number looks like under a spreadsheet's number format (ECMA-376 part 1, 18.8.30 and 18.8.31).

Only formats that can be followed for certain are: General, text, digits with fixed decimals and thousands commas,
percent, scaling commas, and words around them. Of all others it is only known that nobody knows what is seen.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

GENERAL = "General"
BUILT_IN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00",
    41: '#,##0;-#,##0;"-";@', 42: '#,##0;-#,##0;"-";@', 43: '#,##0.00;-#,##0.00;"-";@',
    44: '#,##0.00;-#,##0.00;"-";@', 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_DATES = "yyyy-mm-dd"  # all other built-in formats are dates and times: 14–22, 27–36, 45–47, 50–58
_QUIET = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[(?:Black|Blue|Cyan|Green|Magenta|Red|White|Yellow|Color ?\d+|黑色?|红色?|蓝色?)\]'
    r"|\[\$(?P<money>[^\]-]*)(?:-[^\]]*)?\]",
    re.IGNORECASE,
)
_LONGEST = 255  # characters of a code that a spreadsheet takes
_DIGITS = re.compile(r"(?P<whole>[#0?,]*+)(?:\.(?P<part>[#0?]*+)(?P<scale>,*+))?(?P<percent>%*+)")
_WORDS = re.compile(r"[^0-9.,%+\-−－％０-９#?@;E/:\[\]]*", re.IGNORECASE)


def code_of(number: int, own: dict[int, str]) -> str:
    """The format's code by its number: the workbook's own, else the built-in one."""
    return own.get(number) or BUILT_IN.get(number, _DATES if 14 <= number <= 58 else GENERAL)


def is_plain(code: str) -> bool:
    """Whether this format shows numbers as they are."""
    return code in ("", "@") or code.lower() in ("general", "g/通用格式", "通用格式")


def hides_text(code: str) -> bool:
    """Whether this format shows something else than the text of a text cell."""
    sections = _sections(code[:_LONGEST])
    return len(sections) > 3 and "@" not in sections[3]


@lru_cache(maxsize=8192)
def shown(code: str, value: float) -> str | None:
    """How a number is shown, without decoration that changes nothing; None where that cannot be told."""
    if is_plain(code):
        return _plain(Decimal(repr(value)))
    if len(code) > _LONGEST:
        return None
    sections = _sections(code)
    if any(re.search(r"\[[<>=]", section) for section in sections):
        return None
    number = Decimal(repr(value))
    minus = ""
    if number < 0 and len(sections) > 1:
        section = sections[1]
    elif number == 0 and len(sections) > 2:
        section = sections[2]
    else:
        section, minus = sections[0], "-" if number < 0 else ""
    return _drawn(section, abs(number), minus)


def says_the_same(value: float, text: str | None) -> bool:
    """Whether what is seen is read as the value that is stored; leading zeros are not."""
    if text is None or not re.fullmatch(r"-?(?:0|[1-9][\d,]*)(?:\.\d+)?", text):
        return False
    return Decimal(text.replace(",", "")) == Decimal(repr(value))


def _sections(code: str) -> list[str]:
    """The sections of a code: positive; negative; zero; text. Semicolons inside quotes are words."""
    sections = [""]
    for n, piece in enumerate(code.split('"')):
        if n % 2:
            sections[-1] += f'"{piece}"'
            continue
        first, *others = piece.split(";")
        sections[-1] += first
        sections += others
    return sections


def _drawn(section: str, number: Decimal, minus: str) -> str | None:
    words: list[str] = []

    def quiet(hit: re.Match[str]) -> str:
        words.append(hit["quoted"] or hit["escaped"] or hit["money"] or "")
        return ""

    pattern = _QUIET.sub(quiet, section).strip(" ()￥¥$")
    if pattern.startswith("-"):
        minus, pattern = "-", pattern[1:]
    if not pattern:
        return minus + "".join(words)
    if is_plain(pattern):
        digits = _plain(number)
    elif (match := _DIGITS.fullmatch(pattern)) is not None and pattern.strip(","):
        digits = _with(match, number)
    else:
        return None
    if not all(_WORDS.fullmatch(word) for word in words):
        return None
    return minus + digits


def _with(match: re.Match[str], number: Decimal) -> str:
    """A number through `0`, `#`, `,` and `%`."""
    whole = match["whole"] or ""
    scale = match["scale"] if match["part"] is not None else whole[len(whole.rstrip(",")) :]
    number = number.scaleb(2 * len(match["percent"]) - 3 * len(scale))
    places = len(match["part"] or "")
    number = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    digits, _, part = f"{number:f}".partition(".")
    fixed = (match["part"] or "").rstrip("#?")
    while len(part) > len(fixed) and part.endswith("0"):
        part = part[:-1]
    least = len(whole.lstrip("#?,").replace(",", ""))
    digits = digits.zfill(least)
    if "," in whole.rstrip(","):
        digits = f"{int(digits):,}" if least < 2 else digits
    return digits + (f".{part}" if part else "") + match["percent"]


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
