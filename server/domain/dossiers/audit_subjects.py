"""What an audit entry is about, by the name that people know it by; and what they mean by a number they type."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.claims import is_number, tidy_number
from server.domain.people.names import mask_name, tidy
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.models.database import rows

Subject = tuple[str, str]  # kind and id, as the trail has them
_ID = re.compile(r"[1-9][0-9]{0,17}")
_BATCH = re.compile(r"第?([1-9][0-9]{0,17})批?")
_NAMES = {
    "plan": "SELECT id, name FROM plan WHERE id = ANY($1::bigint[])",
    "staff": "SELECT id, name FROM staff WHERE id = ANY($1::bigint[])",
    "candidate": "SELECT id, name FROM candidate WHERE id = ANY($1::bigint[])",
    "officer": "SELECT o.id, o.name || '（' || h.name || '）' AS name FROM officer o JOIN school h ON h.id = o.school_id"
    " WHERE o.id = ANY($1::bigint[])",
    "registration": "SELECT id, admission_number AS name FROM registration WHERE id = ANY($1::bigint[])",
    "import": "SELECT id, file_name AS name FROM import_run WHERE id = ANY($1::bigint[])",
    "issuance": "SELECT i.id, '第 ' || i.id || ' 批（' || h.name || '）' AS name FROM issuance i"
    " JOIN site t ON t.id = i.site_id JOIN school h ON h.id = t.school_id WHERE i.id = ANY($1::bigint[])",
    "campaign": "SELECT id, name FROM campaign WHERE id = ANY($1::bigint[])",
    "fee_order": "SELECT id, number AS name FROM fee_order WHERE id = ANY($1::bigint[])",
    "release_request": "SELECT x.id, p.name FROM release_request x JOIN plan p ON p.id = x.plan_id WHERE x.id = ANY($1::bigint[])",
}


async def named(subjects: Iterable[Subject], *, actor: Actor) -> dict[Subject, str]:
    """The names of those that have one, a candidate's masked: one look for each kind. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_AUDIT)
    ids: dict[str, list[int]] = defaultdict(list)
    for kind, one in set(subjects):
        if kind in _NAMES and _ID.fullmatch(one):
            ids[kind].append(int(one))
    found = {}
    for kind, wanted in ids.items():
        for row in await rows(_NAMES[kind], wanted):
            name = mask_name(row["name"]) if kind == "candidate" else row["name"]
            found[kind, str(row["id"])] = name
    return found


async def meant(text: str, *, actor: Actor) -> list[Subject]:
    """What a certificate number, an admission number, or a batch's number is in the trail.

    Raises Forbidden: role_not_allowed; Invalid: /number number_form.
    """
    roles.require(actor, Verb.SEE_AUDIT)
    plain = "".join(tidy(text).split())
    found: list[Subject] = []
    if is_number(tidy_number(plain)):
        found.append(("certificate", tidy_number(plain)))
    for row in await rows(
        "SELECT id, candidate_id FROM registration WHERE admission_number = $1", plain.upper()
    ):
        found += [("registration", str(row["id"])), ("candidate", str(row["candidate_id"]))]
    if batch := _BATCH.fullmatch(plain):
        found.append(("issuance", batch[1]))
    if not found:
        detail = "没有这个编号。请输入完整的证书编号、准考证号，或批次的编号（如 12）。"
        raise Invalid(errors=[FieldError("/number", "number_form", detail)])
    return found
