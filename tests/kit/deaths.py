"""A started service whose processes die where a test says (`tests/deaths/sitecustomize.py`), and are started again."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.service import ROOT, Service


class DyingService(Service):
    """Its processes die at the next place that `order` named."""

    def environment(self) -> dict[str, str]:
        path = f"{ROOT / 'tests' / 'deaths'}:{ROOT}"
        return super().environment() | {"PYTHONPATH": path, "DIES_IN": str(self._dying)}

    @property
    def _dying(self) -> Path:
        (folder := self.folder / "dying").mkdir(exist_ok=True)
        return folder

    def order(self, place: str) -> None:
        """The process that comes by this place next is dead."""
        (self._dying / "died").unlink(missing_ok=True)
        (new := self._dying / "new").write_text(place, "utf-8")
        new.rename(self._dying / "place")

    def has_died(self) -> bool:
        return (self._dying / "died").exists()
