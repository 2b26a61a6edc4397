"""A batch's list as a workbook to be checked and filed; a school's has what it takes to compute its digest.

`roster_digest` reads the school's again: the words above the list and its heads are a form (`docs/signed-list.md`).
"""

from __future__ import annotations

from server.domain import beijing
from server.domain.issuance.roster_access import Roll
from server.domain.ports import Cell, Clock, Mark, Services, SheetToWrite

HEAD = ("序号", "准考证号", "姓名", "证件号码", "成绩", "证书编号", "状态")
_WIDTHS = (8, 20, 16, 24, 14, 22, 14)
HASH, SALT, FULL_ID = "证件摘要", "核对码", "证件号码全号（本校填写）"
_FOR_SCHOOL = (HASH, SALT, FULL_ID)
_MORE_WIDTHS = (42, 42, 28)
LEVEL, STATED = "等级", "名单校验码"
SHARED = {  # what all lines share and is written above the list as it is signed, by the name of the line's field
    "考试计划": "plan",
    "证书名称": "certificate",
    "标准版本": "standard",
    "评价组织": "issuer",
    "院校": "school",
}


def facts(clock: Clock, roll: Roll) -> list[tuple[str, str]]:
    """What stands above the list, in the workbook and on paper."""
    batch = roll.batch
    return [
        ("考试计划", batch.plan),
        ("考试日期", beijing.say_day(batch.exam_date)),
        ("院校", batch.school),
        ("考核站点", batch.site),
        (LEVEL, batch.level.label),
        ("批次", f"第 {batch.id} 批，第 {batch.revision} 版，{batch.state.label}"),
        ("人数", f"{len(roll.people)}"),
        (STATED, batch.list_sha256),
        ("打印或下载时间", beijing.say_minute(clock.now())),
    ]


def workbook(s: Services, roll: Roll) -> bytes:
    """The workbook's bytes. Blocks: call it in a thread."""
    above = facts(s.clock, roll) + _signed_facts(roll)
    heads = HEAD + _FOR_SCHOOL if roll.signed else HEAD
    rows: list[list[Cell]] = [
        [_text(f"{s.settings.issuer}　签发名单", bold=True)],
        *([_text(name), _text(value)] for name, value in above),
        [],
        [_text(name, bold=True) for name in heads],
    ]
    for one in roll.people:
        words = (one.admission_number, one.name, one.id_masked, one.score, one.number, one.state.label)
        rows.append([Cell(one.row), *map(_text, words), *map(_text, _to_compute(roll, one.number))])
    widths = dict(enumerate(_WIDTHS + _MORE_WIDTHS, 1))
    return s.workbook_writer.write([SheetToWrite("签发名单", rows, widths=widths, frozen=len(above) + 3)])


def _signed_facts(roll: Roll) -> list[tuple[str, str]]:
    """What all lines share and the head of the list does not say yet."""
    one = next(iter(roll.signed.values()), None)
    if one is None:
        return []
    line = one.line
    return [("证书名称", line.certificate), ("标准版本", line.standard), ("评价组织", line.issuer)]


def _to_compute(roll: Roll, number: str) -> tuple[str, ...]:
    """The line's hash and salt, and the empty cell for the school's own number; nothing for anybody else."""
    if not roll.signed:
        return ()
    one = roll.signed[number]
    return _grouped(one.line.id_hash), _grouped(one.salt), ""


def _grouped(digits: str) -> str:
    """In groups of four, so that no spreadsheet takes it for a number."""
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _text(value: str, *, bold: bool = False) -> Cell:
    return Cell("".join(c for c in value if c.isprintable()), Mark.BOLD if bold else Mark.NONE)
