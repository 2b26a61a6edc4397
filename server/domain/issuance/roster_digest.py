"""The digest that an officer signs, computed by the school from its own register: no key, no database, no network.

What is read is the workbook that the school downloaded (`roster_workbook`), with the identity numbers that the school
itself filled in, or a register of the school's beside it. `docs/signed-list.md` is the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from server.domain.certificates.claims import FORM, Line, id_hash_salted, list_digest
from server.domain.issuance.roster_workbook import (
    FULL_ID,
    HASH,
    LEVEL,
    SALT,
    SHARED,
    STATED,
)
from server.domain.levels import Level
from server.domain.people.candidates import IdentityNumber
from server.domain.tables import Sheet
from server.errors import Refused

ROWS_ABOVE = 40  # what may stand above the list
SHOWN_DIGITS = 8  # of the digest, on the phone and on the desk
_DAY = re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日")
_NEEDED = {"序号", "姓名", "证书编号", HASH, SALT}
Register = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Recomputed:
    """What the school's own numbers make of the list.

    Args:
        digest: 64 hexadecimal digits; "" while a line cannot be computed.
        stated: what the workbook itself says the digest is.
        faults: what does not fit, each person in one sentence.
        is_complete: every line could be computed, whether it fits or not.
    """

    count: int
    facts: dict[str, str]
    stated: str
    digest: str = ""
    faults: list[str] = field(default_factory=list)
    is_complete: bool = True

    @property
    def shown(self) -> str:
        """The digits that the phone and the desk show."""
        return self.digest[:SHOWN_DIGITS]

    @property
    def is_the_list(self) -> bool:
        """The school's numbers make exactly the list that the workbook says it is."""
        return self.is_complete and not self.faults and self.digest == self.stated

    def open(self, fault: str) -> None:
        self.faults.append(fault)
        self.is_complete = False


def recompute(sheets: Iterable[Sheet], register: Register | None = None) -> Recomputed:
    """Compute the digest from the downloaded workbook and the school's own identity numbers.

    Args:
        sheets: of the workbook, or of a CSV saved from it.
        register: the school's own numbers by name, for rows where none is filled in; see `register_of`.

    Raises:
        Refused("not_a_roster"): it is no list with 核对码 and 证件摘要, or what stands above it is not all there.
    """
    rows, head = _found(
        sheets, _NEEDED, "没有找到名单：请用院校账号在批次页下载的“名单（xlsx）”，表头和上面几行不要改动。"
    )
    facts = {_text(row[0]): _text(row[1]) for row in rows[:head] if len(row) > 1 and _text(row[0])}
    shared = _shared(facts)
    place = {_text(name): at for at, name in enumerate(rows[head]) if _text(name)}
    people = [
        (at, row) for at, row in enumerate(rows[head + 1 :], head + 2) if _text(_cell(row, place["序号"]))
    ]
    out = Recomputed(len(people), facts, facts.get(STATED, "").lower())
    lines = [_line(out, _Row(at, row, place), shared, register or {}) for at, row in people]
    if not lines:
        raise _no_roster("名单中没有人。")
    if out.is_complete:
        out.digest = list_digest(line.to_bytes() for line in lines if line is not None).hex()
    return out


def register_of(sheets: Iterable[Sheet]) -> dict[str, list[str]]:
    """A register of the school's own, with the columns 姓名 and 证件号码: numbers by name.

    Raises:
        Refused("not_a_roster"): no table with these columns.
    """
    rows, head = _found(sheets, {"姓名", "证件号码"}, "本校名册里没有找到“姓名”和“证件号码”两列。")
    place = {_text(name): at for at, name in enumerate(rows[head])}
    out: dict[str, list[str]] = {}
    for row in rows[head + 1 :]:
        number = _written(_cell(row, place["证件号码"]))
        if number:
            out.setdefault(_text(_cell(row, place["姓名"])), []).append(number)
    return out


