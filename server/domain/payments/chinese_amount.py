"""大写金额: an amount in the characters that cannot be altered, as 《支付结算办法》附一 writes it. Pure."""

from __future__ import annotations

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
MOST_FEN = 10**14 - 1  # 9,999 亿 9,999 万 …


def in_capitals(fen: int) -> str:
    """人民币 in capitals: 120.50 元 is 壹佰贰拾元零伍角整.

    A row of zeros is one 零; none stands before 元, 万 or 亿; without 分 it ends in 整; without 元 it begins with 角 or 分.

    Args:
        fen: 0 to `MOST_FEN`.

    Raises:
        ValueError: an amount that nobody writes so.
    """
    if not 0 <= fen <= MOST_FEN:
        raise ValueError(f"no amount to be written in capitals: {fen}")
    yuan, jiao, odd = fen // 100, fen // 10 % 10, fen % 10
    if not fen:
        return "零元整"
    text = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        # After a whole number that ends in zero the 零 before 角 may be written; it leaves no room to write in.
        text += ("零" if yuan and yuan % 10 == 0 else "") + f"{_DIGITS[jiao]}角"
    elif odd and yuan:
        text += "零"
    return text + (f"{_DIGITS[odd]}分" if odd else "整")


def _whole(yuan: int) -> str:
    """Above zero, by groups of four digits."""
    text, is_gap = "", False
    for place in reversed(range(len(_GROUPS))):
        group = yuan // 10 ** (4 * place) % 10_000
        if not group:
            is_gap = bool(text)
            continue
        if text and (is_gap or group < 1_000):
            text += "零"
        text += _four(group) + _GROUPS[place]
        is_gap = False
    return text


def _four(group: int) -> str:
    text, is_gap = "", False
    for place in reversed(range(4)):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if is_gap else "") + _DIGITS[digit] + _PLACES[place]
        is_gap = not digit and bool(text)
    return text
