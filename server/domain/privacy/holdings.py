"""Every table of the database with what its columns hold; a test compares it with the database itself."""

from __future__ import annotations

from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.privacy.holding import Holding, Kind
from server.domain.privacy.other_tables import OTHER_TABLES

HOLDINGS: dict[str, Holding] = {one.table: one for one in (*CANDIDATE_TABLES, *OTHER_TABLES)}


def tables_as_markdown() -> str:
    """What is held of a candidate and where, as docs/privacy.md shows it."""
    lines = ["| 表 | 里面是什么 | 本人的信息 |", "|---|---|---|"]
    for one in CANDIDATE_TABLES:
        lines.append(f"| `{one.table}` | {one.label} | {'、'.join(one.words.values())} |")
    return "\n".join(lines)


def passing_as_markdown() -> str:
    """Tables whose rows may name several people and are cleared with time."""
    lines = ["| 表 | 列 |", "|---|---|"]
    for one in HOLDINGS.values():
        names = [name for name, kind in one.columns() if kind is Kind.PASSING]
        if names:
            lines.append(f"| `{one.table}` | {'、'.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines)
