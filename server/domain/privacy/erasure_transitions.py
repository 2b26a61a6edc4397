"""The one writer of an erasure's state: guards, conditional UPDATE and audit row in the caller's transaction."""

from __future__ import annotations

from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.ports import Clock
from server.domain.privacy import subjects
from server.domain.privacy.erasure_register import Entry
from server.domain.privacy.states import STEPS, ErasureState, Standing, moved_on
from server.errors import NotFound
from server.models import Erasure, Staff

REGISTER = "恢复备份以后，按删除登记重做"


async def locked(erasure_id: int) -> Erasure:
    """The case, locked until the caller commits. Raises NotFound: erasure_unknown."""
    row = await Erasure.filter(id=erasure_id).select_for_update().first()
    if row is None:
        raise unknown()
    return row


def unknown() -> NotFound:
    return NotFound("erasure_unknown", "没有这项删除申请，请刷新列表后重试。")


def require_at(row: Erasure, name: str) -> None:
    """Raises Conflict: erasure_moved, when this step does not leave the state that the case is in."""
    if ErasureState(row.state) not in STEPS[name].sources:
        raise moved_on(name, ErasureState(row.state))


async def advance(
    clock: Clock, row: Erasure, name: str, known: Standing, *, actor: Actor, note: str = ""
) -> None:
    """Take one step; the trail says who and when, never whose name it was.

    Raises:
        Conflict: erasure_moved · a guard's reason.
    """
    require_at(row, name)
    step, state = STEPS[name], ErasureState(row.state)
    if (reason := step.refusal(known)) is not None:
        raise reason.as_refusal()
    written: dict[str, Any] = {"state": step.target.value}
    if step.target is ErasureState.DONE:
        written["done_at"] = clock.now()
    else:
        written |= {
            "decided_by": actor.id,
            "decided_by_name": actor.name,
            "decided_at": clock.now(),
            "decision_note": note,
        }
    if not await Erasure.filter(id=row.id, state=state.value).update(**written):
        raise moved_on(name, ErasureState((await Erasure.get(id=row.id)).state))
    for column, value in written.items():
        setattr(row, column, value)
    became = {"state": step.target.value} | ({"reason": note} if note else {})
    await audit_log.record(
        clock,
        actor,
        f"erasure.{name}",
        subjects.of_case(row).of.table,
        subjects.of_case(row).id,
        was={"state": state.value},
        became=became,
    )


async def redo(clock: Clock, entry: Entry, *, actor: Actor) -> Erasure:
    """The step `redo`: an erasure of the register that the database does not know, with those who asked and approved.

    One that is asked for in the database becomes it; otherwise a case is made. In the caller's transaction.
    """
    # An account that is younger than the request has its number from after the restore: it is somebody else.
    accounts = Staff.filter(id__in=(entry.requested_by, entry.decided_by), created_at__lte=entry.requested_at)
    names = dict(await accounts.values_list("id", "name"))
    told: dict[str, Any] = {
        "state": STEPS["redo"].target.value,
        "asked_on": entry.asked_on,
        "reason": REGISTER,
        "requested_by": entry.requested_by,
        "requested_by_name": names.get(entry.requested_by, ""),
        "requested_at": entry.requested_at,
        "decided_by": entry.decided_by,
        "decided_by_name": names.get(entry.decided_by, ""),
        "decided_at": entry.decided_at,
    }
    sources = [one.value for one in STEPS["redo"].sources]
    whose: dict[str, Any] = {entry.of.column: entry.row}
    held = await Erasure.filter(**whose, state__in=sources).select_for_update().first()
    if held is None:
        held = await Erasure.create(**whose, **told)
    else:
        await Erasure.filter(id=held.id).update(**told)
    became = {"state": told["state"], "asked_on": entry.asked_on.isoformat()}
    await audit_log.record(clock, actor, "erasure.redo", entry.of.of.table, entry.row, became=became)
    return held
