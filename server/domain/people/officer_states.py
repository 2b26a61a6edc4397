"""The life of a school's signing officer: states, steps, and the one writer of `officer.state`.

An officer who was invited by the organisation is `pending` until a second person has confirmed it; one whom the
school's own account invited is confirmed by that. Only an `active` officer signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.ports import Services
from server.models import Officer


class OfficerState(Enum):
    """value: how it is stored; label: how it is written."""

    INVITED = "invited"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    OfficerState.INVITED: "已邀请",
    OfficerState.PENDING: "待确认",
    OfficerState.ACTIVE: "正常",
    OfficerState.SUSPENDED: "已停用",
    OfficerState.WITHDRAWN: "邀请已撤回",
}
LIVING = (OfficerState.INVITED.value, OfficerState.PENDING.value, OfficerState.ACTIVE.value)


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table: from any of `sources` to `target`."""

    name: str
    label: str
    sources: frozenset[OfficerState]
    target: OfficerState
    who: str  # in words, for people


def _step(name: str, label: str, sources: tuple[OfficerState, ...], target: OfficerState, who: str) -> Step:
    return Step(name, label, frozenset(sources), target, who)


STEPS: tuple[Step, ...] = (
    _step("accept", "接受邀请", (OfficerState.INVITED,), OfficerState.PENDING, "负责人本人"),
    _step("withdraw", "撤回邀请", (OfficerState.INVITED,), OfficerState.WITHDRAWN, "评价组织、院校"),
    _step(
        "confirm", "确认负责人", (OfficerState.PENDING,), OfficerState.ACTIVE, "院校账号，或不同角色的第二人"
    ),
    _step(
        "suspend",
        "停用",
        (OfficerState.PENDING, OfficerState.ACTIVE),
        OfficerState.SUSPENDED,
        "评价组织、院校",
    ),
    _step("resume", "恢复", (OfficerState.SUSPENDED,), OfficerState.PENDING, "评价组织、院校"),
)
BY_NAME = {step.name: step for step in STEPS}


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    rows = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for step in STEPS:
        before = "、".join(state.label for state in OfficerState if state in step.sources)
        rows.append(
            f"| {before} | {step.label} `{step.name}` | {step.target.label} `{step.target.value}` | {step.who} |"
        )
    return "\n".join(rows)


def actor_of(officer: Officer) -> Actor:
    """The officer as one who acts."""
    return Actor("officer", officer.id, officer.name, "officer", officer.school_id)


async def advance(
    s: Services,
    officer: Officer,
    name: str,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    where: Mapping[str, Any] | None = None,
    became: Mapping[str, Any] | None = None,
) -> bool:
    """Take one step in the caller's transaction: conditional UPDATE, then the audit row `officer.<name>`.

    Args:
        officer: as the caller read it; its `state` is brought up to date.
        changes: columns that change with the state.
        where: what else must still hold of the row.
        became: what the audit row says beside the state.

    Returns: False when the officer is not (any more) in a state from which the step leads; nothing is written then.
    """
    step = BY_NAME[name]
    before = OfficerState(officer.state)
    if before not in step.sources:
        return False
    found = Officer.filter(id=officer.id, state=before.value, **dict(where or {}))
    if not await found.update(state=step.target.value, **dict(changes or {})):
        return False
    await audit_log.record(
        s.clock,
        actor,
        f"officer.{name}",
        "officer",
        officer.id,
        was={"state": before.value},
        became={"state": step.target.value, **dict(became or {})},
    )
    officer.state = step.target.value
    return True
