"""The life of one certificate on one screen: reserved with its batch, sealed at 发放, revoked or superseded if it must be."""

from __future__ import annotations

from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table
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


STEPS: dict[str, Step[CertificateState, Any]] = table(
    step("void", "reserved", CertificateState.VOID, "staff", label="作废编号"),
    step("drop", "reserved drawing", CertificateState.VOID, "system", label="本人已删除，作废编号"),
    step("draw", "reserved", CertificateState.DRAWING, "system", label="写定证书内容"),
    step("seal", "drawing", CertificateState.VALID, "system", label="生成并盖章"),
    step("revoke", "valid", CertificateState.REVOKED, "staff", label="撤销"),
    step("supersede", "valid", CertificateState.SUPERSEDED, "system", label="更正换发"),
)

UNSEALED = (CertificateState.RESERVED.value, CertificateState.DRAWING.value)
LIVING = (*UNSEALED, CertificateState.VALID.value)
EVER_VALID = (CertificateState.VALID.value, CertificateState.REVOKED.value, CertificateState.SUPERSEDED.value)


def moved_on(step: Step[CertificateState, Any], state: CertificateState) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    if step.name == "revoke" and state is CertificateState.REVOKED:
        return Conflict("already_revoked", "这份证书已经撤销，无需再次操作。")
    return Conflict("certificate_moved", f"证书现在是“{state.label}”，不能{step.label}；请刷新后再看。")
