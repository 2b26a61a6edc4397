"""What pages say in English: reading pages, and finding the Chinese that a module may say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path

from server.web.phrases import HAN, Phrases

VOID = {"meta", "link", "input", "img", "br", "hr", "col", "source"}
ATTRIBUTES = (
    "aria-label",
    "alt",
    "title",
    "placeholder",
    "data-label",
    "data-confirm",
    "data-yes",
    "data-said",
    "data-busy",
)


DESCRIBING = ("Route", "Field")  # what stands in them is for the description of the interface


class Words(HTMLParser):
    """A page's words and read-out attributes: what it says itself, and what it marks as Chinese."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.quoted: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_quoted = given.get("lang") == "zh-CN" or bool(self._open and self._open[-1][1])
        if not is_quoted:
            self.said += [given.get(name) or "" for name in ATTRIBUTES]
        if tag not in VOID:
            self._open.append((tag, is_quoted))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in ("style", "textarea"):
            return
        (self.quoted if self._open and self._open[-1][1] else self.said).append(data)


def chinese_in(page: str, names: re.Pattern[str]) -> list[str]:
    """What an English page says in Chinese, but for these names; quoted or not."""
    words = Words()
    words.feed(page)
    return [text.strip() for text in words.said + words.quoted if HAN.search(names.sub("", text))]


def literals(path: Path) -> set[str]:
    """Every Chinese sentence that a module may say: its strings but for docstrings, with numbered holes."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DESCRIBING:
            inside |= {id(one) for one in ast.walk(node)}
        elif id(node) in inside:
            continue
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [one.value if isinstance(one, ast.Constant) else None for one in node.values]
            inside |= {id(one) for one in node.values}
            found.add(numbered(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.add(numbered(re.split(r"(\{[a-z_]+\})", node.value)))
    return {one for one in found if HAN.search(one)}


def lacking(sentences: Iterable[str], phrases: Phrases) -> set[str]:
    """Those that have no English, or only with Chinese left in it."""
    said = {one: phrases.exact(one) for one in sentences if one not in phrases.known}
    return {one for one, words in said.items() if words is None or HAN.search(words)}


def numbered(parts: Sequence[object]) -> str:
    """The sentence, with {1}, {2} … for what is filled in."""
    said, holes = "", 0
    for part in parts:
        if part is None or re.fullmatch(r"\{[a-z_]+\}", str(part)):
            holes += 1
            said += f"{{{holes}}}"
        else:
            said += str(part)
    return said


def in_script(text: str) -> set[str]:
    """Every Chinese sentence of a script: its strings, with numbered holes for what a template fills in."""
    found: set[str] = set()
    _scan(text, 0, found, "")
    return {one for one in found if HAN.search(one)}


def _scan(text: str, at: int, found: set[str], end: str) -> int:
    """Read code up to `end` (a brace that closes a hole), or to its end; gives the place after it."""
    depth = 0
    while at < len(text):
        one = text[at]
        if text.startswith("//", at) and text[at - 1] != ":":
            at = text.find("\n", at)
            at = len(text) if at < 0 else at
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 2
        elif one in "\"'":
            close = re.compile(rf"(?:\\.|[^{one}\\\n])*").match(text, at + 1)
            assert close is not None
            found.add(close[0])
            at = close.end() + 1
        elif one == "`":
            at = _template(text, at + 1, found)
        elif end and one == "}" and depth == 0:
            return at + 1
        else:
            depth += {"{": 1, "}": -1}.get(one, 0)
            at += 1
    return at


def _template(text: str, at: int, found: set[str]) -> int:
    said, holes = "", 0
    while text[at] != "`":
        if text.startswith("${", at):
            holes += 1
            said += f"{{{holes}}}"
            at = _scan(text, at + 2, found, "}")
        else:
            said += text[at]
            at += 1
    found.add(said)
    return at + 1
