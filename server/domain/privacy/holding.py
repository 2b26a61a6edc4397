"""What a column of the database holds, seen from the person it may be about (PIPL Art. 4, 45, 47). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """value: as the tables write it; label: as docs/privacy.md writes it."""

    PERSONAL = "personal"
    PASSING = "passing"
    PEOPLE = "people"
    KEYED = "keyed"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            "personal": "考生本人的信息，给本人的副本里有",
            "passing": "含有多人的信息，不能按人查找，到期清除",
            "people": "工作人员、签发负责人和培训学员的信息",
            "keyed": "密钥、散列和盲索引，不含可读的信息，不给任何人",
            "other": "业务本身的信息，与某一个人无关",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Holding:
    """One table.

    Attributes:
        table: its name in the database.
        label: what its rows are called; empty where no candidate's rows are found.
        of: SQL that is true of a candidate's rows, `$1` being the candidate's id; empty: none are found so.
        shown: SQL that is true of those which the person may be told of at `$2`; empty: all. Results are told from
            the minute of their release on.
        personal, passing, people, keyed, other: the columns of each kind, blanks between them; of `personal`
            `column=what it is called`.
    """

    table: str
    label: str = ""
    of: str = ""
    shown: str = ""
    personal: str = ""
    passing: str = ""
    people: str = ""
    keyed: str = ""
    other: str = ""
    words: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        words = dict(one.split("=", 1) for one in self.personal.split())
        object.__setattr__(self, "words", words)

    def columns(self) -> list[tuple[str, Kind]]:
        """Every column with its kind."""
        found = [(name, Kind.PERSONAL) for name in self.words]
        for kind in (Kind.PASSING, Kind.PEOPLE, Kind.KEYED, Kind.OTHER):
            found += [(name, kind) for name in getattr(self, kind.value).split()]
        return found
