"""Names that a spreadsheet may not make by itself.

An unknown plan, school or site is asked for: its rows wait until somebody has confirmed exactly that name. A slip of
the pen would else make a second plan or school that looks like the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from server.domain.imports import cells
from server.domain.imports.parsed_rows import Draft
from server.domain.people.names import skeleton
from server.models import KeptName

LABELS = {"plans": "考试计划", "schools": "院校", "sites": "考核站点"}
_CODES = {"plans": "plan_unknown", "schools": "school_unknown", "sites": "site_unknown"}
_ERRORS_OF_ONE = 20  # rows of one unknown name that are listed singly; the others are counted
_COMPARED = 60  # unknown names that are compared with the known ones
_LIKE = 3
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Names:
    """Names by kind of thing."""

    plans: frozenset[str] = frozenset()
    schools: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Mapping[str, Iterable[str]] | None) -> Names:
        """Out of `{plans: […], schools: […], sites: […]}`, each spelt as cells are.

        Raises:
            Refused: too_long, control_character.
        """
        spelt = cells.text(_LONGEST)
        return cls(
            **{kind: frozenset(filter(None, map(spelt, (names or {}).get(kind, ())))) for kind in LABELS}
        )

    @classmethod
    def whatever(cls, names: Iterable[str]) -> Names:
        """The same names for every kind, as the command line gives them."""
        every = list(names)
        return cls.of(dict.fromkeys(LABELS, every))

    def of_kind(self, kind: str) -> frozenset[str]:
        names: frozenset[str] = getattr(self, kind)
        return names

    def __or__(self, other: Names) -> Names:
        return Names(self.plans | other.plans, self.schools | other.schools, self.sites | other.sites)

    def __bool__(self) -> bool:
        return bool(self.plans or self.schools or self.sites)

    def as_dict(self) -> dict[str, list[str]]:
        return {kind: sorted(self.of_kind(kind)) for kind in LABELS if self.of_kind(kind)}


NOTHING = Names()


@dataclass(slots=True)
class Register:
    """Which names of a sheet are on record, which are confirmed, and which have to be asked for."""

    confirmed: Names
    known: Mapping[str, Collection[str]]  # by kind
    asked: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # kind → name → rows
    met: set[str] = field(default_factory=set)

    def admits(self, draft: Draft, kind: str, name: str, column: str) -> bool:
        """Whether this name may stand in a row; if not, the row waits and the name is asked for."""
        self.met.add(name)
        if name in self.known[kind] or name in self.confirmed.of_kind(kind):
            return True
        rows = self.asked.setdefault(kind, {}).setdefault(name, [])
        rows.append(draft.row)
        draft.waits = True
        if len(rows) <= _ERRORS_OF_ONE:
            draft.refuse(
                column,
                _CODES[kind],
                f"系统里没有{LABELS[kind]}“{name}”。是笔误就改正；确是新的，请先确认新建这个名称。",
            )
        return False

    def as_json(self) -> dict[str, list[KeptName]]:
        """What is asked: by kind, each name with its rows counted, its first row, and other names like it."""
        compared = _COMPARED
        unknown: dict[str, list[KeptName]] = {}
        for kind, names in self.asked.items():
            for name, rows in names.items():
                like = self._likely(kind, name) if compared > 0 else []
                compared -= 1
                one: KeptName = {"name": name, "rows": len(rows), "first_row": rows[0], "like": like}
                unknown.setdefault(kind, []).append(one)
        return unknown

    def _likely(self, kind: str, name: str) -> list[str]:
        """Names on record or of the same file like this one; a site's name is built and so never misspelt."""
        if kind == "sites":
            return []
        return likely(name, {*self.known[kind], *self.asked[kind], *self.confirmed.of_kind(kind)} - {name})

    def unused(self, cells_say: Collection[str]) -> list[str]:
        """Confirmed names that neither a cell nor a good row of the sheet has."""
        every = {name for kind in self.known for name in self.confirmed.of_kind(kind)}
        return sorted(every - self.met - set(cells_say))


def likely(name: str, others: Iterable[str]) -> list[str]:
    """Known names that this one may be a slip of: they look the same, or differ by a character or two.

    Names that differ in their digits alone are a series (…22日, …23日) and no slip.
    """
    bare, most = _skeleton(name), max(1, min(3, len(name) // 8))
    near = []
    for other in others:
        if abs(len(other) - len(name)) > most and _skeleton(other) != bare:
            continue
        distance = 0 if _skeleton(other) == bare else _distance(name, other, most)
        if distance <= most and (distance == 0 or _undated(other) != _undated(name)):
            near.append((distance, other))
    return [other for _, other in sorted(near)[:_LIKE]]


_skeleton = lru_cache(maxsize=16_384)(skeleton)


def _undated(name: str) -> str:
    """The name without its digits."""
    return "".join(c for c in name if not c.isdecimal())


def _distance(one: str, other: str, most: int) -> int:
    """Levenshtein's distance, or more than `most` as soon as it is."""
    strange = (Counter(one) - Counter(other)).total()
    if max(strange, (Counter(other) - Counter(one)).total()) > most:
        return most + 1
    above = list(range(len(other) + 1))
    for place, a in enumerate(one, 1):
        row = [place]
        for column, b in enumerate(other, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (a != b)))
        if min(row) > most:
            return most + 1
        above = row
    return above[-1]
