"""What the sandbox refuses with: numbers of WeChat's, in WeChat's words."""

from __future__ import annotations

import ast

from server.sandbox.refusals import MESSAGES
from tests.kit.repository import ROOT, tracked


def test_every_number_it_refuses_with_has_its_words() -> None:
    raised = set()
    for path in tracked("server/sandbox/*.py"):
        if path.is_relative_to(ROOT / "server/sandbox/pay"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "WeChatError":
                raised |= {number.value for number in node.args[:1] if isinstance(number, ast.Constant)}
    assert len(raised) > 40
    assert raised - MESSAGES.keys() == set(), "its errmsg goes into MESSAGES of server/sandbox/refusals.py"
