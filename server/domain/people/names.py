"""Names of persons as people have them: dots, rare characters, minority names, and the stray marks around them."""

from __future__ import annotations

import hmac
import re
import unicodedata
from hashlib import blake2b

from server.errors import Refused

LONGEST_NAME = 60
DOT = "·"
_DOTS = dict.fromkeys(map(ord, "•．・‧∙⋅●᛫˙ꞏᐧㆍ･․﹒⸱⸳▪◦"), DOT)
_CHINESE_MARKS = frozenset(
    "（），：；！？"
)  # belong to Chinese text: 社会心理服务（机考） is a subject's official name
# Radicals (U+2E80–U+2FD5) look like the ideographs and are what text copied out of a PDF often has. Kangxi radicals
# have compatibility decompositions; of the supplement Unicode's EquivalentUnifiedIdeograph.txt says which is which.
_SUPPLEMENT = (
    "⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇𠘨⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢⺑𡯂⺒巳⺓幺⺔彑⺕𫜹⺖忄⺗心⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺟母⺠民⺡氵⺢氺⺣灬⺤爫⺥爫"
    "⺦丬⺧牛⺨犭⺩王⺪𤴔⺫目⺬示⺭礻⺮𥫗⺯糹⺰纟⺱罓⺲罒⺳㓁⺴冗⺵𦉫⺶羊⺷𦍌⺸𦍋⺹耂⺺肀⺻聿⺼肉⺽𦥑⺾艹⺿艹⻀艹⻁虎⻂衤⻃覀⻄西⻅见⻆角⻇𧢲⻈讠⻉贝⻊𧾷⻋车"
    "⻌辶⻍辶⻎辶⻏邑⻐钅⻑長⻒镸⻓长⻔门⻕𨸏⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞𩙿⻟飠⻠饣⻡𩠐⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟"
)
RADICALS = {code: ord(unicodedata.normalize("NFKC", chr(code))) for code in range(0x2F00, 0x2FD6)} | {
    ord(radical): ord(plain) for radical, plain in zip(_SUPPLEMENT[::2], _SUPPLEMENT[1::2], strict=True)
}
# letters by their category, seen as blanks: the ideographic space, Braille without dots, the Hangul fillers
_BLANKS = dict.fromkeys((0x3000, 0x2800, 0x115F, 0x1160, 0x3164, 0xFFA0), ord(" "))
FULL_WIDTH = (
    {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F) if chr(c) not in _CHINESE_MARKS} | _BLANKS | RADICALS
)
# marks that nobody sees: format characters, the joiner of graphemes, variation selectors of all but ideographs
# (Planes 2 and 3 hold ideographs alone, 15 and 16 nothing public: looking through them costs every start a fifth of a second.)
INVISIBLE = {
    code: None
    for code in (*range(0x20000), *range(0xE0000, 0xE1000))
    if unicodedata.category(chr(code)) == "Cf"
} | dict.fromkeys((0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)))
_STRAY = frozenset(map(chr, [*FULL_WIDTH, *INVISIBLE]))
_LEADING = f"'‘’` {DOT}"  # Excel's mark of a text cell, and padding
_LATIN_MARKS = frozenset("-'’ ")
_SELECTORS: dict[int, int | None] = dict.fromkeys(
    range(0xE0100, 0xE01F0)
)  # which glyph of an ideograph: no other ideograph
# in a title: plain letters and digits, but Chinese brackets, so that it is one title however typed
_TITLE = (
    {code: plain for code, plain in FULL_WIDTH.items() if code < 0xFF01 or chr(plain).isalnum()}
    | _BLANKS
    | _SELECTORS
    | {ord("("): ord("（"), ord(")"): ord("）")}
)
_BLANK_RUN = re.compile(r"[^\S\x00-\x1f\x7f-\x9f]+")  # line breaks are no padding
_SPACES = re.compile(r"\s+")
_HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_GAP_BESIDE_HAN = re.compile(f"(?<=[{_HAN}{DOT}]) | (?=[{_HAN}{DOT}])")  # 张 三 is padded; Zoë Smith is not
_DOT_BESIDE_HAN = re.compile(rf"(?<=[{_HAN}]) ?\.|\. ?(?=[{_HAN}])")
_MANY_DOTS = re.compile(f"{DOT}{{2,}}")
_NOT_COMPATIBLE = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")
_COMPATIBLE = re.compile("[\uf900-\ufaff\U0002f800-\U0002fa1f]+")
# Greek and Cyrillic capitals that are drawn like Latin ones, and other marks that are taken for each other
_LOOK_ALIKES = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЅЈ〇○ΟО", "ABEZHIKMNOPTYXABEKMHOPCTYXISJ0000")


