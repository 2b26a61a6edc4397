"""The one writer of a run's state: guards, conditional UPDATE, the line of custody and the audit row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paper.states import STEPS, PaperState, SheetState, Standing, moved_on
from server.domain.ports import Clock
from server.errors import NotFound
from server.models import PaperHand, PaperRun, PaperSheet


def unknown() -> NotFound:
    return NotFound("paper_run_unknown", "没有找到这次印制，请从“印制与寄送”页重新进入。")


async def locked(run_id: int) -> PaperRun:
    """The run, locked until the caller commits. Raises NotFound: paper_run_unknown."""
    run = await PaperRun.filter(id=run_id).select_for_update().first()
    if run is None:
        raise unknown()
    return run


def require_at(run: PaperRun, name: str) -> None:
    """Raises Conflict: paper_moved, when this step does not leave the state that the run is in."""
    if PaperState(run.state) not in STEPS[name].sources:
        raise moved_on(STEPS[name], PaperState(run.state))


async def advance(
    clock: Clock,
    run: PaperRun,
    name: str,
    known: Standing,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    became: Mapping[str, Any] | None = None,
) -> PaperState:
    """Take one step in the caller's transaction.

    Args:
        run: as `locked` gave it.
        changes: columns that change with the state.
        became: what the audit row says beside the state.

    Raises:
        Conflict: paper_moved · a guard's reason.
    """
    require_at(run, name)
    step, state = STEPS[name], PaperState(run.state)
    if (reason := step.refusal(known)) is not None:
        raise reason.as_refusal()
    giver, written = run.holder_name, {"state": step.target.value, **dict(changes or {})}
    if not await PaperRun.filter(id=run.id, state=state.value).update(**written):
        raise moved_on(step, PaperState((await PaperRun.get(id=run.id)).state))
    for column, value in written.items():
        setattr(run, column, value)
    await PaperHand.create(run_id=run.id, step=name, from_name=giver, to_name=actor.name, at=clock.now())
    await audit_log.record(
        clock,
        actor,
        f"paper.{name}",
        "paper_run",
        run.id,
        was={"state": state.value},
        became={"state": step.target.value, **dict(became or {})},
    )
    return step.target


async def spoil(clock: Clock, sheet: PaperSheet, reason: str, *, actor: Actor) -> None:
    """A used sheet is spoiled: for ever, with who said so and why. The caller has locked the run."""
    await PaperSheet.filter(id=sheet.id, state=SheetState.USED.value).update(
        state=SheetState.SPOILED.value,
        spoiled_reason=reason,
        spoiled_by=actor.id,
        spoiled_by_name=actor.name,
        spoiled_at=clock.now(),
    )


async def release(run_id: int) -> None:
    """The sheets of a cancelled run go back to the stock."""
    await PaperSheet.filter(run_id=run_id, state=SheetState.USED.value).update(
        state=SheetState.RELEASED.value
    )
