"""The one writer of a batch's state: guards, conditional UPDATE and audit row in the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.events import publish
from server.domain.issuance.scan_query import locked
from server.domain.issuance.states import BY_NAME, BatchState, Facts, Step, Who, moved_on
from server.domain.notices import overtaken
from server.domain.ports import EventBus, Services
from server.domain.roles import Verb
from server.errors import Forbidden
from server.models import Issuance
from server.models.database import rows

__all__ = ["VERBS", "advance", "locked", "require", "tell_state"]
log = logging.getLogger("xcert.issuance")

VERBS = {
    "org_sign": Verb.SIGN,
    "withdraw": Verb.WITHDRAW,
    "revise": Verb.REVISE,
    "hand_over": Verb.HAND_OVER,
}


def require(actor: Actor, step: Step) -> None:
    """Refuse whoever may not take this step.

    Raises:
        Forbidden("role_not_allowed"): staff without the right, or someone who is not of this step's kind at all.
    """
    if step.who is Who.ORGANISATION:
        roles.require(actor, VERBS[step.name])
    elif actor.kind != step.who:
        raise Forbidden("role_not_allowed", f"“{step.label}”只能由{Who(step.who).label}进行。")


async def advance(
    s: Services,
    issuance: Issuance,
    name: str,
    facts: Facts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    became: Mapping[str, Any] | None = None,
) -> BatchState:
    """Take one step in the caller's transaction; nobody else writes `state` or `revision`.

    In order: who may, in which state, guards, `UPDATE … WHERE id AND state AND revision`, audit row.

    Args:
        issuance: as the caller read it, best by `locked`.
        changes: columns that change with the state.
        became: what the audit row says beside state and revision.

    Returns: the new state.

    Raises:
        Forbidden("role_not_allowed") · Conflict("already_moved" or "not_site_pending") · a guard's reason.
    """
    step = BY_NAME[name]
    require(actor, step)
    state = BatchState(issuance.state)
    if state is not step.source:
        raise moved_on(step, state)
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()
    revision = issuance.revision + step.adds_revision
    written = {"state": step.target.value, "revision": revision, **dict(changes or {})}
    if not await _write(issuance, written):
        current = await Issuance.get(id=issuance.id)
        raise moved_on(step, BatchState(current.state))
    if state is BatchState.SITE_PENDING:  # nobody is to be reminded of it any more
        await overtaken.stop_batch(s.clock.now(), issuance.id, issuance.site_id)
    await s.faults.reach(f"life.{name}: the state is written")
    await audit_log.record(
        s.clock,
        actor,
        f"issuance.{name}",
        "issuance",
        issuance.id,
        was={"state": state.value, "revision": issuance.revision},
        became={"state": step.target.value, "revision": revision, **dict(became or {})},
    )
    issuance.state, issuance.revision = step.target.value, revision
    return step.target


async def _write(issuance: Issuance, columns: Mapping[str, Any]) -> bool:
    """Change the row, if its state and revision are still as they were read."""
    settings = ", ".join(f"{column} = ${at}" for at, column in enumerate(columns, 4))
    update = f"UPDATE issuance SET {settings} WHERE id = $1 AND state = $2 AND revision = $3 RETURNING id"  # noqa: S608 -- our own column names
    return bool(await rows(update, issuance.id, issuance.state, issuance.revision, *columns.values()))


async def tell_state(event_bus: EventBus, issuance: Issuance) -> None:
    """The new state, for every page that shows it."""
    state = BatchState(issuance.state)
    await publish(
        event_bus, issuance.id, "state", state=state.value, label=state.label, revision=issuance.revision
    )
