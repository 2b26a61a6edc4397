"""The life of one import run on one screen. Pure: the standard library alone."""

from __future__ import annotations

from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table


class ImportState(Enum):
    """value: how it is stored; label: how it is written."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    UNREADABLE = "unreadable"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"queued": "排队中", "running": "处理中", "done": "已完成", "unreadable": "无法读取"}

# `begin` also leaves running: whoever began it last may have died
STEPS: dict[str, Step[ImportState, Any]] = table(
    step("begin", "queued running", ImportState.RUNNING, "worker", label="开始处理"),
    step("finish", "running", ImportState.DONE, "worker", label="处理完"),
    step("refuse", "queued running", ImportState.UNREADABLE, "worker", label="拒收"),
)

UNFINISHED = (ImportState.QUEUED.value, ImportState.RUNNING.value)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for row in STEPS.values():
        before = "、".join(state.label for state in ImportState if state in row.sources)
        lines.append(
            f"| {before} | {row.label} `{row.name}` | {row.target.label} `{row.target.value}` | 导入任务 |"
        )
    return "\n".join(lines)
