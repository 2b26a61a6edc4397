"""What a case says: what was on record and what it will be, sealed in its row, and how people read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import orjson

from server.domain.levels import Level
from server.domain.people.candidates import mask_id
from server.domain.ports import Keys

Contents = Mapping[str, str]  # by the names of FIELDS; a side of the case


class CorrectionKind(Enum):
    """value: how it is stored; label: how it is written."""

    PERSON = "person"
    PLACEMENT = "placement"
    SCORE = "score"
    REISSUE = "reissue"

    @property
    def label(self) -> str:
        return {
            "person": "考生信息",
            "placement": "考试计划或等级",
            "score": "成绩",
            "reissue": "重新发证",
        }[self.value]


FIELDS = {
    "name": "姓名",
    "id_number": "证件号码",
    "plan": "考试计划",
    "level": "等级",
    "subject": "科目",
    "score": "成绩",
    "certificate": "证书",
}
_SAME_ON_BOTH = frozenset({"subject"})


@dataclass(frozen=True, slots=True)
class CaseChange:
    """One thing that becomes another, as it is shown. An identity number is masked; who decides sees what differs."""

    label: str
    was: str
    becomes: str


def sealed(keys: Keys, side: str, place: str, contents: Contents) -> bytes:
    """One side of a case, bound to its place.

    Args:
        side: was or becomes.
        place: the key of the case's letter, which no other case has.
    """
    return keys.encrypt(orjson.dumps(dict(contents)).decode(), about=f"correction.{side}:{place}")


def opened(keys: Keys, side: str, place: str, data: bytes) -> dict[str, str]:
    """What `sealed` sealed."""
    contents: dict[str, str] = orjson.loads(keys.decrypt(data, about=f"correction.{side}:{place}"))
    return contents


def changes(was: Contents, becomes: Contents, *, in_full: bool) -> tuple[CaseChange, ...]:
    """What a case changes, in the order of FIELDS.

    Args:
        in_full: for who may decide: the digits of an identity number that differ are shown. Whoever asks chooses the
            other number, and with it which digits differ: to them the one on record stays masked.
    """
    shown = []
    for name, label in FIELDS.items():
        if name not in becomes:
            continue
        before, after = was.get(name, ""), becomes[name]
        if name == "id_number":
            before, after = compared(before, after) if in_full else (mask_id(before), mask_id(after))
        elif name == "level":
            before, after = (Level(one).label for one in (before, after))
        if name not in _SAME_ON_BOTH:
            label = f"{label}（{becomes['subject']}）" if name == "score" else label
            shown.append(CaseChange(label, before, after))
    return tuple(shown)


def compared(was: str, becomes: str) -> tuple[str, str]:
    """Two identity numbers with their ends and whatever differs between them; the rest is masked.

    Whoever decides has to see what changes, and no more than that.
    """
    differs = {at for at in range(max(len(was), len(becomes))) if was[at : at + 1] != becomes[at : at + 1]}

    def shown(number: str) -> str:
        open_ = differs | {0, 1} | set(range(len(number) - 4, len(number)))
        return "".join(one if at in open_ else "*" for at, one in enumerate(number))

    return shown(was), shown(becomes)


def word(kind: CorrectionKind, becomes: Contents) -> str:
    """Why, in a word, as anybody may read it on the old certificate."""
    if kind is CorrectionKind.REISSUE:
        return "重新发证"
    what = [FIELDS[name] for name in FIELDS if name in becomes and name not in _SAME_ON_BOTH]
    return "、".join(what) + "更正"
