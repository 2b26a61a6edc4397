"""What papers say and how a seal is judged, for the tests of both."""

from __future__ import annotations

import subprocess
from pathlib import Path

from server.domain.issuance.receipts import Statement
from tests.adapters.documents.papers import program


def judged(pdf: bytes, folder: Path) -> str:
    file = folder / "judged.pdf"
    file.write_bytes(pdf)
    return subprocess.run([program("pdfsig"), "-nocert", file], capture_output=True, text=True).stdout


STATEMENT = Statement(
    action="confirm_scan",
    issuance=7,
    revision=2,
    list_sha256="ab" * 32,
    count=128,
    plan="2023年9月22日社会心理服务证书考试计划",
    level="初级",
    officer=3,
    officer_name="王签发",
    school=1,
    school_name="京华职业技术学院",
    ticket="0123456789abcdef",
    at="2026-11-23T12:00:00.000+08:00",
)