@dataclass(frozen=True, slots=True)
class _Row:
    at: int  # as the spreadsheet program counts
    cells: Sequence[Any]
    place: Mapping[str, int]

    def get(self, name: str) -> Any:
        return _cell(self.cells, self.place[name]) if name in self.place else ""

    @property
    def who(self) -> str:
        return f"第 {_text(self.get('序号'))} 位（表格第 {self.at} 行）"


def _line(out: Recomputed, row: _Row, shared: Mapping[str, str], register: Register) -> Line | None:
    salt, stated = _hex(row.get(SALT)), _hex(row.get(HASH))
    if not salt:
        out.open(f"{row.who}：没有核对码。这一行是旧格式，只有系统能重算。")
        return None
    if len(salt) != 32 or len(stated) != 32:
        out.open(f"{row.who}：核对码或证件摘要不完整，请重新下载名单。")
        return None
    number = _number(out, row, salt, stated, register)
    if number is None:
        return None
    id_hash = id_hash_salted(salt, number)
    if id_hash != stated:
        out.faults.append(f"{row.who}：证件号码与名单不符。")
    try:
        return Line(
            number=_text(row.get("证书编号")),
            name=_text(row.get("姓名")),
            id_hash=id_hash,
            form=FORM,
            **shared,
        )
    except ValueError:
        out.open(f"{row.who}：证书编号不合格式，请重新下载名单。")
        return None


def _number(out: Recomputed, row: _Row, salt: str, stated: str, register: Register) -> str | None:
    """The school's own number of this person, tidied; None when there is none that could be one."""
    raw = _written(row.get(FULL_ID))
    if not raw and register:
        own = register.get(_text(row.get("姓名")), ())
        fitting = [one for one in map(_tidied, own) if id_hash_salted(salt, one) == stated]
        if fitting:
            return fitting[0]
        if len(own) != 1:
            out.open(f"{row.who}：本校名册里{'有几位同名的，都与名单不符' if own else '没有这个姓名'}。")
            return None
        raw = own[0]
    if raw.endswith("?"):
        out.open(f"{row.who}：证件号码被表格当成了数字，末几位已经丢失；请把这一列设为“文本”再填。")
        return None
    try:
        return IdentityNumber.parse(raw).text
    except Refused as refused:
        sentence = f"没有填写“{FULL_ID}”。" if refused.code == "id_missing" else refused.message
        out.open(f"{row.who}：{sentence}")
        return None


def _tidied(raw: str) -> str:
    try:
        return IdentityNumber.parse(raw).text
    except Refused:
        return raw


def _shared(facts: Mapping[str, str]) -> dict[str, str]:
    day, level = _DAY.fullmatch(facts.get("考试日期", "")), Level.of_label(facts.get(LEVEL, ""))
    missing = [label for label in SHARED if not facts.get(label)]
    if missing or day is None or level is None:
        raise _no_roster("名单上面的几行（考试计划、考试日期、等级、院校等）不全，请重新下载名单。")
    try:
        exam_date = date(*map(int, day.groups())).isoformat()
    except ValueError:
        raise _no_roster("名单上面的考试日期不是一个日期，请重新下载名单。") from None
    words = {name: facts[label] for label, name in SHARED.items()}
    return {**words, "exam_date": exam_date, "level": level.value, "outcome": "passed"}


def _found(sheets: Iterable[Sheet], needed: set[str], sentence: str) -> tuple[list[list[Any]], int]:
    """The rows of the first table with these columns, and which of them is its head."""
    for sheet in sheets:
        for at, row in enumerate(sheet.rows[:ROWS_ABOVE]):
            if needed <= {_text(one) for one in row}:
                return sheet.rows, at
    raise _no_roster(sentence)


def _no_roster(sentence: str) -> Refused:
    return Refused("not_a_roster", sentence)


def _cell(row: Sequence[Any], at: int) -> Any:
    return row[at] if at < len(row) else ""


def _text(value: Any) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _written(value: Any) -> str:
    """An identity number as it was written. One that a spreadsheet made a number of has lost its last digits."""
    return f"{value:.0f}?" if isinstance(value, float | int) and not isinstance(value, bool) else _text(value)


def _hex(value: Any) -> str:
    return re.sub(r"[^0-9a-f]", "", _text(value).lower())
