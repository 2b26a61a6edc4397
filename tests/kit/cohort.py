"""A score sheet as real life writes it: rows that must be refused, and rows that only need cleaning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from server.demo_cohort import SCORE_HEADER, Person

Refused = tuple[int, str, str]  # index among the data rows, column, code
FULL_WIDTH = str.maketrans("0123456789X.", "０１２３４５６７８９ｘ．")


def changed(person: Person, **cells: Any) -> list[Any]:
    row = person.score_row()
    for title, value in cells.items():
        row[SCORE_HEADER.index(title)] = value
    return row


def messy_scores(people: list[Person]) -> tuple[list[list[Any]], list[Refused], list[tuple[str, Decimal]]]:
    """(rows, what is refused and why, admission number → score of the rows that are cleaned)."""
    p = people[:20]
    last = p[0].id_number[-1]
    bad: list[tuple[list[Any], str, str]] = [
        (
            changed(p[0], 证件号码=p[0].id_number[:-1] + ("1" if last != "1" else "2")),
            "证件号码",
            "id_check_digit",
        ),
        (changed(p[1], 证件号码=p[1].id_number[:15]), "证件号码", "id_length"),
        (changed(p[2], 证件号码=float(p[2].id_number[:17] + "0")), "证件号码", "number_rounded"),
        (changed(p[3], 成绩=101), "成绩", "score_out_of_range"),
        (changed(p[4], 成绩=-1), "成绩", "score_out_of_range"),
        (changed(p[5], 成绩="优秀"), "成绩", "score_not_a_number"),
        (changed(p[6], 证书等级="特级"), "证书等级", "level_unknown"),
        (changed(p[7], 姓名=""), "姓名", "missing"),
        (changed(p[8], 考试日期="2023-13-45"), "考试日期", "date_unknown"),
        (changed(p[9], 姓名='=HYPERLINK("http://example.invalid","x")'), "姓名", "formula"),
        (changed(p[10], 姓名=p[11].name + "错"), "姓名", "name_differs"),
    ]
    good = [
        changed(p[12], 姓名=f" {p[12].name}　"),
        changed(p[13], 证件号码=p[13].id_number.translate(FULL_WIDTH)),
        changed(p[14], 成绩="７８．５"),
        changed(p[15], 证件号码=f"'{p[15].id_number}"),
        p[16].score_row(),
    ]
    twice = changed(p[16], 成绩=1.0)
    rows = [row for row, _, _ in bad] + good + [twice]
    refused = [(index, column, code) for index, (_, column, code) in enumerate(bad)]
    refused += [(index, "准考证号", "admission_twice") for index in (len(rows) - 2, len(rows) - 1)]
    scores = [(one.admission_number, Decimal(str(one.score))) for one in (p[12], p[13], p[15])]
    return rows, refused, [*scores, (p[14].admission_number, Decimal("78.5"))]
