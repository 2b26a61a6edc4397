"""Identity numbers (GB 11643), names and masks: pure, without a database."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.people.candidates import (
    IdentityNumber,
    check_character,
    clean_mobile,
    mask_id,
    mask_mobile,
    mask_numbers,
)
from server.domain.people.names import clean_name, mask_name, tidy
from server.errors import Refused

GOOD = "992571200108194055"  # the first invented person of the cohort

days = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@st.composite
def numbers(draw: st.DrawFn) -> str:
    first17 = f"{draw(st.integers(100000, 999999))}{draw(days):%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first17 + check_character(first17)


@pytest.mark.parametrize(
    ("first17", "check"),
    [
        ("11010519491231002", "X"),  # the standard's own example
        ("44052418800101001", "4"),  # the same
        ("99257120010819405", "5"),
    ],
)
def test_check_character_is_that_of_the_standard(first17: str, check: str) -> None:
    assert check_character(first17) == check


@given(numbers())
def test_every_number_with_a_right_check_character_is_read(number: str) -> None:
    assert IdentityNumber.parse(number).text == number
    assert IdentityNumber.parse(number).born == date(
        int(number[6:10]), int(number[10:12]), int(number[12:14])
    )


@given(numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number: str, place: int, add: int) -> None:
    wrong = number[:place] + str((int(number[place]) + add) % 10) + number[place + 1 :]
    with pytest.raises(Refused) as refused:
        IdentityNumber.parse(wrong)
    assert refused.value.code in ("id_check_digit", "id_date")


@given(numbers(), st.integers(0, 16))
def test_two_neighbours_swapped_are_always_noticed(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        with pytest.raises(Refused):
            IdentityNumber.parse(swapped)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_code(text: str) -> None:
    try:
        number = IdentityNumber.parse(text)
    except Refused as refused:
        assert refused.code in ("id_missing", "id_characters", "id_length", "id_date", "id_check_digit")
    else:
        assert number.text[17] == check_character(number.text[:17])


@pytest.mark.parametrize(
    "typed",
    [
        f" {GOOD} ",
        f"'{GOOD}",
        f"　{GOOD}　",
        "９９２５７１２００１０８１９４０５５",
        "992571 20010819 4055",
        f"\ufeff{GOOD}",
        f"{GOOD}\u200b",
    ],
)
def test_what_people_type_is_cleaned(typed: str) -> None:
    assert IdentityNumber.parse(typed).text == GOOD


def test_a_small_x_becomes_a_large_one() -> None:
    assert IdentityNumber.parse("11010519491231002x").text == "11010519491231002X"
    assert IdentityNumber.parse("１１０１０５１９４９１２３１００２ｘ").text == "11010519491231002X"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "id_missing"),
        ("　", "id_missing"),
        (GOOD[:15], "id_length"),
        (GOOD + "1", "id_length"),
        ("99257120010819405A", "id_characters"),
        ("9925712001081940-5", "id_characters"),
        ("X92571200108194055", "id_characters"),
        ("992571200102304055", "id_date"),
        ("992571200113194055", "id_date"),
        ("992571189912314055", "id_date"),
        (GOOD[:17] + "6", "id_check_digit"),
    ],
)
def test_each_fault_has_its_own_code(typed: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        IdentityNumber.parse(typed)
    assert refused.value.code == code


def test_nobody_is_born_tomorrow() -> None:
    assert IdentityNumber.parse(GOOD, today=date(2001, 8, 19)).text == GOOD
    with pytest.raises(Refused) as refused:
        IdentityNumber.parse(GOOD, today=date(2001, 8, 18))
    assert refused.value.code == "id_date"


def test_masks_show_what_the_briefs_say() -> None:
    assert mask_id(GOOD) == "99************4055"
    assert mask_name("崔子涵") == "崔**"
    assert mask_name("𠮷野") == "𠮷*"
    assert mask_name("") == ""
    assert mask_mobile("19912341234") == "199****1234"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"考生{GOOD}姓名有误", "考生99************4055姓名有误"),
        (f"{GOOD.lower()}、11010519491231002x.xlsx", "99************4055、11************002x.xlsx"),
        ("请致电+8619912341234或１９９１２３４１２３４", "请致电+86199****1234或１９９****１２３４"),
        ("9925712001081940551 不是证件号码", "9925712001081940551 不是证件号码"),
        ("证书26SPS100000001C，准考证2309220000200", "证书26SPS100000001C，准考证2309220000200"),
    ],
)
def test_numbers_in_free_text_are_masked(written: str, kept: str) -> None:
    assert mask_numbers(written) == kept


def test_a_number_does_not_show_itself_in_logs() -> None:
    number = IdentityNumber.parse(GOOD)
    assert GOOD not in repr(number)
    assert number.masked == "99************4055"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("崔子涵", "崔子涵"),
        (" 崔子涵　", "崔子涵"),
        ("崔 涵", "崔涵"),
        ("崔　　涵", "崔涵"),
        ("'崔子涵", "崔子涵"),
        ("欧阳•阿卜杜拉", "欧阳·阿卜杜拉"),
        ("买买提．艾力", "买买提·艾力"),
        ("买买提.艾力", "买买提·艾力"),
        ("买买提・艾力", "买买提·艾力"),
        ("古丽娜尔·阿不都热西提·买买提", "古丽娜尔·阿不都热西提·买买提"),
        ("司马𬱖", "司马𬱖"),
        ("䶮昊", "䶮昊"),
        ("𠮷㛃", "𠮷㛃"),
        ("\U00031350\U0002ebf0", "\U00031350\U0002ebf0"),  # younger than this Python's tables
        ("武〇", "武〇"),
        ("Maria  del Mar", "Maria del Mar"),
        ("O'Neil-Smith", "O'Neil-Smith"),
        ("J. Smith", "J. Smith"),
        ("赵钱孙李", "赵钱孙李"),
        ("\ufeff崔子涵\u200b", "崔子涵"),
    ],
)
def test_names_up_to_what_people_have(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "name_missing"),
        ("　 ", "name_missing"),
        ('=HYPERLINK("http://example.invalid","x")', "formula"),
        ("@SUM(A1)", "formula"),
        ("崔\n子涵", "name_control"),
        ("崔\x00涵", "name_control"),
        ("崔\ue863", "name_private"),
        ("崔子涵1", "name_characters"),
        ("崔/涵", "name_characters"),
        ("····", "name_characters"),
        ("崔" * 61, "name_length"),
    ],
)
def test_what_is_no_name_is_refused(typed: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_name(typed)
    assert refused.value.code == code


@given(st.text(max_size=30))
def test_cleaning_a_name_twice_changes_nothing_more(text: str) -> None:
    try:
        once = clean_name(text)
    except Refused:
        return
    assert clean_name(once) == once
    assert once == once.strip()


@given(st.text(max_size=30))
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("19912341234", "19912341234"),
        ("+86 199-1234-1234", "19912341234"),
        ("8619912341234", "19912341234"),
        ("１９９１２３４１２３４", "19912341234"),
    ],
)
def test_mobile_numbers_are_cleaned(typed: str, kept: str) -> None:
    assert clean_mobile(typed) == kept


@pytest.mark.parametrize("typed", ["", "1991234123", "29912341234", "12012341234", "1991234123a"])
def test_what_is_no_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_mobile(typed)
    assert refused.value.code == "mobile_invalid"
