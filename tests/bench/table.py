"""One line of a benchmark, and the table that docs/develop.md shows. Only ratios of one run mean anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Ours beside a ceiling measured in the same run.

    `ours` and `ceiling` are in `unit`; `ratio` is ours ÷ ceiling where more is better, and says how near we come.
    `aim` is what the project wants of the ratio ("≥ 0.75"), or "" where nothing was set.
    """

    name: str
    ours: float
    ceiling: float
    unit: str
    against: str
    aim: str = ""
    ratio_given: float | None = None

    @property
    def ratio(self) -> float:
        return self.ratio_given if self.ratio_given is not None else self.ours / self.ceiling


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| 项目 | 本服务 | 上限 | 对比对象 | 比值 | 目标 |", "|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.ours:,.4g} {row.unit} | {row.ceiling:,.4g} {row.unit} | {row.against} "
            f"| **{row.ratio:.2f}** | {row.aim or '—'} |"
        )
    return "\n".join(lines)
