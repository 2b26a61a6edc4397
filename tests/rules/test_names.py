"""Names of persons, schools and plans: what looks the same is the same, and what differs stays different."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.imports import cells
from server.domain.people.names import INVISIBLE, RADICALS, clean_name, clean_title, same_name, skeleton
from server.errors import Refused


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Zoë Nguyễn", "Zoë Nguyễn"),
        ("Zoe\u0308 Nguye\u0302\u0303n", "Zoë Nguyễn"),  # as a Mac writes them
        ("Anna  Étienne", "Anna Étienne"),
        ("Анна Иванова", "Анна Иванова"),
        ("Анна И. Иванова", "Анна И. Иванова"),
        ("김 철수", "김 철수"),
        ("\u1100\u1175\u11b7 철수", "김 철수"),
        ("Anna\u3164Smith", "Anna Smith"),
        ("Anna\u2800Smith", "Anna Smith"),
        ("崔\u3164子涵", "崔子涵"),
        ("崔\u2800子\ufe00涵", "崔子涵"),
        ("崔\uffa0子涵", "崔子涵"),
        ("⽂⼀⻓", "文一长"),
        ("\uf979八", "\uf979八"),  # what stands on somebody's card
        ("\uf979 e\u0301", "\uf979é"),
        *((f"买买提{dot}艾力", "买买提·艾力") for dot in "•．・‧∙⋅●᛫˙ꞏᐧㆍ･․﹒\u0387."),
        ("买买提··艾力", "买买提·艾力"),
        ("买买提 · 艾力", "买买提·艾力"),
        ("买买提 . 艾力", "买买提·艾力"),
        ("·崔子涵·", "崔子涵"),
    ],
)
def test_a_persons_name_keeps_what_belongs_to_it(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept
    assert clean_name(kept) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("⽂山职业⼤学", "文山职业大学"),
        ("⻓春职业学院", "长春职业学院"),
        ("京华 职业技术学院", "京华职业技术学院"),
        ("京华\u2800职业\u3164技\ufe00术\u200b学院", "京华职业技术学院"),
        ("凉山\uf979学院", "凉山凉学院"),
        ("葛\U000e0101城学院", "葛城学院"),
        ("京华学院(北区)", "京华学院（北区）"),
        ("京华学院　ＡＢ１", "京华学院AB1"),
        ("Beijing  College", "Beijing College"),
    ],
)
def test_titles_that_look_the_same_are_spelt_the_same(typed: str, kept: str) -> None:
    assert clean_title(typed) == kept
    assert cells.needed(100)(typed) == kept


def test_a_title_with_a_character_of_ones_own_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        cells.needed(100)("京华\ue000学院")
    assert refused.value.code == "private_character"


@pytest.mark.parametrize(
    "other",
    [
        "文山职业大学",
        "⽂山 职业-⼤学",
        "文山职业大学。",
        "（文山）职业大学",
        "文山\u3164职业大学",
        "文山职业大学　",
    ],
)
def test_look_alikes_have_one_skeleton(other: str) -> None:
    assert skeleton(other) == skeleton("文山职业大学")


def test_other_titles_have_other_skeletons() -> None:
    titles = ["文山职业大学", "文山职业学院", "文山职业大学A", "文山职业大学1", "丈山职业大学"]
    assert len({skeleton(title) for title in titles}) == len(titles)
    assert skeleton("计划А") == skeleton("计划A")  # the first is Cyrillic


@given(st.text(max_size=30))
def test_cleaning_a_title_twice_changes_nothing_more(text: str) -> None:
    once = clean_title(text)
    assert clean_title(once) == once


def test_every_radical_becomes_an_ideograph() -> None:
    assert all(chr(plain) not in "⺀⺁" and plain not in RADICALS for plain in RADICALS.values())
    assert len(RADICALS) == 214 + 114


@pytest.mark.parametrize(
    "typed",
    [
        "阿卜杜热西提·麦麦提艾力",
        "阿卜杜热西提麦麦提艾力",
        "阿卜杜热西提 麦麦提艾力",
        "阿卜杜热西提•麦麦提艾力",
        "阿卜杜热西提ꞏ麦麦提艾力",
    ],
)
def test_names_are_the_same_by_their_letters(typed: str) -> None:
    assert same_name(typed, "阿卜杜热西提·麦麦提艾力")
    assert not same_name(typed, "阿卜杜热西提·麦麦提艾买")


def test_forms_of_one_ideograph_are_one_name() -> None:
    assert same_name("凉八", "\uf979八")
    assert same_name("⽂八", "文八")
    assert same_name("ZOË nguyễn", "Zoe\u0308 Nguyễn")


def test_nobodys_name_is_no_name() -> None:
    assert not same_name("", None)
    assert not same_name("···", "崔子涵")


def test_every_format_character_of_unicode_is_known_as_invisible() -> None:
    unseen = {code for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    assert unseen - set(INVISIBLE) == set()
