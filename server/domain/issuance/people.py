"""Who is on a batch's list, masked, in order of number."""

from __future__ import annotations

from typing import Any

from server.domain.audit import Actor
from server.domain.certificate_states import State
from server.domain.claims import Line
from server.domain.issuance.overview import Page, limited
from server.domain.issuance.sight import seen_by
from server.domain.people import roles
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.names import mask_name
from server.domain.people.roles import Verb
from server.domain.ports import Services
from server.errors import NotFound
from server.records import Issuance
from server.records.database import rows

_PEOPLE = """
SELECT x.number, x.state, x.line, c.id_sealed FROM certificate x JOIN candidate c ON c.id = x.candidate_id
WHERE x.issuance_id = $1 AND x.state <> 'void' AND x.number > $2 ORDER BY x.number LIMIT $3
"""


async def people(
    s: Services, issuance_id: int, *, cursor: str | None = None, limit: int | None = None, actor: Actor
) -> Page:
    """The list without voided numbers; the cursor is the last number shown.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found"), also for another school's batch.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    issuance = await Issuance.get_or_none(id=issuance_id)
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(s, issuance, actor)
    size = limited(limit)
    found = await rows(_PEOPLE, issuance_id, cursor or "", size + 1)
    shown = [_row(s, row) for row in found[:size]]
    return Page(shown, shown[-1]["number"] if len(found) > size else None)


def _row(s: Services, row: dict[str, Any]) -> dict[str, Any]:
    state = State(row["state"])
    return {
        "number": row["number"],
        "state": state.value,
        "state_label": state.label,
        "name_masked": mask_name(Line.from_bytes(bytes(row["line"])).name),
        "id_masked": mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
    }
