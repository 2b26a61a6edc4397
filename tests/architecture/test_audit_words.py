"""Every action that a verb writes into the audit trail has its Chinese name, whether a test happens to do it or not."""

from __future__ import annotations

import ast

from server.web.console.audit_fields import FIELDS
from server.web.console.audit_words import ACTIONS
from tests.kit.repository import tracked

WRITERS = {"record", "record_many", "note"}  # of audit_log and incidents


def written(source: str) -> set[str]:
    """The actions that stand in the calls as they are; those of a life are made of its steps."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    named = (one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr in WRITERS)
    texts = (text.value for call in named for text in call.args[1:3] if isinstance(text, ast.Constant))
    return {text for text in texts if isinstance(text, str) and "." in text}


def named_in(source: str) -> set[str]:
    """What entries say of a change, where it is written out: `was=` and `became=`, and what was made ready for them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        kept: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
            kept = [one.value for one in node.keywords if one.arg in ("was", "became")]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in ("was", "became"):
                kept = [node.value]
        for made in kept:
            if isinstance(made, ast.Dict):
                found |= {str(one.value) for one in made.keys if isinstance(one, ast.Constant)}
    return found


def test_every_field_of_an_entry_has_its_word() -> None:
    files = [path for path in tracked("server/domain/*.py") if "record" in path.read_text("utf-8")]
    fields = {field for path in files for field in named_in(path.read_text("utf-8"))}
    assert len(fields) > 40
    assert fields - FIELDS.keys() == set(), "its word goes into FIELDS of server/web/console/audit_fields.py"


def test_every_action_has_its_name_in_the_console() -> None:
    actions = {
        action for path in tracked("server/domain/*.py") for action in written(path.read_text("utf-8"))
    }
    assert len(actions) > 20
    assert actions - ACTIONS.keys() == set(), "its words go into ACTIONS of server/web/console/audit_words.py"
