"""The field of a PDF that is the seal: its name, its reason, its place on the page."""

from __future__ import annotations

from dataclasses import dataclass

FIELD = "Seal"
TITLE = "电子证书专用章"
REASON = "颁发职业技能等级证书"
_POINTS = 72 / 25.4


@dataclass(frozen=True, slots=True)
class Place:
    """Where the seal goes: its middle from the lower left corner of the page, and its size, in mm."""

    x: float
    y: float
    size: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """In whole points, as pyHanko takes it."""
        half = self.size / 2
        left, bottom = round((self.x - half) * _POINTS), round((self.y - half) * _POINTS)
        return left, bottom, left + self.points, bottom + self.points

    @property
    def points(self) -> int:
        return round(self.size * _POINTS)
