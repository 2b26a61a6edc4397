"""The one writer of a case's state: guards, conditional UPDATE and audit row in the caller's transaction."""

from __future__ import annotations

from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.corrections.case_letters import unknown
from server.domain.corrections.states import STEPS, CorrectionState, Standing, moved_on
from server.domain.ports import Clock
from server.models import Correction


async def locked(correction_id: int) -> Correction:
    """The case, locked until the caller commits. Raises NotFound: correction_unknown."""
    case = await Correction.filter(id=correction_id).select_for_update().first()
    if case is None:
        raise unknown()
    return case


def require_at(case: Correction, name: str) -> None:
    """Raises Conflict: correction_moved, when this step does not leave the state that the case is in."""
    if CorrectionState(case.state) not in STEPS[name].sources:
        raise moved_on(STEPS[name], CorrectionState(case.state))


async def advance(
    clock: Clock, case: Correction, name: str, known: Standing, *, actor: Actor, note: str = ""
) -> None:
    """Take one step. The trail says neither names nor numbers: the case has them, sealed.

    Raises:
        Conflict: correction_moved · a guard's reason.
    """
    require_at(case, name)
    step, state = STEPS[name], CorrectionState(case.state)
    if (reason := step.refusal(known)) is not None:
        raise reason.as_refusal()
    written: dict[str, Any] = {"state": step.target.value}
    if step.target is CorrectionState.DONE:
        written["done_at"] = clock.now()
    else:
        written |= {
            "decided_by": actor.id,
            "decided_by_name": actor.name,
            "decided_at": clock.now(),
            "decision_note": note,
        }
    if not await Correction.filter(id=case.id, state=state.value).update(**written):
        raise moved_on(step, CorrectionState((await Correction.get(id=case.id)).state))
    for column, value in written.items():
        setattr(case, column, value)
    became = {"state": step.target.value, "kind": case.kind} | ({"reason": note} if note else {})
    await audit_log.record(
        clock, actor, f"correction.{name}", "correction", case.id, was={"state": state.value}, became=became
    )
