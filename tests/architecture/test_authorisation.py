"""Authorisation stands in the verb, and a school's scope in one place."""

from __future__ import annotations

import ast
from pathlib import Path

DOMAIN = Path(__file__).resolve().parents[2] / "server/domain"
# Verbs that write in an actor's name and ask no role of him.
OF_ONESELF = {
    "auth/api_tokens.py": "one's own tokens",
    "auth/logins.py": "one's own session",
    "auth/passkeys.py": "one's own keys",
    "auth/scan_login.py": "one's own WeChat",
    "auth/second_factor.py": "one's own second factor",
    "auth/session_list.py": "one's own log-ins; of another's, `end_anothers` has asked",
    "notices/choices.py": "what oneself is told; the caller has asked who it is",
}
ASKS_NOBODY = {
    "audit/incidents.py note": "says what was tried",
    "people/staff.py change_password": "one's own password, and the old one is asked for",
    "certificates/revocation.py take_validity": "a part of verbs that have asked: revoking, a correction of a score",
    "corrections/effects.py certificates_follow": "a part of approving a correction, which has asked",
    "corrections/effects.py write_person": "a part of approving a correction, which has asked",
    "corrections/effects.py write_placement": "a part of approving a correction, which has asked",
    "paper/transitions.py spoil": "the writer; the verb on spoiled sheets has asked",
    "issuance/replacement.py begin": "a part of approving a correction, which has asked",
    "certificates/portal.py write": "a part of an import, whose verb has asked",
    "portal_lists/keeping.py keep": "a part of an import, whose verb has asked",
    "imports/practice_writing.py take": "a part of an import, whose verb has asked",
    "notices/hold.py begin": "the command line alone",
    "privacy/erasure_transitions.py redo": "the writer; who asked and who approved is on the register",
    "notices/hold.py end": "the command line alone",
    "people/conflicts.py stand_behind": "a part of the verbs on officers, which have asked",
    "people/identity_index.py reindex": "the command line alone",
    "key_care/reencryption.py reencrypt": "the command line and the daily sweep alone",
    "campaigns/transitions.py advance": "the writer; the verbs on campaigns have asked",
    "payments/bank_refund_transitions.py advance": "the writer; the verbs on refunds by bank have asked",
    "payments/order_transitions.py advance": "the writer; the verbs on orders and refunds have asked",
    "payments/reconciliation_transitions.py advance": "the writer; the verbs on the reconciliation have asked",
    "payments/refund_transitions.py advance": "the writer; the verbs on refunds have asked",
    "payments/transfer_transitions.py advance": "the writer; the verbs on transfers have asked",
    "payments/waiver_transitions.py advance": "the writer; the verbs on waivers have asked",
    "people/staff.py create": "whoever has the machine, by a command; everybody else is refused at once",
    "people/officer_transitions.py advance": "the writer; the verbs on officers have asked",
}


def _asks(function: ast.AsyncFunctionDef, helpers: dict[str, str]) -> bool:
    text = ast.unparse(function)
    return "require" in text or any(
        f"{name}(" in text and "require" in body for name, body in helpers.items()
    )


def _silent() -> set[str]:
    found = set()
    for path in sorted(DOMAIN.rglob("*.py")):
        where = path.relative_to(DOMAIN).as_posix()
        functions = [
            node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.AsyncFunctionDef)
        ]
        helpers = {one.name: ast.unparse(one) for one in functions if one.name.startswith("_")}
        for one in functions:
            named = {argument.arg for argument in (*one.args.args, *one.args.kwonlyargs)}
            writes = any(sign in ast.unparse(one) for sign in ("audit_log.record", ".update(", ".create("))
            if "actor" in named and not one.name.startswith("_") and writes and where not in OF_ONESELF:
                found |= set() if _asks(one, helpers) else {f"{where} {one.name}"}
    return found


def test_every_verb_that_writes_asks_who_may() -> None:
    assert _silent() == set(ASKS_NOBODY)


def test_a_schools_scope_is_asked_in_one_place() -> None:
    spelled = {
        path.relative_to(DOMAIN).as_posix()
        for path in DOMAIN.rglob("*.py")
        if "actor.role == Role.SCHOOL" in (text := path.read_text("utf-8"))
        or "actor.role != Role.SCHOOL" in text
    }
    assert spelled == {"people/school_scope.py"}
