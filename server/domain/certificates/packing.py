"""Claims packed into few bits and back, in one fixed form for each version, so that old codes read for ever.

**Forms 1 and 2** are packed alike. Bits, most significant first, padded with zeros to whole bytes:

    number        5 bits length n of the number without its check character, then the number in base 36
    level         2 bits: 0 primary, 1 intermediate, 2 advanced
    outcome       2 bits: 0 passed
    exam_date     16 bits: days since 2000-01-01
    issued_on     16 bits, alike
    id_hash       128 bits
    name plan certificate standard issuer school       each 7 bits count of symbols, then the symbols of 12 bits:
        0–3754       the first-level characters of GB 2312, in its order (rows 16–55)
        3755–3849    ASCII 0x20–0x7E
        3850–3913    the upper bits of any other code point below 0x40000; its lower 12 bits follow
        3914–        PHRASES, in order

A text is cut greedily into the longest phrases. There is exactly one packed form of a set of claims, and only that one
is read. 12 bits a character, because a school's or a plan's name is nearly all first-level characters; measured on
such names it beats UTF-8 with deflate and a preset dictionary, and depends on no library's version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from server.domain.certificates.numbers import ALPHABET, check_character

TEXTS = ("name", "plan", "certificate", "standard", "issuer", "school")
LEVELS = ("primary", "intermediate", "advanced")
OUTCOMES = ("passed",)
DAY_ZERO = date(2000, 1, 1)
ID_HASH_BITS = 128
# Fixed for ever: a changed phrase would change what printed codes say. New phrases need form 2.
PHRASES = (
    *(f"{pair:02d}" for pair in range(100)),
    "北京中文在线教育科技发展有限公司",
    "社会心理服务职业技能等级证书",
    "职业技能等级证书",
    "社会心理服务",
    "证书考试计划",
    "考试计划",
    "全国统考",
    "2021年3.0版",
    "职业技术学院",
    "职业技术大学",
    "应用技术大学",
    "职业学院",
    "职业大学",
    "师范学院",
    "师范大学",
    "开放大学",
    "高等专科学校",
    "中等专业学校",
    "中等职业学校",
    "职业教育中心",
    "高级中学",
    "技工学校",
    "技师学院",
    "有限公司",
    "北京",
    "上海",
    "天津",
    "重庆",
)


class Unpackable(ValueError):
    """The claims do not fit the form, or the bits are not a packed form."""


def _first_level() -> str:
    rows = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return "".join(pair.decode("gb2312") for pair in rows if pair < b"\xd7\xfa")


SINGLE = _first_level() + "".join(map(chr, range(0x20, 0x7F)))
_ESCAPE = len(SINGLE)  # 3850
_PHRASE = _ESCAPE + 64
_SYMBOL = {character: place for place, character in enumerate(SINGLE)} | {
    phrase: _PHRASE + place for place, phrase in enumerate(PHRASES)
}
_STARTING = {
    first: sorted((phrase for phrase in PHRASES if phrase[0] == first), key=len, reverse=True)
    for first in {phrase[0] for phrase in PHRASES}
}


def _symbols(text: str) -> list[int]:
    out: list[int] = []
    place = 0
    while place < len(text):
        piece = next((p for p in _STARTING.get(text[place], ()) if text.startswith(p, place)), text[place])
        if (symbol := _SYMBOL.get(piece)) is not None:
            out.append(symbol)
        elif (point := ord(piece)) < 0x40000:
            out += (_ESCAPE + (point >> 12), point & 0xFFF)
        else:
            raise Unpackable(f"U+{point:04X} has no symbol")
        place += len(piece)
    return out


def _text(symbols: list[int]) -> str:
    out, rest = [], iter(symbols)
    for symbol in rest:
        if symbol < _ESCAPE:
            out.append(SINGLE[symbol])
        elif symbol >= _PHRASE:
            out.append(PHRASES[symbol - _PHRASE])
        elif (lower := next(rest, None)) is not None:
            out.append(chr((symbol - _ESCAPE) << 12 | lower))
        else:
            raise Unpackable("half a character")
    return "".join(out)


def _number_bits(length: int) -> int:
    most: int = len(ALPHABET) ** length - 1
    return most.bit_length()


def _days(value: str) -> int:
    return (date.fromisoformat(value) - DAY_ZERO).days


def pack(fields: Mapping[str, str]) -> bytes:
    """The packed form of the claims' fields. Raises Unpackable when they do not fit it."""
    stream, width = 0, 0

    def put(value: int, bits: int) -> None:
        nonlocal stream, width
        if not 0 <= value < 1 << bits:
            raise Unpackable(f"{value} does not fit {bits} bits")
        stream, width = stream << bits | value, width + bits

    try:
        body = fields["number"][:-1]
        put(len(body), 5)
        put(int(body, 36), _number_bits(len(body)))
        put(LEVELS.index(fields["level"]), 2)
        put(OUTCOMES.index(fields["outcome"]), 2)
        put(_days(fields["exam_date"]), 16)
        put(_days(fields["issued_on"]), 16)
        put(int(fields["id_hash"], 16), ID_HASH_BITS)
    except ValueError as error:
        raise Unpackable(str(error)) from None
    for name in TEXTS:
        symbols = _symbols(fields[name])
        put(len(symbols), 7)
        for symbol in symbols:
            put(symbol, 12)
    padding = -width % 8
    return (stream << padding).to_bytes((width + padding) // 8, "big")


def _taken(take: Callable[[int], int]) -> dict[str, str]:
    length = take(5)
    value, digits = take(_number_bits(length)), []
    for _ in range(length):
        value, digit = divmod(value, len(ALPHABET))
        digits.append(ALPHABET[digit])
    body = "".join(reversed(digits))
    fields = {
        "number": body + check_character(body),
        "level": LEVELS[take(2)],
        "outcome": OUTCOMES[take(2)],
        "exam_date": (DAY_ZERO + timedelta(days=take(16))).isoformat(),
        "issued_on": (DAY_ZERO + timedelta(days=take(16))).isoformat(),
        "id_hash": f"{take(ID_HASH_BITS):032x}",
    }
    for name in TEXTS:
        fields[name] = _text([take(12) for _ in range(take(7))])
    return fields


def unpack(data: bytes) -> dict[str, str]:
    """The fields again. Raises Unpackable for anything that `pack` would not have written."""
    stream, bits_left = int.from_bytes(data, "big"), len(data) * 8

    def take(bits: int) -> int:
        nonlocal bits_left
        bits_left -= bits
        if bits_left < 0:
            raise Unpackable("too short")
        return stream >> bits_left & (1 << bits) - 1

    try:
        fields = _taken(take)
    except (IndexError, ValueError) as error:
        raise Unpackable(str(error)) from None
    if pack(fields) != data:
        raise Unpackable("not the one packed form")
    return fields


@dataclass(frozen=True, slots=True)
class PublishedForm:
    """Forms 1 and 2 as data, for verifiers written elsewhere; the words are those of this file's docstring."""

    description: str
    code: str
    symbols: str
    phrases_from: int
    phrases: tuple[str, ...]


PUBLISHED = PublishedForm(
    description=__doc__,
    code="decimal digits of: form (1 byte) | epoch of the key (1 byte) | packed claims | Ed25519 signature (64 bytes) "
    "over everything before it, by the key certificate-{epoch}",
    symbols=SINGLE,
    phrases_from=_PHRASE,
    phrases=PHRASES,
)
