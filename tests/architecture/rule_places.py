"""Where each rule of docs/rules.md is built: the code that cites it, the tests that are marked with it.

`make docs` writes it into the document; `test_rules_document.py` checks what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.kit.repository import ROOT, tracked

DOCUMENT = ROOT / "docs" / "rules.md"
RULES = [f"S{number}" for number in range(1, 95)] + [f"C{number}" for number in range(1, 5)]
BEGIN, END = "<!-- built -->", "<!-- /built -->"
CODE = ("server/*.py", "server/*.html", "server/*.typ", "miniprogram_api/*.py", "static/js/*.js")
STATES = ("已建", "部分", "未建", "背景")
_CITED = re.compile(r"\b([SC])(\d{1,2})(?:–[SC]?(\d{1,2}))?\b")
_MARK = re.compile(r"""mark\.rule\(([^)]*)\)""")
_NAME = re.compile(r"""["']([SC]\d{1,2})["']""")


@dataclass(frozen=True)
class Row:
    """One line of the document's tables."""

    rule: str
    says: str
    who: str
    state: str
    decided: str


def rows() -> list[Row]:
    """Every rule of the document, in its order."""
    found = []
    for line in DOCUMENT.read_text("utf-8").split(BEGIN)[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if re.fullmatch(r"[SC]\d{1,2}", cells[0]):
            found.append(Row(*(*cells, "")[:5]))
    return found


def _cited_in(text: str) -> Iterator[str]:
    for letter, first, last in _CITED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number}"


def cited() -> dict[str, list[str]]:
    """rule → files of production code that cite it, ranges like S85–S90 included."""
    found: dict[str, list[str]] = {}
    for path in tracked(*CODE):
        name = path.relative_to(ROOT).as_posix()
        if "/migrations/" in name or name.startswith("server/sandbox/"):
            continue
        for rule in dict.fromkeys(_cited_in(path.read_text("utf-8"))):
            found.setdefault(rule, []).append(name)
    return found


def marked() -> dict[str, list[str]]:
    """rule → test files that are marked with it."""
    found: dict[str, list[str]] = {}
    for path in tracked("tests/*.py"):
        name = path.relative_to(ROOT).as_posix()
        marks = "".join(_MARK.findall(path.read_text("utf-8")))
        for rule in dict.fromkeys(_NAME.findall(marks)):
            found.setdefault(rule, []).append(name)
    return found


def as_markdown() -> str:
    """The table between the markers."""
    code, tests = cited(), marked()

    def listed(names: list[str]) -> str:
        return "<br>".join(f"`{name}`" for name in sorted(names)) or "—"

    lines = ["| 编号 | 代码 | 测试 |", "|---|---|---|"]
    for row in rows():
        if row.state in ("已建", "部分"):
            lines.append(
                f"| {row.rule} | {listed(code.get(row.rule, []))} | {listed(tests.get(row.rule, []))} |"
            )
    return "\n".join(lines)


def write() -> None:
    """Make the table anew."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{as_markdown()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    write()
