"""The life of one certificate on one screen: reserved with its batch, sealed at 发放, revoked if it must be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.errors import Conflict


class CertificateState(Enum):
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
    CertificateState.RESERVED: "编号已预留",
    CertificateState.VOID: "编号已作废",
    CertificateState.DRAWING: "生成中",
    CertificateState.VALID: "有效",
    CertificateState.REVOKED: "已撤销",
    CertificateState.SUPERSEDED: "已更正换发",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One way from a state to another; `who` is the kind of the actor."""

    name: str
    label: str
    source: CertificateState
    target: CertificateState
    who: str


STEPS: tuple[Step, ...] = (
    Step("void", "作废编号", CertificateState.RESERVED, CertificateState.VOID, "staff"),
    Step("draw", "写定证书内容", CertificateState.RESERVED, CertificateState.DRAWING, "system"),
    Step("seal", "生成并盖章", CertificateState.DRAWING, CertificateState.VALID, "system"),
    Step("revoke", "撤销", CertificateState.VALID, CertificateState.REVOKED, "staff"),
)
BY_NAME = {step.name: step for step in STEPS}

EVER_VALID = (CertificateState.VALID.value, CertificateState.REVOKED.value, CertificateState.SUPERSEDED.value)


def moved_on(step: Step, state: CertificateState) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    if step.name == "revoke" and state is CertificateState.REVOKED:
        return Conflict("already_revoked", "这份证书已经撤销，无需再次操作。")
    return Conflict("certificate_moved", f"证书现在是“{state.label}”，不能{step.label}；请刷新后再看。")
