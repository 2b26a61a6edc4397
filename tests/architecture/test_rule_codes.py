"""The numbers of rules (S67, C2) are for us: no page, message or document for users shows one."""

from __future__ import annotations

import ast
import re

from tests.kit.repository import ROOT, tracked

CODE = re.compile(r"(?<![A-Za-z0-9_#&])[SC][1-9][0-9]?(?![A-Za-z0-9_])")
SHAPES_OF_TABLES = "server/models/migrations/"  # what a table is, for who reads the database


def texts(source: str) -> list[tuple[int, str]]:
    """Every text of a module but its docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_no_sentence_of_the_program_shows_a_rules_number() -> None:
    found = []
    for path in tracked("server/*.py", "miniprogram_api/*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith((SHAPES_OF_TABLES, "server/sandbox/")):
            found += [f"{name}:{line}" for line, text in texts(path.read_text("utf-8")) if CODE.search(text)]
    assert found == []


def test_no_page_shows_a_rules_number() -> None:
    found = []
    for path in tracked("server/*.html", "server/*.po", "static/*.js"):
        name = path.relative_to(ROOT).as_posix()
        shown = re.sub(
            r"\{#.*?#\}|^\s*//.*?$|/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        if not name.startswith("server/sandbox/"):
            found += [f"{name}: {hit[0]}" for hit in CODE.finditer(shown)]
    assert found == []


def test_the_change_log_shows_no_rules_number() -> None:
    """It is written for the people at schools."""
    assert CODE.findall((ROOT / "CHANGELOG.md").read_text("utf-8")) == []
