"""The index of docs/decisions: one line for each file, made out of their first lines. `make docs` writes it."""

from __future__ import annotations

from pathlib import Path

from tests.kit.repository import ROOT

FOLDER = ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
BEGIN, END = "<!-- decisions -->", "<!-- /decisions -->"


def decisions() -> list[Path]:
    return sorted(FOLDER.glob("[0-9]*.md"))


def title(path: Path) -> str:
    """The heading without its number."""
    first = path.read_text("utf-8").splitlines()[0]
    return first.removeprefix("# ").removeprefix(path.name[:4]).lstrip(" ·")


def as_markdown() -> str:
    """The table between the markers."""
    rows = [f"| [{path.name[:4]}]({path.name}) | {title(path)} |" for path in decisions()]
    return "\n".join(["| 编号 | 决定 |", "|---|---|", *rows])


def refreshed(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{as_markdown()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    INDEX.write_text(refreshed(INDEX.read_text("utf-8")), "utf-8")
