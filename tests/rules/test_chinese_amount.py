"""大写金额, by the examples of 《支付结算办法》附一 and by reading back what was written."""

from __future__ import annotations

import random

import pytest

from server.domain.payments.chinese_amount import MOST_FEN, in_capitals

DIGITS = {character: value for value, character in enumerate("零壹贰叁肆伍陆柒捌玖")}
PLACES = {"拾": 10, "佰": 100, "仟": 1_000}


@pytest.mark.parametrize(
    ("fen", "written"),
    [
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (168_032, "壹仟陆佰捌拾元零叁角贰分"),
        (10_700_053, "壹拾万柒仟元零伍角叁分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        (12_050, "壹佰贰拾元零伍角整"),
        (100, "壹元整"),
        (1_000, "壹拾元整"),
        (50, "伍角整"),
        (3, "叁分"),
        (13, "壹角叁分"),
        (0, "零元整"),
        (1_000_000_000_000, "壹佰亿元整"),
        (1_000_100_010_001, "壹佰亿零壹佰万零壹佰元零壹分"),
        (2_000_000_100, "贰仟万零壹元整"),
        (100_000_000_000, "壹拾亿元整"),
        (MOST_FEN, "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_an_amount_in_capitals(fen: int, written: str) -> None:
    assert in_capitals(fen) == written


@pytest.mark.parametrize("fen", [-1, MOST_FEN + 1])
def test_what_is_no_amount(fen: int) -> None:
    with pytest.raises(ValueError, match="no amount"):
        in_capitals(fen)


def read(text: str) -> int:
    """The fen again."""
    total = group = digit = 0
    for character in text:
        if character in DIGITS:
            digit = DIGITS[character]
        elif character in PLACES:
            group, digit = group + digit * PLACES[character], 0
        elif character == "角":
            total, digit = total + digit * 10, 0
        elif character == "分":
            total, digit = total + digit, 0
        elif character != "整":
            worth = {"亿": 10_000_000_000, "万": 1_000_000, "元": 100}[character]
            total, group, digit = total + (group + digit) * worth, 0, 0
    return total


def test_what_is_written_reads_as_it_was_and_no_zero_stands_twice() -> None:
    chance = random.Random(9)
    # digits that are mostly zeros: that is where it goes wrong
    some = [int("".join(chance.choices("0019", k=chance.randint(1, 14)))) for _ in range(5_000)]
    for fen in {*range(1, 2_000), *some} - {0}:
        written = in_capitals(fen)
        assert read(written) == fen, written
        assert not any(wrong in written for wrong in ("零零", "零元", "零万", "零亿", "零角", "零整")), (
            written
        )
        assert written[0] != "零" and written[-1] in "整分"
