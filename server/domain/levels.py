"""初级, 中级, 高级 (S11) and the hours that the upper two ask for (S13)."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum


class Level(Enum):
    """value: how it is stored; label: how it is written; code: how it stands in a certificate's number."""

    PRIMARY = "primary"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"

    __hash__ = object.__hash__  # each level is one object; an import looks levels up some times for every row

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def english(self) -> str:
        """As it stands in the English line of a certificate, there in small letters."""
        return self.value.capitalize()

    @property
    def code(self) -> str:
        return {"primary": "1", "intermediate": "2", "advanced": "3"}[self.value]

    @property
    def hours(self) -> tuple[Decimal, Decimal]:
        """(supervision, practice) hours on record before a certificate, where the plan asks for them (S13)."""
        return {
            "primary": (Decimal(0), Decimal(0)),
            "intermediate": (Decimal(50), Decimal(125)),
            "advanced": (Decimal(100), Decimal(250)),
        }[self.value]

    @classmethod
    def of_label(cls, label: str) -> Level | None:
        return next((level for level in cls if level.label == label), None)


_LABELS = {Level.PRIMARY: "初级", Level.INTERMEDIATE: "中级", Level.ADVANCED: "高级"}
