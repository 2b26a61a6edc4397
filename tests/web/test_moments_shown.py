"""Days and times are shown in two forms: one in tables and particulars, another in sentences (decision 0985)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from server.web import languages, templating
from server.web.template_words import tokens

CONSOLE = sorted((templating.TEMPLATES / "console").rglob("*.html"))
PHONE = sorted(path for room in ("h5", "scan") for path in (templating.TEMPLATES / room).rglob("*.html"))
IN_COLUMNS, IN_SENTENCES = {"td", "th", "dd", "option"}, {"p", "h1", "h2", "h3"}
SAID = re.compile(r"\|\s*(?:day|minute|written_day)\b")
SHORT = re.compile(r"\b(?:when|seconds)\(")
BARE = re.compile(r"\{\{\s*[\w.]*(?:_on|_date|_at)\b(?:\s+or\b[^}]*)?\s*\}\}")


def places(path: Path) -> list[tuple[str, str]]:
    """(the nearest element that decides the form, an expression in it) of a template."""
    open_elements: list[str] = []
    found = []
    for token in tokens(path.read_text("utf-8")):
        if token.kind == "tag" and token.name in IN_COLUMNS | IN_SENTENCES:
            if not token.is_end:
                open_elements.append(token.name)
            elif token.name in open_elements:
                while open_elements.pop() != token.name:
                    pass
        elif token.kind == "hole":
            found.append((open_elements[-1] if open_elements else "", token.source))
    return found


@pytest.mark.parametrize("path", CONSOLE, ids=lambda path: path.stem)
def test_a_template_shows_days_in_the_form_of_their_place(path: Path) -> None:
    wrong = [
        source
        for place, source in places(path)
        if (place in IN_COLUMNS and SAID.search(source))
        or (place in IN_SENTENCES and SHORT.search(source))
        or BARE.fullmatch(source)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", PHONE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_phone_says_days_as_a_certificate_does(path: Path) -> None:
    assert [source for _, source in places(path) if SHORT.search(source) or BARE.fullmatch(source)] == []


DAY, MOMENT = date(2023, 9, 22), datetime(2023, 9, 22, 1, 5, 9, tzinfo=UTC)
SHOWN = "{{ when(day) }} {{ when(moment) }} {{ seconds(moment) }} {{ when(text) }} {{ when(none) or '–' }}"
TOLD = "{{ day|day }}, {{ moment|minute }}, {{ text|minute }}"


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("zh-CN", "2023年9月22日, 2023年9月22日 09:05, 2023年9月22日 09:05"),
        ("en", "22 September 2023, 22 September 2023, 09:05, 22 September 2023, 09:05"),
    ],
)
def test_both_forms_are_beijing_time(tag: str, told: str) -> None:
    environment = templating.environment_of(languages.SPEAKERS[tag])
    values = {"day": DAY, "moment": MOMENT, "text": "2023-09-22T09:05:09+08:00", "none": None}
    assert environment.from_string(SHOWN).render(**values) == (
        "2023-09-22 2023-09-22 09:05 2023-09-22 09:05:09 2023-09-22 09:05 –"
    )
    assert environment.from_string(TOLD).render(**values) == told
