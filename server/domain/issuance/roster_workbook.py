"""A batch's list as a workbook to be checked and filed."""

from __future__ import annotations

from server.domain import beijing
from server.domain.issuance.roster_access import Roll
from server.domain.ports import Cell, Clock, Mark, Services, SheetToWrite

HEAD = ("序号", "准考证号", "姓名", "证件号码", "成绩", "证书编号", "状态")
_WIDTHS = (8, 20, 16, 24, 14, 22, 14)


def facts(clock: Clock, roll: Roll) -> list[tuple[str, str]]:
    """What stands above the list, in the workbook and on paper."""
    batch = roll.batch
    return [
        ("考试计划", batch.plan),
        ("考试日期", beijing.say_day(batch.exam_date)),
        ("院校", batch.school),
        ("考核站点", batch.site),
        ("等级", batch.level.label),
        ("批次", f"第 {batch.id} 批，第 {batch.revision} 版，{batch.state.label}"),
        ("人数", f"{len(roll.people)}"),
        ("名单校验码", batch.list_sha256),
        ("打印或下载时间", beijing.say_minute(clock.now())),
    ]


def workbook(s: Services, roll: Roll) -> bytes:
    """The workbook's bytes. Blocks: call it in a thread."""
    above = facts(s.clock, roll)
    rows: list[list[Cell]] = [
        [_text(f"{s.settings.issuer}　签发名单", bold=True)],
        *([_text(name), _text(value)] for name, value in above),
        [],
        [_text(name, bold=True) for name in HEAD],
    ]
    for one in roll.people:
        words = (one.admission_number, one.name, one.id_masked, one.score, one.number, one.state.label)
        rows.append([Cell(one.row), *map(_text, words)])
    widths = dict(enumerate(_WIDTHS, 1))
    return s.workbook_writer.write([SheetToWrite("签发名单", rows, widths=widths, frozen=len(above) + 3)])


def _text(value: str, *, bold: bool = False) -> Cell:
    return Cell("".join(c for c in value if c.isprintable()), Mark.BOLD if bold else Mark.NONE)
