"""What only one may have in a score sheet, judged over the whole file: dates of new plans, admission numbers, marks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from server.domain.imports.parsed_rows import Draft
from server.domain.imports.score_records import Known
from server.domain.imports.uniqueness import clashes, rows_of

_PLACE = ("考试计划", "证书名称", "证书等级", "院校")
_ASK = "这些行都没有写入，请核对后只保留正确的。"


def judge_whole(known: Known, drafts: list[Draft]) -> None:
    """Refuse every row that shares with another what only one may have."""
    by_row = {draft.row: draft for draft in drafts}
    new = [draft for draft in drafts if draft.get("考试计划") not in known.plans]
    _refuse(
        by_row,
        _said(new, lambda d: d.get("考试计划"), lambda d: d.get("考试日期")),
        "考试日期",
        "plan_date_differs",
        lambda where, days: f"{where}是同一考试计划，考试日期却有{days}；{_ASK}",
    )
    _refuse(
        by_row,
        _said(new, lambda d: d.get("考试计划"), lambda d: d.get("证书名称")),
        "证书名称",
        "plan_certificate_differs",
        lambda where, names: f"{where}是同一考试计划，证书名称却有{names}；{_ASK}",
    )
    _judge_admissions(by_row, drafts)
    _refuse(
        by_row,
        _said(drafts, _number_and_subject, lambda d: d.get("成绩")),
        "准考证号",
        "admission_twice",
        lambda where, _: f"{where}是同一准考证号同一科目，成绩却不同；{_ASK}",
    )


def _judge_admissions(by_row: dict[int, Draft], drafts: list[Draft]) -> None:
    """An admission number is one person's at one place, and a person has one of them there."""
    _refuse(
        by_row,
        _said(drafts, lambda d: d.get("准考证号"), lambda d: d.get("证件号码")),
        "准考证号",
        "admission_other_person",
        lambda where, _: f"{where}是不同的考生，却用了同一个准考证号；{_ASK}",
    )
    _refuse(
        by_row,
        _said(drafts, _number_and_person, _place),
        "准考证号",
        "admission_other_plan",
        lambda where, _: f"{where}是同一准考证号，却写了不同的考试计划、等级或考核站点；{_ASK}",
    )
    _refuse(
        by_row,
        _said(drafts, _person_and_place, lambda d: d.get("准考证号")),
        "准考证号",
        "registered_twice",
        lambda where, numbers: f"{where}是同一考生在同一考试计划里，却有不同的准考证号{numbers}；{_ASK}",
    )


Reads = Callable[[Draft], Any]


def _said(drafts: Iterable[Draft], key: Reads, value: Reads) -> Iterable[tuple[Hashable, Hashable, int]]:
    """(key, value, row) of the rows in which both could be read."""
    for draft in drafts:
        found = key(draft), value(draft)
        if None not in found:
            yield *found, draft.row


def _refuse(
    by_row: dict[int, Draft],
    said: Iterable[tuple[Hashable, Hashable, int]],
    column: str,
    code: str,
    detail: Callable[[str, str], str],
) -> None:
    for values in clashes(said).values():
        shown = "、".join(f"“{value}”" for value in list(values)[:3])
        told = detail(rows_of(values), shown)
        for rows in values.values():
            for row in rows:
                by_row[row].refuse(column, code, told)


def _place(draft: Draft) -> Any:
    place = tuple(map(draft.values.get, _PLACE))
    return None if None in place else place


def _number_and_subject(draft: Draft) -> Any:
    return _both(_number_and_person(draft), draft.get("考试科目"))


def _number_and_person(draft: Draft) -> Any:
    return _both(draft.get("准考证号"), draft.get("证件号码"))


def _person_and_place(draft: Draft) -> Any:
    return _both(draft.get("证件号码"), _place(draft))


def _both(one: Any, other: Any) -> Any:
    return None if one is None or other is None else (one, other)
