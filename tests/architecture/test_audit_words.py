"""Every action that a verb writes into the audit trail has its Chinese name, whether a test happens to do it or not."""

from __future__ import annotations

import ast

from server.web.console.audit_words import ACTIONS
from tests.kit.repository import tracked

WRITERS = {"record", "record_many", "note"}  # of audit_log and incidents


def written(source: str) -> set[str]:
    """The actions that stand in the calls as they are; those of a life are made of its steps."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    named = (one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr in WRITERS)
    texts = (text.value for call in named for text in call.args[1:3] if isinstance(text, ast.Constant))
    return {text for text in texts if isinstance(text, str) and "." in text}


def test_every_action_has_its_name_in_the_console() -> None:
    actions = {
        action for path in tracked("server/domain/*.py") for action in written(path.read_text("utf-8"))
    }
    assert len(actions) > 20
    assert actions - ACTIONS.keys() == set(), "its words go into ACTIONS of server/web/console/audit_words.py"