def tidy(text: str) -> str:
    """Full-width letters and digits become plain ones, radicals the ideographs they look like; Chinese punctuation
    stays; invisible marks and outer spaces go."""
    if not text.isascii() and not _STRAY.isdisjoint(text):
        text = text.translate(FULL_WIDTH).translate(INVISIBLE)
    return text.strip()


def close_up(text: str) -> str:
    """One kind of blank, and none beside a Chinese character: those are padding."""
    return _GAP_BESIDE_HAN.sub("", _SPACES.sub(" ", text))


def compose(text: str) -> str:
    """Letters and their accents as one character (NFC); compatibility ideographs stay, which NFC would replace."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return _NOT_COMPATIBLE.sub(lambda run: unicodedata.normalize("NFC", run[0]), text)


def clean_title(text: str) -> str:
    """The name of a school, a plan, a subject: what looks the same is spelt the same.

    Unlike a person's name it stands on no identity card, so compatibility ideographs and glyph selectors are folded too.
    """
    if not text.isascii():
        text = compose(text.translate(_TITLE).translate(INVISIBLE))
        text = _COMPATIBLE.sub(lambda run: unicodedata.normalize("NFC", run[0]), text)
    return _GAP_BESIDE_HAN.sub("", _BLANK_RUN.sub(" ", text)).strip()


def skeleton(title: str) -> str:
    """What is left of a title when everything goes that is easily overlooked: two with one skeleton look the same."""
    plain = unicodedata.normalize("NFKC", clean_title(title)).upper().translate(_LOOK_ALIKES).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")


def clean_name(raw: str) -> str:
    """A name as it is kept: one kind of dot, no stray spaces, nothing else changed.

    Compatibility ideographs stay as they are: they are what stands on somebody's identity card.

    Raises:
        Refused: name_missing, name_formula, name_control, name_private, name_characters, name_length.
    """
    text = tidy(compose(raw).translate(_DOTS)).lstrip("'‘’`").strip()
    if not text:
        raise Refused("name_missing", "请填写姓名。")
    if text.startswith(("=", "+", "@")):
        raise Refused("formula", "姓名不能是公式，请直接填写姓名文字。")
    if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
        raise Refused("name_control", "姓名中含有换行、制表等控制字符，请删除后重新填写。")
    if not text.isalpha():
        text = _MANY_DOTS.sub(DOT, close_up(_DOT_BESIDE_HAN.sub(DOT, _SPACES.sub(" ", text))))
        text = compose(text.lstrip(_LEADING).rstrip(f" {DOT}"))
    if not text.isprintable() and any(unicodedata.category(c) == "Co" for c in text):
        raise Refused("name_private", "姓名中有本机自造的字，别的电脑无法识别，请换成国家标准字后重新填写。")
    if not text.isalpha() and not (all(map(_belongs_in_a_name, text)) and any(map(_is_letter, text))):
        raise Refused("name_characters", "姓名中含有数字或符号，请只填写证件上的姓名。")
    if len(text) > LONGEST_NAME:
        raise Refused("name_length", f"姓名超过 {LONGEST_NAME} 个字，请核对是否填错了列。")
    return text


def same_name(one: str, other: str | None) -> bool:
    """Whether two names have the same letters: people leave out spaces and dots, and there are many kinds of dot.

    The one comparison of names, wherever somebody says whose name it is. Takes the same time for every miss.
    """
    if one == other:
        return True
    return hmac.compare_digest(_letters(one), _letters(other or "")) and other is not None


def _letters(name: str) -> bytes:
    wide = unicodedata.normalize("NFKC", tidy(name.translate(_DOTS)).translate(_SELECTORS)).casefold()
    return blake2b(
        "".join(c for c in wide if unicodedata.category(c)[0] in "LM" or c == "〇" or _is_letter(c)).encode()
    ).digest()


def _is_letter(c: str) -> bool:
    """Also ideographs younger than this Python's Unicode tables: planes 2 and 3 hold nothing else."""
    return c.isalpha() or c == "〇" or "\U00020000" <= c <= "\U0003fffd"


def _belongs_in_a_name(c: str) -> bool:
    return _is_letter(c) or c in (DOT, ".") or c in _LATIN_MARKS or unicodedata.category(c)[0] == "M"


def mask_name(name: str) -> str:
    """`崔**`: the first character, then a star for each other one."""
    return name[:1] + "*" * (len(name) - 1)
