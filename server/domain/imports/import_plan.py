"""What an examination of drafts against the records comes to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from server.domain.imports.new_names import Names, Register
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Draft
from server.domain.people.candidates import mask_id
from server.domain.people.names import same_name
from server.models import KeptChange, KeptDifference

MOST_DIFFERENCES = 2_000  # kept with a run; all are counted

Change = tuple[str, str, str]  # what, as it was, as it becomes


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that changes something on record: whose, and what from what to what. The identity number is masked.

    `is_grave`: somebody who passes would not any more.
    """

    row: int
    who: str
    changes: tuple[Change, ...]
    is_grave: bool = False

    def as_json(self) -> KeptDifference:
        changes: list[KeptChange] = [
            {"what": what, "was": was, "became": became} for what, was, became in self.changes
        ]
        return {"row": self.row, "who": self.who, "changes": changes, "is_grave": self.is_grave}


@dataclass(slots=True)
class Verdict:
    """Which rows are new, which change the records, which are there already; refused rows carry their errors.

    `register` knows the names to be asked for, `creates` those that are made, `work` is what the topic's `take`
    needs; nobody else looks at it. `keeps`: there is something to write even when no row is taken.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    register: Register | None = None
    creates: Names = field(default_factory=Names)
    work: Any = None
    keeps: bool = False
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def rows_taken(self) -> int:
        return self.new + self.changed

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of what is to be written: the same file that would now write something else has another one."""
        digest: bytes = self._digest.digest()
        return digest

    def add_new(self, draft: Draft) -> None:
        self.new += 1
        self._digest.update(f"new {draft.row}\n".encode())

    def add_changed(
        self, draft: Draft, who: str, changes: Iterable[Change], *, is_grave: bool = False
    ) -> None:
        self.changed += 1
        difference = Difference(draft.row, who, tuple(changes), is_grave)
        self._digest.update(f"changed {difference!r}\n".encode())
        if len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(difference)

    def hold_back(self) -> None:
        """Nothing is taken after all."""
        self.new = self.changed = 0
        self.differences, self.creates, self.work, self.keeps = [], Names(), None, False


def who(draft: Draft) -> str:
    """崔子涵 99************4055"""
    number = draft.get("证件号码") or ""
    return f"{draft.get('姓名') or ''} {mask_id(number) if number else ''}".strip()


def judge_person(draft: Draft, people: dict[str, OnRecord]) -> OnRecord | None:
    """The candidate of a row that must be on record under the same name; the draft is told what is wrong."""
    number, name = draft.get("证件号码"), draft.get("姓名")
    if number is None:
        return None
    person = people.get(number)
    if person is None:
        draft.refuse("证件号码", "candidate_unknown", "系统里没有这位考生，请先导入考生信息，再导入这一行。")
        return None
    if name is not None and not same_name(name, person.name):
        draft.refuse(
            "姓名",
            "name_differs",
            "姓名与系统里这个证件号码的考生不一致，请核对；确需更正姓名的，请凭函件在“更正”页提出。",
        )
    return person
