"""How the tests stand to each other: what they share lies in tests/kit or in a conftest, never in a test module."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.kit.repository import ROOT, tracked


def _is_test_module(name: str) -> bool:
    return name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))


def imported_test_modules(source: str) -> list[str]:
    """The test modules that a file imports, at its top or inside a function."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if _is_test_module(one.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            found += [name for name in names if _is_test_module(name)][:1]
    return found


def offences(path: Path) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {name}" for name in imported_test_modules(path.read_text("utf-8"))]


def test_no_test_module_is_imported_by_another_file() -> None:
    assert [offence for path in tracked("*.py") for offence in offences(path)] == []


def test_an_import_of_a_test_module_is_found_in_each_form() -> None:
    source = """
import tests.rules.test_names
from tests.rules.test_names import NAMES
from tests.rules import test_names
from tests.kit import make
def later():
    from tests.rules.test_claims import LINE
"""
    assert imported_test_modules(source) == [
        "tests.rules.test_names",
        "tests.rules.test_names",
        "tests.rules.test_names",
        "tests.rules.test_claims",
    ]
