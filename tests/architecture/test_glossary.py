"""One thing, one word: the words that docs/glossary.md rejects stand nowhere where people read."""

from __future__ import annotations

import re

import pytest

from tests.kit.repository import ROOT, tracked

READ = (
    "server/*.html",
    "server/*.py",
    "server/*.typ",
    "static/*.js",
    "miniprogram_api/*.py",
    "docs/*.md",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "server/*.po",
)
# Words with a rejected one inside that mean something else.
ELSEWHERE = ("日志级别", "数级别", "门户证书编号", "考试计划")


def rejected() -> list[tuple[str, str]]:
    """(rejected, the word to use) of every row."""
    found = []
    for line in (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[3] not in ("", "不用", "---"):
            found += [(word, cells[0]) for word in cells[3].split("、")]
    return found


def test_the_glossary_is_read() -> None:
    assert dict(rejected())["级别"] == "等级" and len(rejected()) >= 12


def test_two_words_for_one_thing_were_settled() -> None:
    settled = {
        "计划": "考试计划",
        "院校负责人": "院校签发负责人",
        "修订": "重新准备",
        "身份证号码": "证件号码",
    }
    assert {word: dict(rejected())[word] for word in settled} == settled


@pytest.mark.parametrize(("word", "use"), rejected())
def test_a_rejected_word_stands_nowhere(word: str, use: str) -> None:
    found = []
    for path in tracked(*READ):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(("server/sandbox/", "docs/decisions/")) or name == "docs/glossary.md":
            continue
        for place, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if word in re.sub("|".join(ELSEWHERE), "", line):
                found.append(f"{name}:{place}")
    assert found == [], f"“{word}” → “{use}”"
