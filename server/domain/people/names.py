"""Names of persons as people have them: dots, rare characters, minority names, and the stray marks around them."""

from __future__ import annotations

import hmac
import re
import unicodedata
from hashlib import blake2b

from server.errors import Refused

LONGEST_NAME = 60
DOT = "·"
_DOTS = dict.fromkeys(map(ord, "•．・‧∙⋅●᛫˙"), DOT)
_CHINESE_MARKS = frozenset(
    "（），：；！？"
)  # belong to Chinese text: 社会心理服务（机考） is a subject's official name
FULL_WIDTH = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F) if chr(c) not in _CHINESE_MARKS} | {
    0x3000: ord(" ")
}
INVISIBLE = {code: None for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
_STRAY = frozenset(map(chr, [*FULL_WIDTH, *INVISIBLE]))
_LATIN_MARKS = frozenset("-'’ ")
_SPACES = re.compile(r"\s+")
_GAP_BESIDE_HAN = re.compile(r"(?<![!-~]) | (?![!-~])")  # 张 三 is padded for print; John Smith is not
_DOT_BESIDE_HAN = re.compile(r"(?<![A-Za-z])\.|\.(?![A-Za-z ]|$)")


def tidy(text: str) -> str:
    """Full-width letters and digits become plain ones, Chinese punctuation stays; invisible marks and outer spaces go."""
    if not text.isascii() and not _STRAY.isdisjoint(text):
        text = text.translate(FULL_WIDTH).translate(INVISIBLE)
    return text.strip()


def clean_name(raw: str) -> str:
    """A name as it is kept: one kind of dot, no stray spaces, nothing else changed.

    Compatibility ideographs stay as they are: they are what stands on somebody's identity card.

    Raises:
        Refused: name_missing, name_formula, name_control, name_private, name_characters, name_length.
    """
    text = tidy(raw.translate(_DOTS)).lstrip("'‘’`").strip()
    if not text:
        raise Refused("name_missing", "请填写姓名。")
    if text.startswith(("=", "+", "@")):
        raise Refused("formula", "姓名不能是公式，请直接填写姓名文字。")
    if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
        raise Refused("name_control", "姓名中含有换行、制表等控制字符，请删除后重新填写。")
    if not text.isalpha():
        text = _DOT_BESIDE_HAN.sub(DOT, _GAP_BESIDE_HAN.sub("", _SPACES.sub(" ", text)))
    if not text.isprintable() and any(unicodedata.category(c) == "Co" for c in text):
        raise Refused("name_private", "姓名中有本机自造的字，别的电脑无法识别，请换成国家标准字后重新填写。")
    if not text.isalpha() and not (all(map(_belongs_in_a_name, text)) and any(map(_is_letter, text))):
        raise Refused("name_characters", "姓名中含有数字或符号，请只填写证件上的姓名。")
    if len(text) > LONGEST_NAME:
        raise Refused("name_length", f"姓名超过 {LONGEST_NAME} 个字，请核对是否填错了列。")
    return text


def same_name(given: str, kept: str | None) -> bool:
    """Whether two names have the same letters: people leave out spaces and dots, and there are many kinds of dot.

    Takes the same time for a name that is not on record (None).
    """
    return hmac.compare_digest(_letters(given), _letters(kept or "")) and kept is not None


def _letters(name: str) -> bytes:
    wide = unicodedata.normalize("NFKC", name).casefold()
    return blake2b(
        "".join(c for c in wide if unicodedata.category(c)[0] in "LM" or c == "〇").encode()
    ).digest()


def _is_letter(c: str) -> bool:
    """Also ideographs younger than this Python's Unicode tables: planes 2 and 3 hold nothing else."""
    return c.isalpha() or c == "〇" or "\U00020000" <= c <= "\U0003fffd"


def _belongs_in_a_name(c: str) -> bool:
    return _is_letter(c) or c in (DOT, ".") or c in _LATIN_MARKS or unicodedata.category(c)[0] == "M"


def mask_name(name: str) -> str:
    """`崔**`: the first character, then a star for each other one."""
    return name[:1] + "*" * (len(name) - 1)
