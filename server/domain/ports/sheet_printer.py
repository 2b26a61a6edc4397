"""The port of paper certificates: sealed files become what the printer gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SheetToPrint:
    """One sheet: the serial that stands on the blank, and the sealed PDF that goes on it."""

    serial: str
    sealed: bytes


class SheetPrinter(Protocol):
    """Puts sealed certificates together for a printer."""

    async def sheets(self, sheets: Sequence[SheetToPrint]) -> bytes:
        """A PDF with a page for each sheet, in their order: the sealed page, its seal's picture, and the serial."""
