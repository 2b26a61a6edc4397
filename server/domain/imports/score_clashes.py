"""What only one may have in a score sheet, judged over the whole file: dates of new plans, admission numbers, marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from server.domain.imports.parsed_rows import Draft
from server.domain.imports.score_records import Records
from server.domain.imports.uniqueness import clashes, rows_of

_ASK = "这些行都没有写入，请核对后只保留正确的。"


def judge_whole(records: Records, drafts: list[Draft]) -> None:
    """Refuse every row that shares with another what only one may have."""
    by_row = {draft.row: draft for draft in drafts}
    new = [draft for draft in drafts if draft.values.get("考试计划") not in records.plans]
    _refuse(
        by_row,
        _entries(new, "考试计划", "考试日期"),
        "考试日期",
        "plan_date_differs",
        lambda where, days: f"{where}是同一考试计划，考试日期却有{days}；{_ASK}",
    )
    _refuse(
        by_row,
        _entries(new, "考试计划", "证书名称"),
        "证书名称",
        "plan_certificate_differs",
        lambda where, names: f"{where}是同一考试计划，证书名称却有{names}；{_ASK}",
    )
    numbered = [line for line in _lines(drafts) if line.number is not None and line.person is not None]
    _judge_admissions(by_row, numbered)
    _refuse(
        by_row,
        (
            ((line.number, line.person, line.subject), line.mark, line.row)
            for line in numbered
            if line.subject is not None and line.mark is not None
        ),
        "准考证号",
        "admission_twice",
        lambda where, _: f"{where}是同一准考证号同一科目，成绩却不同；{_ASK}",
    )


def _judge_admissions(by_row: dict[int, Draft], numbered: list[_Line]) -> None:
    """An admission number is one person's at one place, and a person has one of them there."""
    placed = [line for line in numbered if line.place is not None]
    _refuse(
        by_row,
        ((line.number, line.person, line.row) for line in numbered),
        "准考证号",
        "admission_other_person",
        lambda where, _: f"{where}是不同的考生，却用了同一个准考证号；{_ASK}",
    )
    _refuse(
        by_row,
        (((line.number, line.person), line.place, line.row) for line in placed),
        "准考证号",
        "admission_other_plan",
        lambda where, _: f"{where}是同一准考证号，却写了不同的考试计划、等级或考核站点；{_ASK}",
    )
    _refuse(
        by_row,
        (((line.person, line.place), line.number, line.row) for line in placed),
        "准考证号",
        "registered_twice",
        lambda where, numbers: f"{where}是同一考生在同一考试计划里，却有不同的准考证号{numbers}；{_ASK}",
    )


def _refuse(
    by_row: dict[int, Draft],
    entries: Iterable[tuple[Any, Any, int]],
    column: str,
    code: str,
    detail: Callable[[str, str], str],
) -> None:
    for values in clashes(entries).values():
        examples = "、".join(f"“{value}”" for value in list(values)[:3])
        sentence = detail(rows_of(values), examples)
        for rows in values.values():
            for row in rows:
                by_row[row].refuse(column, code, sentence)


class _Line(NamedTuple):
    """What a row says, each as far as it could be read (else None)."""

    row: int
    number: Any
    person: Any
    place: Any
    subject: Any
    mark: Any


def _lines(drafts: list[Draft]) -> list[_Line]:
    """The rows, each read once: six rules look at them."""
    same: dict[Any, Any] = {}  # so that equal places are one object, and compared by it

    def line(draft: Draft) -> _Line:
        get = draft.values.get
        place = (get("考试计划"), get("证书名称"), get("证书等级"), get("院校"))
        return _Line(
            draft.row,
            get("准考证号"),
            get("证件号码"),
            None if None in place else same.setdefault(place, place),
            get("考试科目"),
            get("成绩"),
        )

    return [line(draft) for draft in drafts]


def _entries(new: list[Draft], key: str, value: str) -> Iterable[tuple[Any, Any, int]]:
    """(key, value, row) of the rows in which both titles could be read."""
    for draft in new:
        one, other = draft.values.get(key), draft.values.get(value)
        if one is not None and other is not None:
            yield one, other, draft.row
