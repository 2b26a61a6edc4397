"""A receipt's statement."""

from __future__ import annotations

from server.domain.issuance.receipts import Statement

SAID = Statement(
    action="confirm_scan",
    issuance=7,
    revision=2,
    list_sha256="ab" * 32,
    count=12,
    plan="2023年9月22日社会心理服务证书考试计划",
    level="初级",
    officer=3,
    officer_name="王签发",
    school=5,
    school_name="第一职业技术学院",
    ticket="00000000000000ff",
    at="2026-11-23T12:00:00.000+08:00",
)
