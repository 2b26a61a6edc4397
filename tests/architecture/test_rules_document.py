"""docs/rules.md against the code's citations and the tests' markers."""

from __future__ import annotations

import re

import pytest

from tests.architecture.rule_places import BEGIN, DOCUMENT, END, RULES, STATES, cited, marked, rows
from tests.kit.repository import ROOT

WRITE = "run `make docs`"


def built() -> set[str]:
    return {row.rule for row in rows() if row.state in ("已建", "部分")}


def test_every_rule_stands_there_once_and_in_order() -> None:
    assert [row.rule for row in rows()] == RULES


def test_each_row_says_what_it_is_and_in_which_state() -> None:
    assert [row.rule for row in rows() if row.state not in STATES or not row.says or not row.who] == []


def test_what_is_not_or_half_built_says_which_work_it_belongs_to() -> None:
    silent = [row.rule for row in rows() if row.state == "未建" and "归" not in row.decided]
    silent += [row.rule for row in rows() if row.state == "部分" and not row.decided]
    assert silent == []


def test_a_rule_is_built_exactly_when_a_test_holds_it() -> None:
    assert marked().keys() == built()


def test_no_code_cites_a_rule_that_is_not_built() -> None:
    about = {row.rule for row in rows() if row.state == "背景"}
    assert cited().keys() - built() - about == set()


@pytest.mark.parametrize("column", [1, 2], ids=["code", "tests"])
def test_the_places_of_a_rule_cite_it(column: int) -> None:
    """None is missing and none is wrong by rule; a place more than the table has is no lie."""
    truth = cited() if column == 1 else marked()
    table = DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    found: dict[str, list[str]] = {}
    for line in table.splitlines()[3:]:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        found[cells[0]] = re.findall(r"`([^`]+)`", cells[column])
    assert found.keys() == built(), WRITE
    assert {rule: set(names) - set(truth.get(rule, [])) for rule, names in found.items()} == {
        rule: set() for rule in found
    }, WRITE
    assert [rule for rule, names in found.items() if truth.get(rule) and not names] == [], WRITE
    assert [name for names in found.values() for name in names if not (ROOT / name).is_file()] == []
