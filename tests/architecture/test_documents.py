"""What code and documents point at exists: sections of docs/wechat.md, links, anchors; and what no document may hold."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture import decisions
from tests.kit.repository import ROOT, tracked

WECHAT = ROOT / "docs" / "wechat.md"
CITING = ("server/*", "miniprogram_api/*", "tests/*.py", "static/js/*.js", "docs/*.md")
_SECTION = re.compile(r"§(\d+(?:\.\d+)?)(?:[–-]§?(\d+(?:\.\d+)?))?")
_ELSEWHERE = re.compile(r"(?:RFC ?\w+|XML 1\.0|PAdES)[^()]*?§[\d.]+")  # sections of other people's documents
_HEADING = re.compile(r"^(#+) (.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in tracked("*.md")]


@cache
def sections() -> frozenset[str]:
    """Every number that can be cited: headings, and the ten facts of section 0."""
    text = WECHAT.read_text("utf-8")
    headings = re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", text, re.MULTILINE)
    facts = text.partition("\n## 0.")[2].partition("\n## 1.")[0]
    return frozenset(headings) | {f"0.{number}" for number in re.findall(r"^(\d+)\. ", facts, re.MULTILINE)}


def test_the_sections_are_read() -> None:
    assert {"0.3", "1.4", "2", "3.2", "4.5", "6.5", "7.3", "12"} <= sections() and len(sections()) == 46


def test_every_cited_section_of_wechat_exists() -> None:
    """`wechat.md §x`, and the bare `§x` of the files that cite it so."""
    lost, seen = [], 0
    for path in tracked(*CITING):
        if path.suffix not in (".py", ".js", ".html", ".md", ".css"):
            continue
        for place, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for ends in _SECTION.findall(_ELSEWHERE.sub("", line)):
                seen += 1
                lost += [
                    f"{path.relative_to(ROOT)}:{place} §{number}"
                    for number in ends
                    if number and number not in sections()
                ]
    assert lost == []
    assert seen > 150


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and most viewers make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for _, heading in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    text = re.sub(r"`[^`\n]*`", "", document.read_text("utf-8"))
    dead = []
    for one in _LINK.findall(text):
        target = one[0] or one[1]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (document.parent / file) if file else document
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_holds_what_belongs_to_somebody(name: str) -> None:
    """No identity number, no telephone number but the sandbox's own (199 0000 …), no package registry."""
    text = (ROOT / name).read_text("utf-8")
    assert re.findall(r"(?<!\d)\d{17}[\dXx](?!\d)", text) == []
    assert [found for found in re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text) if found[:7] != "1990000"] == []
    assert re.findall(r"pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|ghcr\.io", text) == []


def test_every_decision_is_in_the_index() -> None:
    """`make docs` writes it."""
    text = decisions.INDEX.read_text("utf-8")
    assert decisions.refreshed(text) == text, "run `make docs`"
    numbers = [path.name[:4] for path in decisions.decisions()]
    assert len(numbers) == len(set(numbers)) > 30


def test_every_decision_begins_with_its_number() -> None:
    assert [
        path.name
        for path in decisions.decisions()
        if not path.read_text("utf-8").startswith(f"# {path.name[:4]} ")
    ] == []
