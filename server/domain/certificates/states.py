"""The life of one certificate on one screen: reserved with its batch, sealed at 发放, revoked if it must be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.errors import Conflict


class State(Enum):
    """value: how it is stored; label: how it is written."""

    RESERVED = "reserved"
    VOID = "void"
    DRAWING = "drawing"
    VALID = "valid"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"  # by the correction of S68

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    State.RESERVED: "编号已预留",
    State.VOID: "编号已作废",
    State.DRAWING: "生成中",
    State.VALID: "有效",
    State.REVOKED: "已撤销",
    State.SUPERSEDED: "已更正换发",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One way from a state to another; `who` is the kind of the actor."""

    name: str
    label: str
    source: State
    target: State
    who: str


STEPS: tuple[Step, ...] = (
    Step("void", "作废编号", State.RESERVED, State.VOID, "staff"),
    Step("draw", "写定证书内容", State.RESERVED, State.DRAWING, "system"),
    Step("seal", "生成并盖章", State.DRAWING, State.VALID, "system"),
    Step("revoke", "撤销", State.VALID, State.REVOKED, "staff"),
)
BY_NAME = {step.name: step for step in STEPS}

EVER_VALID = (State.VALID.value, State.REVOKED.value, State.SUPERSEDED.value)


def moved_on(step: Step, state: State) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    if step.name == "revoke" and state is State.REVOKED:
        return Conflict("already_revoked", "这份证书已经撤销，无需再次操作。")
    return Conflict("certificate_moved", f"证书现在是“{state.label}”，不能{step.label}；请刷新后再看。")
