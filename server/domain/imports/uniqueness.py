"""Uniqueness, judged over a whole file before any row: whoever shares what only one may have is refused on both sides."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Hashable)


def clashes(entries: Iterable[tuple[Key, Value, int]]) -> dict[Key, dict[Value, list[int]]]:
    """Keys that were given more than one value: key → value → the rows that say so.

    Args:
        entries: (key, value, row number) of every row whose cells could be read, also of rows refused for other reasons.
    """
    every = list(entries)
    first: dict[Key, Value] = {}
    differing = {key for key, value, _ in every if first.setdefault(key, value) != value}
    clashing: dict[Key, dict[Value, list[int]]] = {}
    for key, value, row in every if differing else ():
        if key in differing:
            clashing.setdefault(key, {}).setdefault(value, []).append(row)
    return clashing


def row_numbers(numbers: Iterable[int]) -> str:
    """第 3、8 行, shortened when there are many."""
    sorted_numbers = sorted(set(numbers))
    text = "、".join(map(str, sorted_numbers[:10]))
    return f"第 {text} 行" if len(sorted_numbers) <= 10 else f"第 {text} 行等 {len(sorted_numbers)} 行"


def rows_of(values: dict[Value, list[int]]) -> str:
    """Some rows of every value, so that both sides of a clash are named: 第 3、8 行."""
    few = [row for rows in list(values.values())[:5] for row in rows[:3]]
    total = sum(map(len, values.values()))
    return row_numbers(few) if total == len(few) else f"{row_numbers(few)}等 {total} 行"
