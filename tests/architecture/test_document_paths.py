"""Every file and folder that the documents for developers name is there, and holds the names that stand beside it."""

from __future__ import annotations

import re

import pytest

from server.web.console.page_base import NAV
from tests.kit.repository import ROOT

DOCUMENTS = (
    "docs/develop.md",
    "docs/architecture.md",
    "docs/operate.md",
    "docs/rules.md",
    "docs/glossary.md",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
_PATH = re.compile(r"`((?:server|miniprogram_api|tests|docs|static|certs)/[\w./-]*)`")
# `path/file.py` `name` → `other`: the names directly after a path are of that file
_NAMED = re.compile(r"`((?:server|miniprogram_api|tests)/[\w./-]+\.py)` ((?:`\w+`(?: → )?)+)")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_exists(name: str) -> None:
    paths = _PATH.findall((ROOT / name).read_text("utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_name_beside_a_path_is_in_that_file() -> None:
    text = "\n".join((ROOT / name).read_text("utf-8") for name in DOCUMENTS)
    named = _NAMED.findall(text)
    lost = [
        f"{path} {word}"
        for path, words in named
        for word in re.findall(r"`(\w+)`", words)
        if not re.search(rf"\b{word}\b", (ROOT / path).read_text("utf-8"))
    ]
    assert lost == []
    assert len(named) > 10


def test_pages_of_the_console_are_called_by_their_names() -> None:
    text = "\n".join((ROOT / name).read_text("utf-8") for name in DOCUMENTS)
    pages = set(re.findall(r"工作台“([^”]+)”", text))
    assert len(pages) >= 4
    assert pages - {label for _, label, _ in NAV} == set()
