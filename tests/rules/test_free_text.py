"""Reasons and notes in people's own words: whoever reads one sees what is there."""

from __future__ import annotations

import pytest

from server.domain.people.free_text import clean_reason


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  考试 违纪\n第2次 ", "考试 违纪 第2次"),
        ("\u200b", ""),
        ("\u3164\u2800 \u115f", ""),
        ("\u2060" * 10, ""),
        ("……。", ""),
        ("\u202e反", "反"),
        ("复\u200b核", "复核"),
        ("a\0b\x07c", "a b c"),
        ("复核 110101199003074510 有误", "复核 11************4510 有误"),
    ],
)
def test_a_reason_is_what_can_be_read(typed: str, kept: str) -> None:
    assert clean_reason(typed) == kept
