"""The shape of a life's table: which step leads from which states to which. Pure: the standard library alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Enum)


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One row of a table: `who` takes the step."""

    name: str
    sources: frozenset[S]
    target: S
    who: str


def step(name: str, sources: str, target: S, who: str) -> Step[S]:
    """A row whose sources are written as the states' values, with spaces between them."""
    return Step(name, frozenset(type(target)(word) for word in sources.split()), target, who)


def table(*rows: Step[S]) -> dict[str, Step[S]]:
    """The rows by name."""
    return {row.name: row for row in rows}
