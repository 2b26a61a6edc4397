"""README's tour, step by step: only what its quotation marks name may be clicked, filled in or looked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.journeys.service import ROOT

_TOUR = re.compile(r"^## 走一遍\n(.*?)^## ", re.M | re.S)
_STEP = re.compile(r"^(\d+)\. \*\*(.+?)\*\*：(.*?)(?=^\d+\. |\Z)", re.M | re.S)
Place = Page | FrameLocator | Locator


@dataclass
class Step:
    """One step; `said` are the words between its quotation marks, `done` those that were used."""

    number: int
    text: str
    done: set[str] = field(default_factory=set)

    @property
    def said(self) -> set[str]:
        return set(re.findall(r"“([^”]+)”", self.text))

    def word(self, text: str) -> str:
        """A word that the step names; what it does not name, nobody can know to click."""
        assert text in self.said, f"README's step {self.number} does not say “{text}”"
        self.done.add(text)
        return text

    def press(self, at: Place, text: str, role: str = "button", *, exact: bool = True) -> None:
        name = self.word(text)
        if exact:
            at.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]  # a role's name
        else:
            at.get_by_role(role, name=re.compile(re.escape(name))).first.click()  # type: ignore[arg-type]  # the same

    def fill(self, at: Place, text: str, value: str, *, exact: bool = False) -> None:
        at.get_by_label(self.word(text), exact=exact).first.fill(value)

    def see(self, at: Place, text: str) -> None:
        expect(at.get_by_text(self.word(text)).first).to_be_visible()

    def end(self) -> None:
        """Every name was used: none of them is made up."""
        assert self.said == self.done, f"step {self.number}: nobody could use {self.said - self.done}"


def steps() -> list[Step]:
    """The tour as README tells it today."""
    tour = _TOUR.search((ROOT / "README.md").read_text("utf-8"))
    assert tour is not None
    return [Step(int(number), text) for number, _, text in _STEP.findall(tour[1])]
