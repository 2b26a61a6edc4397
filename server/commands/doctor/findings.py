"""What the doctor found: one line each, told with a sign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """The sign before a line; only BAD makes the command leave with 1."""

    OK = "✓"
    LOOK = "!"
    BAD = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text`: what is so; for BAD also what to do and where."""

    level: Level
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.level.value} {self.title}：{self.text}"


def ok(title: str, text: str) -> Finding:
    return Finding(Level.OK, title, text)


def look(title: str, text: str) -> Finding:
    return Finding(Level.LOOK, title, text)


def bad(title: str, text: str) -> Finding:
    return Finding(Level.BAD, title, text)
