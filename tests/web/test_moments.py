"""Days and times are typed in one form, whatever the browser's language: no template leaves it to the browser."""

from __future__ import annotations

import re

import pytest

from server.web import languages, templating

PAGES = sorted(templating.TEMPLATES.rglob("*.html"))


def test_no_template_has_a_field_that_follows_the_browsers_language() -> None:
    found = re.compile(r"""type=["'](?:date|time|datetime-local|month|week)["']""")
    assert [path.name for path in PAGES if found.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("speaker", languages.SPEAKERS.values(), ids=lambda one: one.tag)
def test_a_field_says_how_it_is_filled_in(speaker: languages.Speaker) -> None:
    source = """{% from "console/moments.html" import moment %}{{ moment("minute", "at", "at", "2026-12-01T09:00", least="2026-11-23", needed=true, hint="h") }}"""
    page = templating.environment_of(speaker).from_string(source).render()
    assert 'value="2026-12-01 09:00"' in page and 'data-least="2026-11-23"' in page and " required" in page
    assert 'aria-describedby="h"' in page and 'data-kind="beijing"' in page
    pattern = re.search(r'pattern="([^"]+)"', page)
    assert pattern is not None and re.fullmatch(pattern[1], "2026-12-01 09:00")
    assert not re.fullmatch(pattern[1], "12/01/2026 9:00 AM")
