"""One life, one table, one writer: no state is written anywhere else, and none is spelled outside its own table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

DOMAIN = Path(__file__).resolve().parents[2] / "server/domain"
WRITERS = {
    "campaigns/transitions.py",
    "exams/release_requests.py",
    "certificates/transitions.py",
    "imports/transitions.py",
    "issuance/transitions.py",
    "notices/acceptances.py",
    "notices/campaign_rows.py",
    "notices/text_messages.py",
    "notices/delivery.py",
    "notices/overtaken.py",
    "paper/transitions.py",
    "payments/bank_refund_transitions.py",
    "payments/fees.py",
    "payments/order_transitions.py",
    "payments/reconciliation_transitions.py",
    "payments/refund_transitions.py",
    "payments/transfer_transitions.py",
    "payments/waiver_transitions.py",
    "people/officer_transitions.py",
    "people/staff_changes.py",
    "privacy/erasure_transitions.py",
    "score_changes/verbs.py",
    "wechat_chat/push_inbox.py",
}
# Rooms that stand below the life's own and cannot import its table.
SPELLED = {"exams/plans.py": {"prepared"}}
_WRITTEN = re.compile(r"UPDATE\s+\w+(\s+AS\s+\w+)?\s+SET\b[^;]*?\bstate\s*=\s*('|\$\d)", re.IGNORECASE)


def _files() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(DOMAIN.rglob("*.py")):
        yield path.relative_to(DOMAIN).as_posix(), ast.parse(path.read_text("utf-8"))


def _writes(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
        return any(one.arg == "state" for one in node.keywords)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        head = node.value.split("WHERE")[0]
        return _WRITTEN.search(head) is not None
    return False


def test_every_state_is_written_by_its_one_writer() -> None:
    found = {where for where, tree in _files() if any(_writes(node) for node in ast.walk(tree))}
    assert found - WRITERS == set()


def test_a_writer_beside_the_one_would_be_seen() -> None:
    planted = (
        "await Officer.filter(id=1).update(state=OfficerState.ACTIVE.value)",
        "SQL = \"UPDATE certificate SET state = 'void' WHERE id = $1\"",
        "SQL = 'UPDATE delivery AS d SET attempts = 1, state = $4 WHERE true'",
    )
    assert [any(_writes(node) for node in ast.walk(ast.parse(text))) for text in planted] == [True] * 3
    reading = ast.parse("SQL = \"UPDATE certificate SET attempts = 1 WHERE state = 'drawing'\"")
    assert not any(_writes(node) for node in ast.walk(reading))


def _is_state(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "state"
    return isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "'state'"


def _strings(node: ast.AST) -> set[str]:
    return {
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def _spelled(node: ast.AST) -> set[str]:
    """States that Python code spells (statements of SQL spell those that they read)."""
    if isinstance(node, ast.keyword) and node.arg in ("state", "state__in"):
        return _strings(node.value) if isinstance(node.value, ast.Constant | ast.Tuple | ast.List) else set()
    if isinstance(node, ast.Compare) and _is_state(node.left):
        return set().union(*map(_strings, node.comparators))
    return set()


def test_no_state_is_spelled_outside_its_table() -> None:
    found = {
        where: words for where, tree in _files() if (words := set().union(*map(_spelled, ast.walk(tree))))
    }
    assert found == SPELLED


def test_no_two_lives_share_a_name() -> None:
    names = [
        node.name
        for _, tree in _files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and (node.name == "State" or node.name.endswith("State"))
    ]
    assert "State" not in names
    assert len(names) == len(set(names))
